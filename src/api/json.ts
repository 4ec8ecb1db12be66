/** JSON values as the API handles them before they are known to be a resource. */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** @returns whether the value is an object: no array, not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @returns whether two JSON values are equal; the order of keys does not count. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  return (
    keys.length === Object.keys(b).filter((key) => b[key] !== undefined).length &&
    keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]))
  );
}

export interface JsonLimits {
  depth: number;
  nodes: number;
}

/** Enough for any resource; YAML aliases that expand to more are refused before they cost memory. */
const JSON_LIMITS: JsonLimits = { depth: 64, nodes: 100_000 };

/**
 * Copies a parsed value into plain JSON of bounded size: YAML shares aliased values and may nest them in themselves.
 * @throws {RangeError} for a value that is too large, too deep, or has a key or value that JSON objects cannot carry.
 */
export function plainJson(value: unknown, limits: JsonLimits = JSON_LIMITS): Json {
  let nodes = 0;
  const copy = (from: unknown, depth: number): Json => {
    nodes += 1;
    if (nodes > limits.nodes) throw new RangeError(`more than ${limits.nodes} values; split the document`);
    if (depth > limits.depth) throw new RangeError(`nested more than ${limits.depth} levels deep`);
    if (Array.isArray(from)) return from.map((item) => copy(item, depth + 1));
    if (isObject(from)) {
      const to: JsonObject = {};
      for (const [key, item] of Object.entries(from)) {
        if (key === "__proto__") throw new RangeError('a field named "__proto__" is not allowed');
        to[key] = copy(item, depth + 1);
      }
      return to;
    }
    if (from === null || from === undefined) return null;
    if (typeof from === "string" || typeof from === "boolean") return from;
    if (typeof from === "number" && Number.isFinite(from)) return from;
    throw new RangeError(`${String(from)} is not a JSON value`);
  };
  return copy(value, 0);
}
