import { describe, expect, test } from "bun:test";
import { StatusWriter, statusOf, type WantedStatus } from "../../src/control/status-writer.ts";
import type { KindName, ResourceOf } from "../../src/resources/kinds.ts";
import { StoreError, type StoreErrorCode } from "../../src/store/errors.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { until } from "./follower.ts";
import { object } from "./objects.ts";

const NOW = Date.parse("2026-05-01T10:00:00Z");
const valid: WantedStatus = { conditions: [{ type: "ExportValid", status: "True", reason: "Valid", message: "m" }] };

describe("a wanted status", () => {
  const before = { type: "Other", status: "True", reason: "R", message: "m", lastTransitionTime: "t" } as const;

  test("keeps conditions of other types and the time of one whose status stays", () => {
    const old = { ...before, type: "ExportValid", message: "older" };
    const one = object("Export", "e", { port: 1 }, { generation: 3 }, { conditions: [before, old] });
    expect(statusOf(one, valid, NOW)).toEqual({
      conditions: [before, { ...old, reason: "Valid", message: "m", observedGeneration: 3 }],
    });
  });

  test("of a condition whose status changes has the time of the change", () => {
    const old = { ...before, type: "ExportValid", status: "False" as const };
    const one = object("Export", "e", { port: 1 }, {}, { conditions: [old] });
    expect(statusOf(one, valid, NOW)).toMatchObject({ conditions: [{ lastTransitionTime: "2026-05-01T10:00:00Z" }] });
  });

  test("says on which generation it was judged, if that is an earlier one", () => {
    const one = object("Export", "e", { port: 1 }, { generation: 3 });
    const [condition] = valid.conditions;
    const earlier = { conditions: condition ? [{ ...condition, observedGeneration: 2 }] : [] };
    expect(statusOf(one, earlier, NOW)).toMatchObject({ conditions: [{ observedGeneration: 2 }] });
    expect(statusOf(one, valid, NOW)).toMatchObject({ conditions: [{ observedGeneration: 3 }] });
  });

  test("has the fields that are wanted and no others", () => {
    const one = object("Import", "i", { port: 1, sources: [], lbScheme: "static" }, {}, { targetPort: 9 });
    expect(statusOf(one, { conditions: [] }, NOW)).toEqual({});
    expect(statusOf(one, { conditions: [], fields: { targetPort: 7 } }, NOW)).toEqual({ targetPort: 7 });
  });
});

