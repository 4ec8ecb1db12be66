import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { KindName } from "../../src/resources/kinds.ts";
import { StoreError } from "../../src/store/errors.ts";
import type { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import type { WatchEvent } from "../../src/store/store.ts";
import { anExport, anImport, line, openStore, take, temporaryFolder, withLabels } from "./objects.ts";

let folder: ReturnType<typeof temporaryFolder>;
let store: StandaloneStore;
let stop: AbortController;

beforeEach(() => {
  folder = temporaryFolder();
  stop = new AbortController();
  store = openStore(folder.path, { retention: { changes: 64 }, watcher: { buffer: 8, bookmarkInterval: 20 } });
});

afterEach(() => {
  stop.abort();
  store.close();
  folder.dispose();
});

async function now(): Promise<string> {
  return (await store.list("Export")).resourceVersion;
}

function watch(
  resourceVersion: string,
  more: { namespace?: string; labelSelector?: string; fieldSelector?: string } = {},
) {
  return store.watch("Export", { resourceVersion, signal: stop.signal, ...more });
}

/** Collects events without bookmarks until there are so many. */
async function changes(events: AsyncIterable<WatchEvent<KindName>>, count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of events) {
    if (event.type !== "BOOKMARK") lines.push(line(event));
    if (lines.length === count) break;
  }
  return lines;
}

describe("a watch", () => {
  test("delivers what happened since its version and what happens next, of its kind only", async () => {
    const start = await now();
    const made = await store.create("Export", anExport("a"));
    await store.create("Import", anImport("x"));
    const pending = changes(watch(start), 4);
    await Bun.sleep(1);
    await store.update("Export", withLabels(made, { app: "web" }));
    await store.delete("Export", "default", "a");
    await store.create("Export", anExport("b"));
    expect(await pending).toEqual(["ADDED default/a", "MODIFIED default/a", "DELETED default/a", "ADDED default/b"]);
  });

  test("from the version of an object skips that object's write", async () => {
    const made = await store.create("Export", anExport("a"));
    await store.create("Export", anExport("b"));
    expect(await changes(watch(made.metadata.resourceVersion), 1)).toEqual(["ADDED default/b"]);
  });

  test("of a namespace sees no other", async () => {
    const pending = changes(watch(await now(), { namespace: "shop" }), 1);
    await store.create("Export", anExport("a"));
    await store.create("Export", anExport("b", { namespace: "shop" }));
    expect(await pending).toEqual(["ADDED shop/b"]);
  });

  test("with a selector tells entering as ADDED and leaving as DELETED, with the last selected state", async () => {
    const start = await now();
    const made = await store.create("Export", anExport("a"));
    const entered = await store.update("Export", withLabels(made, { app: "web" }));
    const changed = await store.update("Export", { ...entered, spec: { port: 81 } });
    const left = await store.update("Export", withLabels(changed, { app: "db" }));
    await store.delete("Export", "default", "a");
    await store.create("Export", anExport("b", { labels: { app: "web" } }));
    await store.delete("Export", "default", "b");
    const seen = await take(watch(start, { labelSelector: "app=web" }), 5);
    expect(seen.map(line)).toEqual([
      "ADDED default/a",
      "MODIFIED default/a",
      "DELETED default/a",
      "ADDED default/b",
      "DELETED default/b",
    ]);
    const leaving = seen[2];
    expect(leaving).toMatchObject({
      object: {
        metadata: { labels: { app: "web" }, resourceVersion: left.metadata.resourceVersion },
        spec: { port: 81 },
      },
    });
  });

  test("of one name sees that object only", async () => {
    const pending = changes(watch(await now(), { fieldSelector: "metadata.name=b" }), 2);
    for (const name of ["a", "b", "c"]) await store.create("Export", anExport(name));
    await store.delete("Export", "default", "b");
    expect(await pending).toEqual(["ADDED default/b", "DELETED default/b"]);
  });

  test("gives every reader a copy of its own", async () => {
    const start = await now();
    await store.create("Export", anExport("a"));
    const [one] = await take(watch(start), 1);
    const [two] = await take(watch(start), 1);
    if (one?.type !== "ADDED" || two?.type !== "ADDED") throw new Error("expected ADDED");
    one.object.spec.port = 1;
    expect(two.object.spec.port).toBe(80);
  });

  test("ends when its signal aborts, while it waits and before it begins", async () => {
    const pending = changes(watch(await now()), 1);
    await Bun.sleep(1);
    stop.abort();
    expect(await pending).toEqual([]);
    expect(await changes(watch(await now()), 1)).toEqual([]);
  });

  test("ends when the store closes", async () => {
    const pending = changes(watch(await now()), 1);
    await Bun.sleep(1);
    store.close();
    expect(await pending).toEqual([]);
    store = openStore(folder.path);
  });

  test("is told by a bookmark how far the store is, once, when others' changes went by", async () => {
    const start = await now();
    await store.create("Import", anImport("x"));
    const [event] = await take(watch(start), 1);
    expect(event).toEqual({ type: "BOOKMARK", resourceVersion: await now() });
    const quiet = changes(watch(await now()), 1);
    await Bun.sleep(60);
    await store.create("Export", anExport("a"));
    expect(await quiet).toEqual(["ADDED default/a"]);
  });

  test("is told so too while what it has not selected changes all the time", async () => {
    await store.create("Export", anExport("other"));
    const told = take(watch(await now(), { labelSelector: "app=web" }), 1);
    const end = Date.now() + 2_000;
    let waiting = true;
    void told.then(() => {
      waiting = false;
    });
    for (let round = 0; waiting && Date.now() < end; round++) {
      await store.update("Export", withLabels(anExport("other"), { round: String(round) }));
      await Bun.sleep(2);
    }
    expect([waiting, (await told).map(({ type }) => type)]).toEqual([false, ["BOOKMARK"]]);
  });
});

