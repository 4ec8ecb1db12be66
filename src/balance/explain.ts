/** The order of an Import's sources with the reasons for it, for people. */
import type { ImportSource, LbScheme } from "../resources/import.ts";
import { orderSources, type Standing } from "./order.ts";

export interface ExplainedSource {
  source: ImportSource;
  standing: Standing;
  /** One clause, for `ExplainedCandidate.reason`. */
  reason: string;
}

/** Stands for whoever has no counts to ask, so that ties, and so the Import's order, decide. */
const NO_CONNECTIONS = () => 0;

/**
 * The order as a first connection would get it: which source is first in turn or by chance cannot be told beforehand,
 * so the reason says that. It takes no turn.
 *
 * @param live connections of a source; without it none are counted
 * @returns the sources in the order in which they would be tried, then those that never are.
 */
export function explainOrder(
  sources: readonly ImportSource[],
  scheme: LbScheme,
  standing: (source: ImportSource) => Standing,
  live: (source: ImportSource) => number = NO_CONNECTIONS,
): ExplainedSource[] {
  const tried = orderSources({ sources, scheme, standing, start: 0, live }).map((source) => {
    const how = standing(source);
    return { source, standing: how, reason: reasonOf(source, how, scheme, live) };
  });
  const missing = sources
    .filter((source) => standing(source) === "missing")
    .map((source) => ({
      source,
      standing: "missing" as const,
      reason: `never tried: there is no Peer '${source.peer}'; create one to use this source`,
    }));
  return [...tried, ...missing];
}

function reasonOf(
  source: ImportSource,
  standing: Standing,
  scheme: LbScheme,
  live: (source: ImportSource) => number,
): string {
  if (standing === "unreachable") return `tried last: the heartbeats to Peer '${source.peer}' fail`;
  switch (scheme) {
    case "static":
      return "reachable; static: in the order of the Import";
    case "round-robin":
      return "reachable; round-robin: each connection starts one source further";
    case "random":
      return "reachable; random: each connection starts at a source chosen by chance";
    case "least-connections":
      return `reachable; least-connections: ${live(source)} live`;
  }
}