describe("the status writer", () => {
  /** One Export in memory, and a store that fails with these errors before it writes. */
  function writing(...errors: StoreErrorCode[]) {
    let current: ResourceOf<KindName> | undefined = object("Export", "e", { port: 1 });
    let tries = 0;
    const writer = new StatusWriter({
      current: <K extends KindName>() => current as ResourceOf<K> | undefined,
      log: createLogger({ level: "fatal", format: "text" }),
      clock: () => NOW,
      store: {
        updateStatus: async (_kind, wanted) => {
          tries++;
          const code = errors.shift();
          if (code) throw new StoreError(code, "no");
          current = wanted;
          return wanted;
        },
      },
    });
    const want = (wanted = valid) => writer.want("Export", new Map([["default/e", wanted]]));
    return {
      writer,
      want,
      tries: () => tries,
      status: () => current?.status,
      overwrite: () => {
        const other = { type: "ExportValid", status: "False", reason: "Other", message: "m", lastTransitionTime: "t" };
        if (current) current = { ...current, status: { conditions: [other] } } as ResourceOf<KindName>;
      },
      remove: () => (current = undefined),
      replace: () => (current = object("Export", "e", { port: 1 })),
    };
  }

  test("writes what differs, once", async () => {
    const { want, status, tries } = writing();
    want();
    want();
    await until(status);
    want();
    await Bun.sleep(10);
    expect(tries()).toBe(1);
  });

  test("tries again after a conflict, and while the store fails", async () => {
    const { want, status, tries } = writing("Conflict", "Unavailable");
    want();
    await until(status);
    expect(tries()).toBe(3);
  });

  test("puts right what somebody else writes, at once while that is seldom, and seldom when it is always", async () => {
    const { writer, want, tries, overwrite, status } = writing();
    want();
    for (let times = 0; times < 50; times++) {
      await Bun.sleep(2);
      overwrite();
      want();
    }
    expect(tries()).toBe(4);
    expect(writer.problems).toEqual([expect.stringContaining("Export default/e: somebody else writes its status too")]);
    await until(() => tries() === 5);
    expect(status()?.conditions?.[0]?.reason).toBe("Valid");
    await writer.stop();
  });

  test("writes what it wants anew without a pause, however often", async () => {
    const { writer, want, tries } = writing();
    for (let times = 1; times <= 20; times++) {
      const reason = `R${times}`;
      want({ conditions: [{ type: "ExportValid", status: "True", reason, message: "m" }] });
      await until(() => tries() === times);
    }
    expect(writer.problems).toEqual([]);
    await writer.stop();
  });

  test("gives up on an object that is gone", async () => {
    const { want, tries, remove } = writing("Conflict");
    want();
    await until(() => tries() === 1);
    remove();
    await Bun.sleep(50);
    expect(tries()).toBe(1);
  });

  test("tries no more once it is stopped", async () => {
    const { writer, want, tries } = writing("Unavailable");
    want();
    await until(() => tries() === 1);
    await writer.stop();
    await Bun.sleep(50);
    expect(tries()).toBe(1);
  });

  test("leaves what failed to its next try, however often the same is wanted, and tries what is wanted anew", async () => {
    const { writer, want, tries } = writing(...Array.from({ length: 50 }, () => "Unavailable" as const));
    for (let i = 0; i < 200; i++) {
      want();
      await Bun.sleep(1);
    }
    expect(tries()).toBeGreaterThan(2);
    expect(tries()).toBeLessThan(12);
    const before = tries();
    const other: WantedStatus = { conditions: [{ type: "ExportValid", status: "False", reason: "No", message: "m" }] };
    want(other);
    await Bun.sleep(5);
    expect(tries()).toBe(before + 1);
    await writer.stop();
  });

  test("says on which generation a condition was judged that is written after a newer one has come", async () => {
    let current = object("Export", "e", { port: 1 }, { generation: 1 });
    const gates: PromiseWithResolvers<void>[] = [];
    const written: unknown[] = [];
    const writer = new StatusWriter({
      current: <K extends KindName>() => current as ResourceOf<KindName> as ResourceOf<K>,
      log: createLogger({ level: "fatal", format: "text" }),
      clock: () => NOW,
      store: {
        updateStatus: async (_kind, wanted) => {
          written.push(wanted.status?.conditions?.[0]?.observedGeneration);
          const gate = Promise.withResolvers<void>();
          gates.push(gate);
          await gate.promise;
          if (written.length === 1) throw new StoreError("Conflict", "no");
          return wanted;
        },
      },
    });
    writer.want("Export", new Map([["default/e", valid]]));
    await until(() => gates.length === 1);
    current = { ...current, metadata: { ...current.metadata, generation: 2, resourceVersion: "2" } };
    gates[0]?.resolve();
    await until(() => gates.length === 2);
    gates[1]?.resolve();
    expect(written).toEqual([1, 1]);
    await writer.stop();
  });

  test("writes nothing to an object that was made anew under its name, before somebody has judged that one", async () => {
    const { want, tries, replace } = writing("Conflict");
    want();
    await until(() => tries() === 1);
    replace();
    await Bun.sleep(60);
    expect(tries()).toBe(1);
    want();
    await until(() => tries() === 2);
  });

  test("goes on with other objects while one write takes long", async () => {
    const objects = new Map(
      ["slow", "a", "b", "c"].map((name) => [`default/${name}`, object("Export", name, { port: 1 })]),
    );
    const gate = Promise.withResolvers<void>();
    const written: string[] = [];
    const writer = new StatusWriter({
      current: <K extends KindName>(_kind: K, key: string) => objects.get(key) as ResourceOf<KindName> as ResourceOf<K>,
      log: createLogger({ level: "fatal", format: "text" }),
      concurrency: 2,
      store: {
        updateStatus: async (_kind, wanted) => {
          written.push(wanted.metadata.name);
          if (wanted.metadata.name === "slow") await gate.promise;
          return wanted;
        },
      },
    });
    writer.want("Export", new Map([["default/slow", valid]]));
    await until(() => written.length === 1);
    writer.want("Export", new Map(["slow", "a", "b", "c"].map((name) => [`default/${name}`, valid])));
    await until(() => written.length === 4);
    expect(written.slice(1).sort()).toEqual(["a", "b", "c"]);
    gate.resolve();
    await writer.stop();
  });
});