describe("a version", () => {
  test("that is no longer retained is Expired at once", async () => {
    const start = await now();
    for (let i = 0; i < 100; i++) await store.create("Import", anImport(`i${i}`));
    expect(() => watch(start)).toThrow(expect.objectContaining({ code: "Expired" }));
    watch(await now());
  });

  test("that is still to come is Expired: it is another store's", async () => {
    const ahead = String(Number(await now()) + 1);
    expect(() => watch(ahead)).toThrow(expect.objectContaining({ code: "Expired" }));
  });

  test.each(["", "abc", "-1", "1.5"])("%p is Invalid", (text) => {
    expect(() => watch(text)).toThrow(expect.objectContaining({ code: "Invalid" }));
  });

  test("is retained across a restart", async () => {
    const start = await now();
    await store.create("Export", anExport("a"));
    store.close();
    store = openStore(folder.path);
    expect(await changes(watch(start), 1)).toEqual(["ADDED default/a"]);
  });
});

describe("a slow reader", () => {
  test("goes on from the history when its buffer is full, without a gap or an overlap", async () => {
    const events = watch(await now())[Symbol.asyncIterator]();
    const first = events.next();
    await store.create("Export", anExport("e0"));
    expect((await first).value).toMatchObject({ type: "ADDED" });
    for (let i = 1; i < 40; i++) await store.create("Export", anExport(`e${i}`));
    const names: string[] = [];
    for (;;) {
      const { value } = await events.next();
      if (!value || value.type === "BOOKMARK") break;
      names.push(value.object.metadata.name);
      if (names.length === 39) break;
    }
    expect(names).toEqual(Array.from({ length: 39 }, (_, i) => `e${i + 1}`));
  });

  test("keeps few large objects waiting in memory, as it does many small ones", async () => {
    const roomy = temporaryFolder();
    const large = openStore(roomy.path, { retention: { changes: 2 }, watcher: { bufferSize: 4096 } });
    const { resourceVersion } = await large.list("Export");
    const events = large.watch("Export", { resourceVersion, signal: stop.signal })[Symbol.asyncIterator]();
    const first = events.next();
    await large.create("Export", anExport("e0"));
    await first;
    const annotations = { note: "x".repeat(1024) };
    for (let i = 1; i < 8; i++) await large.create("Export", anExport(`e${i}`, { annotations }));
    // Nothing but the history has them, and that is as good as empty here.
    expect(await events.next().catch((reason: unknown) => reason)).toMatchObject({ code: "Expired" });
    large.close();
    roomy.dispose();
  });

  test("is Expired when the history has left it behind", async () => {
    const events = watch(await now())[Symbol.asyncIterator]();
    const first = events.next();
    await store.create("Export", anExport("e0"));
    await first;
    for (let i = 1; i < 200; i++) await store.create("Export", anExport(`e${i}`));
    const error = await events.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: "Expired" });
  });
});

test("under concurrent writes a list and a watch from it have no gap and no overlap", async () => {
  const total = 300;
  const roomy = temporaryFolder();
  const busy = openStore(roomy.path, { watcher: { buffer: 4, bookmarkInterval: 1 } });
  const writing = (async () => {
    for (let i = 0; i < total; i++) {
      const made = await busy.create("Export", anExport(`e${i}`));
      if (i % 3 === 0) await busy.update("Export", { ...made, spec: { port: 81 } });
      if (i % 5 === 0) await busy.delete("Export", "default", `e${i}`);
      if (i % 7 === 0) await Bun.sleep(0);
    }
  })();
  const follow = async (pause: number) => {
    await Bun.sleep(pause);
    const { items, resourceVersion } = await busy.list("Export");
    const mirror = new Map(items.map((item) => [item.metadata.name, item]));
    let last = Number(resourceVersion);
    for await (const event of busy.watch("Export", { resourceVersion, signal: stop.signal })) {
      if (event.type !== "BOOKMARK") {
        const { name, resourceVersion: version } = event.object.metadata;
        expect(Number(version)).toBeGreaterThan(last);
        last = Number(version);
        expect(mirror.has(name)).toBe(event.type !== "ADDED");
        if (event.type === "DELETED") mirror.delete(name);
        else mirror.set(name, event.object);
        if (pause === 3) await Bun.sleep(0);
      } else if (mirror.has("done")) break;
      if (mirror.has("done")) break;
    }
    mirror.delete("done");
    return [...mirror.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  };
  const mirrors = Promise.all([0, 1, 2, 3].map(follow));
  await writing;
  const truth = (await busy.list("Export")).items;
  await Bun.sleep(5);
  await busy.create("Export", anExport("done"));
  for (const mirror of await mirrors) expect(mirror).toEqual(truth);
  busy.close();
  roomy.dispose();
});
