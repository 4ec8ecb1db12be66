/** Which groups of attributes are unknown at the two ends of a connection, as bits, so that they can index an array. */
import type { Attributes } from "./attributes.ts";
import type { CompiledSelector, Requirement } from "./selector.ts";

/** An end of a connection. */
export type End = "from" | "to";

const BITS = {
  from: { client: 1, "peer-labels": 2, "always-known": 0 },
  to: { client: 4, "peer-labels": 8, "always-known": 0 },
} as const;

/** How many bits there are. */
export const GROUPS = 4;

/** Who the client is. */
export const CLIENT_OF_SOURCE = BITS.from.client;

/** @returns the bit of the group that the requirement's key belongs to; 0 for one that is always known. */
export function groupBit(end: End, { group }: Requirement): number {
  return BITS[end][group];
}

/** @returns the bits of every group that the selectors speak of. */
export function groupBits(end: End, selectors: readonly CompiledSelector[]): number {
  return selectors.flat().reduce((bits, requirement) => bits | groupBit(end, requirement), 0);
}

/** @returns 0 when everything is known, as it nearly always is. */
export function unknownBits(from: Attributes, to: Attributes): number {
  return (
    (from.clientKnown ? 0 : BITS.from.client) |
    (from.peerLabelsKnown ? 0 : BITS.from["peer-labels"]) |
    (to.clientKnown ? 0 : BITS.to.client) |
    (to.peerLabelsKnown ? 0 : BITS.to["peer-labels"])
  );
}
