/** What some tests need and a machine may not have. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Requirement {
  skip: boolean;
  /** For the name of the skipped test; empty when nothing is missing. */
  reason: string;
}

/** Nothing is missing. */
export const MET: Requirement = { skip: false, reason: "" };

/**
 * Looks for a program on PATH. A test of a missing one is skipped with the reason in its name:
 * `test.skipIf(kubectl.skip)(\`… ${kubectl.reason}\`)`.
 * @throws {Error} where it is missing and `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
export function requires(program: string): Requirement {
  return Bun.which(program) === null ? missing(`${program} is not installed`) : MET;
}

/**
 * Something is missing that the machine could have.
 * @param what - a clause: `kubectl is not installed`
 * @throws {Error} where `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
export function missing(what: string): Requirement {
  if (process.env["CLUSTERLINK_TEST_REQUIRE"] === "all") {
    throw new Error(`${what}, and CLUSTERLINK_TEST_REQUIRE=all allows no test to be skipped`);
  }
  return skipped(what);
}

/**
 * Looks for a file of the folder `shared` beside this checkout. No package brings those: without it a test is skipped,
 * with the reason in its name, whatever `CLUSTERLINK_TEST_REQUIRE` says.
 * @param path - within the folder
 */
export function requiresShared(path: string): Requirement {
  const shared = join(import.meta.dir, "..", "..", "shared");
  return existsSync(join(shared, path)) ? MET : skipped(`../shared/${path} is not there`);
}

function skipped(what: string): Requirement {
  return { skip: true, reason: `(skipped: ${what})` };
}
