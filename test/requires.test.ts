/** What may be skipped where nothing may be: only what no package brings. */
import { afterEach, expect, test } from "bun:test";
import { missing, requires, requiresShared } from "./requires.ts";

const before = process.env["CLUSTERLINK_TEST_REQUIRE"];
afterEach(() => {
  if (before === undefined) delete process.env["CLUSTERLINK_TEST_REQUIRE"];
  else process.env["CLUSTERLINK_TEST_REQUIRE"] = before;
});

const NOWHERE = "no-such-program";

test("a program that is not there is a reason to skip, unless everything is required", () => {
  delete process.env["CLUSTERLINK_TEST_REQUIRE"];
  expect(requires(NOWHERE)).toEqual({ skip: true, reason: `(skipped: ${NOWHERE} is not installed)` });
  expect(missing("this is not root")).toEqual({ skip: true, reason: "(skipped: this is not root)" });
  process.env["CLUSTERLINK_TEST_REQUIRE"] = "all";
  expect(() => requires(NOWHERE)).toThrow(`${NOWHERE} is not installed, and CLUSTERLINK_TEST_REQUIRE=all`);
  expect(() => missing("this is not root")).toThrow("this is not root, and CLUSTERLINK_TEST_REQUIRE=all");
});

test("a file that nothing installs is a reason to skip even then", () => {
  process.env["CLUSTERLINK_TEST_REQUIRE"] = "all";
  const path = "no-such-folder/run";
  expect(requiresShared(path)).toEqual({ skip: true, reason: `(skipped: ../shared/${path} is not there)` });
});

test("what is there is no reason to skip", () => {
  process.env["CLUSTERLINK_TEST_REQUIRE"] = "all";
  expect(requires("sh")).toEqual({ skip: false, reason: "" });
});
