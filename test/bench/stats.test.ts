import { expect, test } from "bun:test";
import fc from "fast-check";
import { median, pairedRatio, summarize } from "../../bench/stats.ts";

test.each([
  { values: [3], expected: 3 },
  { values: [9, 1, 2], expected: 2 },
  { values: [4, 1, 3, 2], expected: 2.5 },
])("the median of $values is $expected", ({ values, expected }) => {
  expect(median(values)).toBe(expected);
});

test("there is no median of nothing", () => {
  expect(() => median([])).toThrow(RangeError);
});

test("at least half of the values are on either side of the median", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
      const middle = median(values);
      expect(values.filter((value) => value <= middle).length * 2).toBeGreaterThanOrEqual(values.length);
      expect(values.filter((value) => value >= middle).length * 2).toBeGreaterThanOrEqual(values.length);
    }),
  );
});

test("the spread is half the distance of the extremes, as a share of the median", () => {
  expect(summarize([90, 100, 130])).toEqual({ rounds: [90, 100, 130], median: 100, min: 90, max: 130, spread: 0.2 });
});

test("a ratio compares the values of the same round, so that a slow spell of the machine does not show in it", () => {
  expect(pairedRatio([200, 20, 200], [100, 10, 100])).toBe(2);
});

test("a round that one side did not finish counts in no ratio", () => {
  expect(pairedRatio([10, undefined, 30], [5, 1, undefined])).toBe(2);
  expect(pairedRatio([10], [undefined])).toBeUndefined();
  expect(pairedRatio([10], [0])).toBeUndefined();
});
