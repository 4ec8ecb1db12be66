/**
 * @param since - RFC 3339, or milliseconds since the epoch.
 * @returns how long ago that is, in at most two units, as kubectl shows ages: `42s`, `3m5s`, `7h`, `12d`.
 */
export function shortAge(since: string | number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - new Date(since).getTime()) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 600) return withRest(seconds, 60, "m", "s");
  if (seconds < 3 * 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 8 * 3600) return withRest(Math.floor(seconds / 60), 60, "h", "m");
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

function withRest(amount: number, unit: number, name: string, restName: string): string {
  const rest = amount % unit;
  return `${Math.floor(amount / unit)}${name}${rest === 0 ? "" : `${rest}${restName}`}`;
}
