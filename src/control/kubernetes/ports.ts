import type { ImportResource } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";

/** The ports that Imports are given when their users choose none. */
export const ALLOTTED_PORTS = { first: 10_000, last: 29_999 };

const SIZE = ALLOTTED_PORTS.last - ALLOTTED_PORTS.first + 1;

/** Where the gateway listens for an Import, or why nowhere. */
export type Allotment =
  | { port: number; chosen: boolean }
  /** The port that the user chose is held by this holder, named for people. */
  | { port: undefined; conflict: { port: number; holder: string } }
  /** Every port of the range is held. */
  | { port: undefined; conflict?: undefined };

export interface PortSurroundings {
  /** Ports of the gateway's own listeners, each with a name for people. */
  reserved: ReadonlyMap<number, string>;
  /** Ports that could not be bound for an Import, which it is not given again. */
  barred: ReadonlyMap<ObjectKey, ReadonlySet<number>>;
}

/**
 * Gives every Import a port of the gateway. Whoever holds one by its status keeps it; then come those whose users chose
 * one, then the others, each group by age. A port that is not chosen follows from namespace and name, so that an Import
 * whose status is lost, and every replica of the gateway, comes to the same one.
 */
export function allotPorts(
  imports: Iterable<ImportResource>,
  { reserved, barred }: PortSurroundings,
): Map<ObjectKey, Allotment> {
  const holders = new Map(reserved);
  const allotments = new Map<ObjectKey, Allotment>();
  const ranked = [...imports].map((imported) => ({ imported, rank: rankOf(imported) }));
  ranked.sort((a, b) => a.rank - b.rank || byAge(a.imported, b.imported));
  for (const { imported, rank } of ranked) {
    const key = keyOf(imported);
    const allotment = allotOne(imported, rank, holders, barred.get(key));
    if (allotment.port !== undefined) holders.set(allotment.port, `Import ${key}`);
    allotments.set(key, allotment);
  }
  return allotments;
}

const HOLDER = 0;
const CHOOSER = 1;

/** @returns 0 for one that holds its port, 1 for one whose user chose, 2 for the others. */
function rankOf({ spec, status }: ImportResource): number {
  const held = status?.targetPort;
  if (spec.targetPort !== undefined) return held === spec.targetPort ? HOLDER : CHOOSER;
  return held !== undefined && held >= ALLOTTED_PORTS.first && held <= ALLOTTED_PORTS.last ? HOLDER : 2;
}

function allotOne(
  { metadata, spec, status }: ImportResource,
  rank: number,
  holders: ReadonlyMap<number, string>,
  barred: ReadonlySet<number> | undefined,
): Allotment {
  if (spec.targetPort !== undefined) {
    const holder = holders.get(spec.targetPort);
    if (holder === undefined) return { port: spec.targetPort, chosen: true };
    return { port: undefined, conflict: { port: spec.targetPort, holder } };
  }
  const free = (port: number) => !holders.has(port) && !barred?.has(port);
  const held = status?.targetPort;
  if (rank === HOLDER && held !== undefined && free(held)) return { port: held, chosen: false };
  const start = Bun.hash.crc32(`${metadata.namespace}/${metadata.name}`) % SIZE;
  for (let step = 0; step < SIZE; step++) {
    const port = ALLOTTED_PORTS.first + ((start + step) % SIZE);
    if (free(port)) return { port, chosen: false };
  }
  return { port: undefined };
}

/** The older first; of the same second, the one with the lesser UID, so that every replica sees the same order. */
function byAge(a: ImportResource, b: ImportResource): number {
  return compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || compare(a.metadata.uid, b.metadata.uid);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
