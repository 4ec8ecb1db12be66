import { describe, expect, test } from "bun:test";
import { KeyQueue } from "../../src/control/key-queue.ts";
import { Known } from "../../src/control/kubernetes/known.ts";
import type { KubeObject } from "../../src/store/kubernetes/resource.ts";
import { until } from "../control/follower.ts";

describe("what is known of the objects of a resource", () => {
  const at = (resourceVersion: string, uid = "u", metadata: object = {}): KubeObject => ({
    metadata: { name: "a", namespace: "n", uid, resourceVersion, labels: { group: "g" }, ...metadata },
  });
  const key = "n/a";
  const upsert = (object: KubeObject) => [{ type: "upsert" as const, key, object }];
  const remove = (previous: KubeObject) => [{ type: "delete" as const, key, previous }];
  const known = () => new Known<KubeObject>(({ metadata }) => [metadata.labels?.["group"] ?? "none"]);
  const version = (objects: Known<KubeObject>) => objects.get(key)?.metadata.resourceVersion;

  test("is what was told", () => {
    const objects = known();
    expect([...objects.take(upsert(at("1")))]).toEqual(["g"]);
    expect(version(objects)).toBe("1");
    expect(objects.inGroup("g")).toHaveLength(1);
    const moved = at("2", "u", { labels: { group: "h" } });
    expect([...objects.take(upsert(moved))].sort()).toEqual(["g", "h"]);
    expect(objects.inGroup("g")).toEqual([]);
    objects.take(remove(moved));
    expect(objects.get(key)).toBeUndefined();
    expect([...objects.groups]).toEqual([]);
  });

  test("is what was written, until as much has been told", () => {
    const objects = known();
    objects.take(upsert(at("1")));
    objects.wrote(key, at("10"));
    objects.take(upsert(at("9")));
    expect(version(objects)).toBe("10");
    objects.take(upsert(at("11")));
    expect(version(objects)).toBe("11");
    objects.take(upsert(at("12")));
    expect(version(objects)).toBe("12");
  });

  test("is what was told, when that was first", () => {
    const objects = known();
    objects.take(upsert(at("11")));
    objects.wrote(key, at("10"));
    expect(version(objects)).toBe("11");
  });

  test("is found by its group as soon as it was written", () => {
    const objects = known();
    objects.wrote(key, at("1"));
    expect(objects.inGroup("g")).toHaveLength(1);
  });

  test("is nothing after a deletion, whatever of before is told late, and something when it is made again", () => {
    const objects = known();
    objects.take(upsert(at("1")));
    objects.wrote(key, undefined);
    objects.take(upsert(at("2")));
    expect(objects.get(key)).toBeUndefined();
    objects.take(remove(at("2")));
    objects.take(upsert(at("4", "another")));
    expect(version(objects)).toBe("4");
  });

  test("is nothing that was written and never told, once it turned out or is to be taken to be gone", () => {
    let now = 0;
    const objects = new Known<KubeObject>(
      () => ["g"],
      () => now,
    );
    objects.wrote(key, at("1"));
    objects.forget(key);
    expect(objects.get(key)).toBeUndefined();
    objects.wrote(key, at("2"));
    now = 100;
    expect([...objects.expire(101)]).toEqual([]);
    expect(version(objects)).toBe("2");
    expect([...objects.expire(100)]).toEqual(["g"]);
    expect(objects.get(key)).toBeUndefined();
    expect([...objects.expire(0)]).toEqual([]);
  });

  test("is still there after a deletion that a finalizer holds up", () => {
    const objects = known();
    objects.take(upsert(at("1")));
    objects.wrote(key, undefined);
    objects.take(upsert(at("2", "u", { deletionTimestamp: "2026-01-01T00:00:00Z" })));
    expect(version(objects)).toBe("2");
  });
});

describe("a queue of keys", () => {
  function queue(work: (key: string) => Promise<void>, concurrency = 2) {
    const failures: string[] = [];
    const made = new KeyQueue({
      work,
      concurrency,
      retry: { first: 20, longest: 100 },
      onFailure: (key, error, count) => failures.push(`${key} ${count} ${(error as Error).message}`),
    });
    return { made, failures };
  }

  test("works on each key once at a time, again when it was added meanwhile, and on so many at once", async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const begun: string[] = [];
    const { made } = queue((key) => {
      begun.push(key);
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    });
    made.resume();
    made.add(["a", "b", "c", "a"]);
    made.add(["a"]);
    expect(begun).toEqual(["a", "b"]);
    gates[1]?.resolve();
    await until(() => begun.length === 3);
    expect(begun).toEqual(["a", "b", "c"]);
    gates[0]?.resolve();
    await until(() => begun.length === 4);
    expect(begun[3]).toBe("a");
    for (const gate of gates) gate.resolve();
    await until(() => made.size === 0);
    expect(begun).toHaveLength(4);
  });

  test("tries again what failed, until it does not", async () => {
    let tries = 0;
    const { made, failures } = queue(async () => {
      if (++tries < 3) throw new Error("no");
    });
    made.resume();
    made.add(["a"]);
    await until(() => made.size === 0);
    expect(tries).toBe(3);
    expect(failures).toEqual(["a 1 no", "a 2 no"]);
  });

  test("begins nothing while it is paused, and a pause waits for what is under way", async () => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    const { made } = queue((key) => {
      begun.push(key);
      return gate.promise;
    }, 1);
    made.add(["a"]);
    expect(begun).toEqual([]);
    made.resume();
    made.add(["b"]);
    let paused = 0;
    const pauses = [made.pause(), made.pause()].map((pause) => pause.then(() => paused++));
    await Bun.sleep(5);
    expect(paused).toBe(0);
    gate.resolve();
    await Promise.all(pauses);
    made.add(["c"]);
    expect(begun).toEqual(["a"]);
  });
});
