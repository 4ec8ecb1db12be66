import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromWhenDue, percentile, readH2loadLog, spreadingPeriod, summarizeLog } from "../../bench/h2load-log.ts";

test("a log is start, status and duration of each request", () => {
  expect(readH2loadLog("1700000000000001\t200\t512\n1700000000000009\t-1\t90\n")).toEqual([
    { start: 1_700_000_000_000_001, status: 200, duration: 512 },
    { start: 1_700_000_000_000_009, status: -1, duration: 90 },
  ]);
});

test.each(["", "1\t200", "1\t200\tlong"])("%p is no log, and is shown", (text) => {
  expect(() => readH2loadLog(text)).toThrow(`h2load logged: ${text}`);
});

describe("latency from when a request was due", () => {
  test.each([
    { took: 3, expected: [3], rule: "an answer within the interval holds nothing up" },
    { took: 10, expected: [10], rule: "an answer that comes when the next request is due holds nothing up" },
    { took: 35, expected: [35, 25, 15, 5], rule: "each request that was due meanwhile has waited, too" },
  ])("$rule", ({ took, expected }) => {
    expect(fromWhenDue([took], 10)).toEqual([...expected]);
  });

  test("one stall weighs as many requests as it held up, so that a percentile cannot hide it", () => {
    const latencies = fromWhenDue([...Array.from({ length: 99 }, () => 1), 1000], 10);
    expect(percentile(latencies, 0.5)).toBeGreaterThan(1);
  });
});

describe("percentiles", () => {
  test.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0, 1],
  ])("%p of 1 to 100 is %p", (share, expected) => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(values, share)).toBe(expected);
  });

  test("there is none of nothing", () => {
    expect(() => percentile([], 0.99)).toThrow(RangeError);
  });
});

describe("a run", () => {
  const steady = { begun: 1_000, seconds: 2, interval: 100 };
  const at = (milliseconds: number, duration = 1_000, status = 200) => {
    return { start: 5e9 + milliseconds * 1000, status, duration };
  };

  test("counts what is sent while all clients send: nothing from the beginning or the end", () => {
    const requests = [at(0, 90_000), at(999, 90_000), at(1_000), at(2_000, 2_000), at(2_999), at(3_000, 90_000)];
    expect(summarizeLog(requests, steady)).toEqual({ requests: 6, requestsPerSecond: 1.5, p50: 1, p99: 2 });
  });

  test("requests in any order give the same", () => {
    const requests = [at(2_999), at(0), at(2_000, 2_000), at(1_000)];
    expect(summarizeLog(requests, steady)).toMatchObject({ requestsPerSecond: 1.5, p50: 1, p99: 2 });
  });

  test("with failed requests has no latency", () => {
    expect(() => summarizeLog([at(0), at(1_500), at(1_600, 5, -1)], steady)).toThrow("1 of 3 requests failed");
  });

  test("that was over before all clients had begun has no latency", () => {
    expect(() => summarizeLog([at(0), at(500)], steady)).toThrow("none of 2 requests");
  });
});

test("clients begin one after another so that their turns are spread over the interval", () => {
  fc.assert(
    fc.property(fc.double({ min: 8, max: 200, noNaN: true }), (interval) => {
      const period = spreadingPeriod(256, interval);
      const turns = Array.from({ length: 256 }, (_, i) => (i * period) % interval).sort((a, b) => a - b);
      const gaps = turns.map((turn, i) => (turns[i + 1] ?? interval) - turn);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(Math.max(1, interval / 8));
    }),
  );
});

test("a period that divides the interval is not taken: it would give all clients a few common turns", () => {
  expect(28 % spreadingPeriod(256, 28)).not.toBe(0);
});
