/**
 * The merge patch (RFC 7386) that turns one JSON object into another.
 *
 * @returns undefined when they are equal. An array is one value. A field that is undefined is absent.
 */
export function mergePatchBetween(from: unknown, to: unknown): Record<string, unknown> | undefined {
  const [before, after] = [fieldsOf(from), fieldsOf(to)];
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (Bun.deepEquals(old, value)) continue;
    patch[key] = isRecord(value) && isRecord(old) ? mergePatchBetween(old, value) : value;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
