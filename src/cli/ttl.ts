/** Durations that users type. */
import { CliError } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 31_536_000_000,
};

/**
 * Reads `90s`, `1h30m`, `30d` or `1y` (365 days).
 *
 * @returns milliseconds, above zero.
 * Throws a usage error that names the option.
 */
export function readDuration(option: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|y)/g)];
  const total = parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (UNITS[unit] ?? 0), 0);
  if (parts.map(([part]) => part).join("") !== text || !(total > 0)) {
    throw new CliError("usage", `${option} '${text}' is no duration: write for example 90s, 12h or 30d`);
  }
  return Math.round(total);
}
