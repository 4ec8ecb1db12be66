import { describe, expect, test } from "bun:test";
import { Events, occurrencesOf } from "../../src/control/kubernetes/events.ts";
import type { Condition } from "../../src/resources/meta.ts";
import { EVENTS } from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { importOf, object } from "../control/objects.ts";
import { eventually } from "./control-site.ts";
import { suite } from "./server.ts";

describe("what a change of conditions is worth telling", () => {
  const condition = (status: Condition["status"], reason: string, message = "m", type = "T"): Condition => ({
    type,
    status,
    reason,
    message,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
  const rule = (name: string, before: Condition[] | undefined, after: Condition[], wanted: string[]) =>
    test(name, () => {
      expect(occurrencesOf(before, after).map(({ type, reason }) => `${type} ${reason}`)).toEqual(wanted);
    });
  const good = condition("True", "Ready");
  const bad = condition("False", "Conflict");

  rule("something that does not hold", undefined, [bad], ["Warning Conflict"]);
  rule("something that does not hold any more", [good], [bad], ["Warning Conflict"]);
  rule("another reason why it does not", [condition("False", "Missing")], [bad], ["Warning Conflict"]);
  rule("other words for why it does not", [condition("False", "Conflict", "other")], [bad], ["Warning Conflict"]);
  rule("that it holds again", [bad], [good], ["Normal Ready"]);
  rule("not that all is well from the start", undefined, [good], []);
  rule("not what was told before", [bad], [bad], []);
  rule("not what is not known yet", undefined, [condition("Unknown", "Pending")], []);
  rule("not a consequence of another condition", undefined, [condition("False", "NoPort")], []);
});

suite("events", (running) => {
  const imported = (name: string) => object("Import", name, importOf(80), { uid: name });
  const leadership = new AbortController();
  const log = createLogger({ level: "fatal", format: "text" });

  test("are told once and counted when they come again, each object's apart", async () => {
    const server = running();
    const events = new Events({ client: server.client, instance: "pod-a", leadership: () => leadership.signal, log });
    const occurrence = { type: "Warning", reason: "ServiceConflict", message: "x".repeat(2_000) } as const;
    for (let i = 0; i < 3; i++) events.tell(imported("web"), occurrence);
    events.tell(imported("api"), occurrence);
    events.tell(imported("web"), { type: "Normal", reason: "Ready", message: "it is" });
    const all = await eventually("the events", async () => {
      const found = await server.client.all(EVENTS, { namespace: "default" });
      return found.length === 3 && found;
    });
    const shown = all.map(({ involvedObject, reason, count }) => `${involvedObject.name} ${reason} ${count}`);
    expect(shown.sort()).toEqual(["api ServiceConflict 1", "web Ready 1", "web ServiceConflict 3"]);
    const conflict = all.find(({ reason }) => reason === "ServiceConflict");
    expect(conflict).toMatchObject({ type: "Warning", involvedObject: { kind: "Import", namespace: "default" } });
    expect(conflict?.message).toHaveLength(1_024);
    await events.stop();
  });

  test("are made anew when the counted one is gone", async () => {
    const server = running();
    const events = new Events({ client: server.client, instance: "pod-a", leadership: () => leadership.signal, log });
    const occurrence = { type: "Warning", reason: "ServiceConflict", message: "m" } as const;
    const all = () => server.client.all(EVENTS, { namespace: "default" });
    events.tell(imported("web"), occurrence);
    const first = await eventually("the event", async () => (await all())[0]);
    await server.client.delete(EVENTS, { namespace: "default", name: first.metadata.name });
    events.tell(imported("web"), occurrence);
    const second = await eventually("another", async () => (await all())[0]);
    expect(second.metadata.name).not.toBe(first.metadata.name);
    expect(second.count).toBe(1);
    await events.stop();
  });

  test("are not told by one that does not lead", async () => {
    const server = running();
    const events = new Events({ client: server.client, instance: "pod-a", leadership: () => undefined, log });
    events.tell(imported("web"), { type: "Normal", reason: "Ready", message: "m" });
    await Bun.sleep(100);
    expect(await server.client.all(EVENTS, { namespace: "default" })).toEqual([]);
  });
});
