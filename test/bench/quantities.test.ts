import { expect, test } from "bun:test";
import { formatQuantity } from "../../bench/quantities.ts";

test.each([
  [1, "count", "1"],
  [5_000, "count", "5 000"],
  [64, "bytes", "64 B"],
  [1_024, "bytes", "1 KiB"],
  [65_536, "bytes", "64 KiB"],
  [1_048_576, "bytes", "1 MiB"],
  [1_536, "bytes", "1.5 KiB"],
] as const)("%p of %p is shown as %p", (value, unit, expected) => {
  expect(formatQuantity(value, unit)).toBe(expected);
});
