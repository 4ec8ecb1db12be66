import { expect, test } from "bun:test";
import { firstOf } from "../../src/relay/live.ts";
import type { ConnectionReport } from "../../src/snapshot/messages.ts";

function report(id: string, attributes: Record<string, string>): ConnectionReport {
  const zero = { since: 0, bytesIn: 0, bytesOut: 0 };
  return { id, side: "server", export: "default/web", peer: "east", policy: "default/all", attributes, ...zero };
}

test("a report has as many connections as it may, and as many as their attributes leave room for", () => {
  const reports = ["a", "b", "c"].map((id) => report(id, { label: "12345" }));
  const first = (count: number, characters: number) => firstOf(reports, count, characters).map(({ id }) => id);
  expect(first(10, 30)).toEqual(["a", "b", "c"]);
  expect(first(2, 30)).toEqual(["a", "b"]);
  expect(first(10, 29)).toEqual(["a", "b"]);
  expect(first(10, 5)).toEqual([]);
});
