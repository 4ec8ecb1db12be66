/** The characters that Kubernetes completes names with: no vowels, so that no words come about. */
const SUFFIX = "bcdfghjklmnpqrstvwxz2456789";

/** Kubernetes' own: generated names are at most 63 characters long, 5 of them random. */
const PREFIX_LENGTH = 58;

/** @returns the prefix completed to a name that is very likely free; `undefined` where there is no prefix. */
export function generatedName(prefix: unknown): string | undefined {
  if (typeof prefix !== "string" || prefix === "") return undefined;
  const random = Array.from(crypto.getRandomValues(new Uint32Array(5)), (one) => SUFFIX[one % SUFFIX.length]);
  return `${prefix.slice(0, PREFIX_LENGTH)}${random.join("")}`;
}
