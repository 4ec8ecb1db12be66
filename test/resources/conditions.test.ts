import { describe, expect, test } from "bun:test";
import { findCondition, setCondition } from "../../src/resources/conditions.ts";
import { formatFaults, formatPath } from "../../src/resources/faults.ts";
import { isMerged } from "../../src/resources/import.ts";
import { isLabelKey, isRfc1035Label } from "../../src/resources/names.ts";
import { formatTimestamp } from "../../src/resources/timestamp.ts";

const THEN = "2026-01-01T00:00:00Z";
const NOW = "2026-01-02T00:00:00Z";
const up = { type: "PeerReachable", status: "True" as const, reason: "Up", message: "answers", observedGeneration: 1 };
const other = { type: "Other", status: "False" as const, reason: "No", message: "", lastTransitionTime: THEN };

describe("setting a condition", () => {
  test("that is new appends it, with the time of now", () => {
    expect(setCondition(undefined, up, NOW)).toEqual([{ ...up, lastTransitionTime: NOW }]);
    expect(setCondition([other], up, NOW)).toEqual([other, { ...up, lastTransitionTime: NOW }]);
  });

  test("with a message that is too long is cut to what an object may have", () => {
    const [set] = setCondition(undefined, { ...up, message: "x".repeat(40_000) }, NOW);
    expect(set?.message).toHaveLength(32_768);
    expect(set?.message).toEndWith("xxx...");
  });

  test("to another status moves its time", () => {
    const list = setCondition([{ ...up, lastTransitionTime: THEN }, other], { ...up, status: "False" }, NOW);
    expect(list).toEqual([{ ...up, status: "False", lastTransitionTime: NOW }, other]);
  });

  test("to the same status keeps its time, whatever else changes", () => {
    const list = setCondition(
      [{ ...up, lastTransitionTime: THEN }],
      { ...up, reason: "Still", message: "x", observedGeneration: 2 },
      NOW,
    );
    expect(list).toEqual([{ ...up, reason: "Still", message: "x", observedGeneration: 2, lastTransitionTime: THEN }]);
  });

  test("that holds already gives an equal list, and the old list is not changed", () => {
    const list = [{ ...up, lastTransitionTime: THEN }];
    expect(setCondition(list, up, NOW)).toEqual(list);
    setCondition(list, { ...up, status: "False" }, NOW);
    expect(list).toEqual([{ ...up, lastTransitionTime: THEN }]);
  });

  test("drops an observedGeneration that is no longer said", () => {
    const { observedGeneration, ...without } = up;
    expect(setCondition([{ ...up, lastTransitionTime: THEN }], without, NOW)).toEqual([
      { ...without, lastTransitionTime: THEN },
    ]);
    expect(observedGeneration).toBe(1);
  });
});

test("a condition is found by its type", () => {
  expect(findCondition([other], "Other")).toBe(other);
  expect(findCondition([other], "None")).toBeUndefined();
  expect(findCondition(undefined, "None")).toBeUndefined();
});

test("a time is written in UTC, to the second", () => {
  expect(formatTimestamp(Date.parse("2026-02-03T04:05:06.789Z"))).toBe("2026-02-03T04:05:06Z");
});

describe("paths and faults are written as Kubernetes writes them", () => {
  test.each<[PropertyKey[], string]>([
    [[], ""],
    [["spec", "sources", 0, "peer"], "spec.sources[0].peer"],
    [["metadata", "labels", "a.b/c"], "metadata.labels[a.b/c]"],
  ])("%j", (path, text) => {
    expect(formatPath(path)).toBe(text);
  });

  test("several in one line", () => {
    const faults = [
      { path: "spec.port", type: "FieldValueRequired" as const, message: "Required value: a port" },
      { path: "", type: "FieldValueTypeInvalid" as const, message: "no object" },
    ];
    expect(formatFaults(faults)).toBe("spec.port: Required value: a port, no object");
  });
});

test.each([
  [{ "import.clusterlink.net/merge": "true" }, true],
  [{ "import.clusterlink.net/merge": "false" }, false],
  [{}, false],
])("an Import with labels %j is merged: %p", (labels, merged) => {
  expect(isMerged({ metadata: { labels } })).toBe(merged);
});

test.each([
  ["a", true],
  ["a-1", true],
  ["1a", false],
  ["a.b", false],
  ["A", false],
  ["a".repeat(64), false],
])("%s is an RFC 1035 label: %p", (text, is) => {
  expect(isRfc1035Label(text)).toBe(is);
});

test.each([
  ["a", true],
  ["a/b", true],
  ["a/b/c", false],
  ["", false],
  [`${"a".repeat(254)}/b`, false],
  ["a".repeat(64), false],
])("%s is a label key: %p", (text, is) => {
  expect(isLabelKey(text)).toBe(is);
});
