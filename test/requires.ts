/** Programs that some tests need and that a machine may not have. */

export interface Requirement {
  skip: boolean;
  /** For the name of the skipped test; empty when the program is there. */
  reason: string;
}

/**
 * Looks for a program on PATH. A test of a missing one is skipped with the reason in its name:
 * `test.skipIf(kubectl.skip)(\`… ${kubectl.reason}\`)`.
 * @throws {Error} where it is missing and `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
export function requires(program: string): Requirement {
  if (Bun.which(program) !== null) return { skip: false, reason: "" };
  if (process.env["CLUSTERLINK_TEST_REQUIRE"] === "all") {
    throw new Error(`${program} is not installed, and CLUSTERLINK_TEST_REQUIRE=all allows no test to be skipped`);
  }
  return { skip: true, reason: `(skipped: ${program} is not installed)` };
}
