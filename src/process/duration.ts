const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const LONGEST = 24 * 3_600_000;

/**
 * Reads a duration as Go and Kubernetes write it: `500ms`, `25s`, `1m30s`, `1.5h`; `0` needs no unit.
 *
 * @returns whole milliseconds, at most 24 hours.
 * @throws RangeError that says what is expected.
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new RangeError(`"${text}" is not a duration; write for example 500ms, 25s or 1m30s`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
  }
  if (!(total <= LONGEST)) throw new RangeError(`"${text}" is longer than 24h, the longest that is accepted`);
  return Math.round(total);
}
