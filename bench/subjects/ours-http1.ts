/**
 * Ours in ClusterLink's dialect: an executable that is built for the bench and never shipped, which knows no other name
 * for ALPN to choose. It has no flag for that, as the product has none.
 */
import { join } from "node:path";
import { compileExecutable } from "../../packaging/executable.ts";
import { readStamp } from "../../packaging/stamp.ts";
import { hostTarget } from "../../packaging/target.ts";
import { isCurrent, ROOT } from "../executable.ts";
import { versionOf } from "../programs.ts";
import { startGateways } from "./ours.ts";
import type { Subject } from "./subject.ts";

/** The file that says what ALPN may choose, and what it says in this executable. */
const DIALECTS = { "src/wire/dialects.ts": 'export const ALPN_LIST = "\\x08http/1.1";\n' };

/** @param executable - of ours, for its version: this subject is always built from the sources. */
export function oursHttp1(executable: string): Subject {
  const name = "ours-http1";
  return {
    name,
    role: "variant",
    version: versionOf(executable, "version"),
    start: async (lab) => startGateways(name, await built(), lab),
  };
}

async function built(): Promise<string> {
  const executable = join(ROOT, "dist", "clusterlink-http1");
  if (!isCurrent(executable)) {
    await compileExecutable(ROOT, hostTarget(), await readStamp(ROOT), executable, "src/main.ts", DIALECTS);
  }
  return executable;
}
