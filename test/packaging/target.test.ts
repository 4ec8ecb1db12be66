/** Targets are named as in file names, and an unknown one is answered with those there are. */
import { expect, test } from "bun:test";
import { hostTarget, parseTargets, TARGETS, targetName } from "../../packaging/target.ts";

test("every target is read by its name, also in a list", () => {
  expect(parseTargets(TARGETS.map(targetName).join(","))).toEqual([...TARGETS]);
  expect(parseTargets("linux-x64, linux-arm64").map(targetName)).toEqual(["linux-x64", "linux-arm64"]);
});

test("this machine is a target", () => {
  expect(TARGETS).toContainEqual(hostTarget());
});

test("an unknown target is refused with those there are", () => {
  expect(() => parseTargets("plan9-mips")).toThrow(/"plan9-mips" is no target.*linux-x64, linux-arm64/);
});
