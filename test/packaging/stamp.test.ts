/** The time in an artefact is stated, never the clock's. */
import { expect, test } from "bun:test";
import { sourceDateEpoch } from "../../packaging/stamp.ts";

test.each([
  ["SOURCE_DATE_EPOCH outranks the commit's time", "12", "34", 12],
  ["without it, the commit's time", undefined, "34", 34],
  ["an empty variable counts as absent", "", "34", 34],
  ["outside a repository, the beginning of time", undefined, undefined, 0],
] as const)("%s", (_, variable, commit, seconds) => {
  expect(sourceDateEpoch(variable, commit)).toBe(seconds);
});

test("a time that is no whole number of seconds is refused by name", () => {
  expect(() => sourceDateEpoch("yesterday", undefined)).toThrow("SOURCE_DATE_EPOCH=yesterday");
});
