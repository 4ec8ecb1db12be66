import { expect, test } from "bun:test";
import { type Measured, type Result, resultOf } from "../../bench/result.ts";
import { formatNumber, formatResult, formatTable } from "../../bench/table.ts";

test.each([
  [0.04567, "0.0457"],
  [46, "46"],
  [3.2468, "3.25"],
  [999.6, "1000"],
  [15_500.4, "15 500"],
  [5_023_417, "5 023 417"],
  [Number.NaN, "–"],
])("%p is shown as %p", (value, expected) => {
  expect(formatNumber(value)).toBe(expected);
});

test("columns are as wide as their widest cell, wide characters counted", () => {
  expect(
    formatTable([
      ["a", "1"],
      ["bcd", "23"],
      ["±", "–"],
    ]),
  ).toBe("a     1\nbcd  23\n±     –");
});

const figure = (measured: Measured[]) => resultOf({ name: "p99", unit: "ms", better: "lower" }, measured);

test("a result shows each metric's medians and ratios, then what failed and what was skipped", () => {
  const metrics = [
    figure([
      { subject: "ours", role: "ours", rounds: [{ p99: 1 }, { p99: 2 }, { p99: 3 }] },
      { subject: "haproxy", role: "peer", rounds: [{ p99: 4 }, { p99: 4 }, { p99: 4 }] },
    ]),
  ];
  const result: Result = {
    started: "2026-01-01T00:00:00Z",
    machine: {},
    subjects: ["ours", "haproxy", "absent"].map((name) => ({ name, version: "1" })),
    skipped: [{ what: "stunnel", reason: "stunnel is not installed" }],
    rounds: 3,
    quick: false,
    figures: [
      { name: "redis", title: "Redis", metrics, skipped: [] },
      {
        name: "requests-1",
        title: "requests",
        metrics: [figure([])],
        skipped: [{ what: "nginx, round 2", reason: "it ended", failed: true }],
      },
    ],
  };
  expect(formatResult(result).split("\n")).toEqual([
    "               unit    ours  haproxy    to best peer  to direct",
    "Redis, p99       ms  2 ±50%    4 ±0%  0.50 (haproxy)          –",
    "requests, p99    ms       –        –               –          –",
    "",
    "skipped: stunnel: stunnel is not installed",
    "failed: requests-1, nginx, round 2: it ended",
  ]);
});

test("a variant of ours has a column for its ratio to the best peer", () => {
  const metrics = [
    figure([
      { subject: "ours-http1", role: "variant", rounds: [{ p99: 2 }] },
      { subject: "haproxy", role: "peer", rounds: [{ p99: 4 }] },
    ]),
  ];
  const result: Result = {
    started: "2026-01-01T00:00:00Z",
    machine: {},
    subjects: ["ours-http1", "haproxy"].map((name) => ({ name, version: "1" })),
    skipped: [],
    rounds: 1,
    quick: false,
    figures: [{ name: "redis", title: "Redis", metrics, skipped: [] }],
  };
  expect(formatResult(result).split("\n")).toEqual([
    "            unit  ours-http1  haproxy  to best peer  ours-http1 to best peer  to direct",
    "Redis, p99    ms       2 ±0%    4 ±0%   – (haproxy)           0.50 (haproxy)          –",
  ]);
});
