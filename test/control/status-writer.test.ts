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
    return { writer, want, tries: () => tries, status: () => current?.status, remove: () => (current = undefined) };
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
});
