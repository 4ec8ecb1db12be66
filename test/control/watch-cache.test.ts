import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WatchCache } from "../../src/control/watch-cache.ts";
import { StoreError } from "../../src/store/errors.ts";
import { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import type { Store } from "../../src/store/store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { until } from "./follower.ts";
import { draft, SYSTEM } from "./objects.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function openStore(): StandaloneStore {
  const directory = mkdtempSync(join(tmpdir(), "cache-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const store = new StandaloneStore({ directory, namespace: SYSTEM, retention: { changes: 3 } });
  cleanups.push(() => store.close());
  return store;
}

const create = (store: Store, name: string) => store.create("Export", draft("Export", name, { host: "h", port: 1 }));

/** A cache of Exports, with every state that it has been seen in. */
function follow(store: Pick<Store, "list" | "watch">) {
  const seen: string[] = [];
  const log = createLogger({ level: "fatal", format: "text" });
  const cache: WatchCache<"Export"> = new WatchCache("Export", {
    store,
    log,
    onChange: () => seen.push([...cache.objects.keys()].map((key) => key.replace("default/", "")).join(" ")),
  });
  cleanups.push(() => cache.stop());
  void cache.run();
  return { cache, seen };
}

describe("a watch cache", () => {
  test("has what was there and follows what comes", async () => {
    const store = openStore();
    await create(store, "a");
    const { cache, seen } = follow(store);
    await until(() => cache.synced);
    await create(store, "b");
    await store.delete("Export", "default", "a");
    await until(() => seen.at(-1) === "b");
    expect(seen).toEqual(["a", "a b", "b"]);
  });

  test("lists again when its version is too old, and takes the new list as a whole", async () => {
    const store = openStore();
    await create(store, "a");
    const watching = Promise.withResolvers<void>();
    let watches = 0;
    const late: Pick<Store, "list" | "watch"> = {
      list: (kind, options) => store.list(kind, options),
      async *watch(kind, options) {
        if (watches++ === 0) await watching.promise;
        yield* store.watch(kind, options);
      },
    };
    const { cache, seen } = follow(late);
    await until(() => cache.synced);
    await store.delete("Export", "default", "a");
    for (const name of ["b", "c", "d", "e"]) await create(store, name);
    watching.resolve();
    await until(() => seen.length === 2);
    expect(seen).toEqual(["a", "b c d e"]);
    expect(watches).toBe(2);
    await create(store, "f");
    await until(() => seen.at(-1) === "b c d e f");
  });

  test("goes on where a watch ended, without another list", async () => {
    const store = openStore();
    let lists = 0;
    const ends: AbortController[] = [];
    const interrupted: Pick<Store, "list" | "watch"> = {
      list: (kind, options) => {
        lists++;
        return store.list(kind, options);
      },
      watch(kind, options) {
        const end = new AbortController();
        ends.push(end);
        return store.watch(kind, { ...options, signal: AbortSignal.any([options.signal, end.signal]) });
      },
    };
    const { seen } = follow(interrupted);
    await until(() => ends.length === 1);
    await create(store, "a");
    await until(() => seen.at(-1) === "a");
    ends[0]?.abort();
    await create(store, "b");
    await until(() => seen.at(-1) === "a b");
    expect(lists).toBe(1);
    expect(ends).toHaveLength(2);
  });

  test("asks a store ever less often that finds every version too old", async () => {
    const store = openStore();
    let lists = 0;
    const forgetful: Pick<Store, "list" | "watch"> = {
      list: (kind, options) => {
        lists++;
        return store.list(kind, options);
      },
      async *watch() {
        yield* [];
        throw new StoreError("Expired", "too old");
      },
    };
    follow(forgetful);
    await until(() => lists === 3);
    await Bun.sleep(1_500);
    expect(lists).toBeLessThan(8);
  });

  test("is not synced, says why, and tries again while the store fails", async () => {
    const store = openStore();
    let broken = true;
    const failing: Pick<Store, "list" | "watch"> = {
      list: async (kind, options) => {
        if (broken) throw new StoreError("Unavailable", "the disk is gone");
        return store.list(kind, options);
      },
      watch: (kind, options) => store.watch(kind, options),
    };
    const { cache, seen } = follow(failing);
    await until(() => cache.failure);
    expect(cache.failure).toBe("the disk is gone");
    expect(cache.synced).toBe(false);
    expect(seen).toEqual([]);
    broken = false;
    await until(() => cache.synced);
    expect(cache.failure).toBeUndefined();
  });
});
