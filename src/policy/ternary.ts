/**
 * Three-valued logic (Kleene's): what is not known stays apart from what is known to be false. The numbers are
 * ordered so that AND is the minimum and OR the maximum.
 */
export const NO_MATCH = 0;
export const UNKNOWN = 1;
export const MATCH = 2;

export type Ternary = typeof NO_MATCH | typeof UNKNOWN | typeof MATCH;
export type TernaryName = "no-match" | "unknown" | "match";

const NAMES = ["no-match", "unknown", "match"] as const;

/** @returns the word for people and for `explain`. */
export function ternaryName(value: Ternary): TernaryName {
  return NAMES[value];
}
