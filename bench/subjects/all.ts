import type { Skip } from "../result.ts";
import { direct } from "./direct.ts";
import { parseEntries, runningPeer } from "./entries.ts";
import { ghostunnel } from "./ghostunnel.ts";
import { haproxy } from "./haproxy.ts";
import { nginx } from "./nginx.ts";
import { ours } from "./ours.ts";
import { oursHttp1 } from "./ours-http1.ts";
import { stunnel } from "./stunnel.ts";
import type { Subject } from "./subject.ts";

const PEERS = { haproxy, nginx, stunnel, ghostunnel, clusterlink };

/**
 * @param before - an older executable of ours
 * @returns the subjects in the order of a round, and the peers that are not on this machine
 */
export function findSubjects(executable: string, before: string | undefined): { subjects: Subject[]; missing: Skip[] } {
  const subjects = [ours("ours", "ours", executable), oursHttp1(executable)];
  if (before !== undefined) subjects.push(ours("before", "before", before));
  const missing: Skip[] = [];
  for (const [what, find] of Object.entries(PEERS)) {
    const found = find();
    if (typeof found === "string") missing.push({ what, reason: found });
    else subjects.push(found);
  }
  return { subjects: [...subjects, direct], missing };
}

function clusterlink(): Subject | string {
  const entries = process.env["BENCH_CLUSTERLINK"];
  if (!entries) return "BENCH_CLUSTERLINK names no entries of one that runs";
  return runningPeer("clusterlink", parseEntries(entries));
}
