/** In which order the sources of an Import are tried for a connection. */
import type { ImportSource, LbScheme } from "../resources/import.ts";

/** What the site knows of a source's peer. `missing`: no Peer object of that name. */
export type Standing = "reachable" | "unreachable" | "missing";

export interface OrderInput {
  sources: readonly ImportSource[];
  scheme: LbScheme;
  standing: (source: ImportSource) => Standing;
  /** Where rotation starts, among the reachable sources and among the unreachable ones alike. */
  start: number;
  /** Live connections of a source; asked with `least-connections` only. */
  live: (source: ImportSource) => number;
}

/**
 * Reachable sources first, unreachable ones as a last resort (a heartbeat may be behind the times), missing ones not
 * at all. `static` keeps the order of the Import; the other schemes start somewhere else for each connection and go
 * on round the list from there; `least-connections` puts the least busy first and breaks ties by that rotation.
 */
export function orderSources({ sources, scheme, standing, start, live }: OrderInput): ImportSource[] {
  const reachable: ImportSource[] = [];
  const unreachable: ImportSource[] = [];
  for (const source of sources) {
    const how = standing(source);
    if (how === "reachable") reachable.push(source);
    else if (how === "unreachable") unreachable.push(source);
  }
  const arrange = (part: ImportSource[]) => {
    if (part.length < 2 || scheme === "static") return part;
    const rotated = rotate(part, start);
    return scheme === "least-connections" ? leastFirst(rotated, live) : rotated;
  };
  const first = arrange(reachable);
  return unreachable.length === 0 ? first : first.concat(arrange(unreachable));
}

function rotate(sources: ImportSource[], start: number): ImportSource[] {
  const at = start % sources.length;
  return at === 0 ? sources : [...sources.slice(at), ...sources.slice(0, at)];
}

/** Array sorting is stable (ECMA-262), so that equals keep their order. */
function leastFirst(sources: ImportSource[], live: (source: ImportSource) => number): ImportSource[] {
  return sources
    .map((source) => ({ source, live: live(source) }))
    .sort((a, b) => a.live - b.live)
    .map(({ source }) => source);
}
