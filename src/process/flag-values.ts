/** The values of the gateway's flags: each is read from its text, or refused with what would be right. */
import { canonicalAddress, type HostPort, parseHostPort } from "../resources/address.ts";
import { isDnsLabel, isLabelKey, isLabelValue } from "../resources/label-syntax.ts";
import { LOG_LEVELS, type LogLevel } from "../telemetry/log.ts";
import { parseDuration } from "./duration.ts";

/** @returns the path as it is. */
export function parsePath(text: string): string {
  return text;
}

/** @returns what reads a duration of so many milliseconds or more, and throws RangeError for any other. */
export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = parseDuration(text);
    if (value < least) throw new RangeError(`"${text}" is too short; the least is ${least}ms`);
    return value;
  };
}

/** @returns the address; `:PORT` is all addresses of both families. @throws RangeError */
export function parseListener(text: string): HostPort {
  const place = parseHostPort(text.startsWith(":") ? `[::]${text}` : text);
  if (!place) throw new RangeError(`"${text}" is not HOST:PORT; write for example [::]:8443 or 127.0.0.1:8443`);
  if (place.port === 0) throw new RangeError(`"${text}" has port 0; write one of 1–65535`);
  return place;
}

/** @returns the canonical IP address. @throws RangeError */
export function parseImportAddress(text: string): string {
  const address = canonicalAddress(text);
  if (address === undefined)
    throw new RangeError(`"${text}" is not an IP address; write for example [::] or 127.0.0.1`);
  return address;
}

/** @returns the name of a namespace, an RFC 1123 label. @throws RangeError */
export function parseNamespace(text: string): string {
  if (isDnsLabel(text)) return text;
  throw new RangeError(`"${text}" is not a namespace; write 1–63 of a–z, 0–9 and "-", for example clusterlink-system`);
}

/** @returns key and value of a Kubernetes label. @throws RangeError */
export function parseLabel(text: string): [key: string, value: string] {
  const at = text.indexOf("=");
  const key = text.slice(0, at);
  const value = text.slice(at + 1);
  if (at > 0 && isLabelKey(key) && isLabelValue(value)) return [key, value];
  throw new RangeError(`"${text}" is not KEY=VALUE with a Kubernetes label key and value; write for example region=eu`);
}

/** @returns how many relays, 1 to 64. @throws RangeError */
export function parseRelays(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= 64) return count;
  throw new RangeError(`"${text}" is not a number of relays; write 1 to 64`);
}

/** @returns what `true`, `1`, `false` or `0` says. @throws RangeError */
export function parseSwitch(text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new RangeError(`"${text}" is neither true nor false`);
}

/** @returns one of {@link LOG_LEVELS}. @throws RangeError */
export function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level) return level;
  throw new RangeError(`"${text}" is not a log level; write one of ${LOG_LEVELS.join(", ")}`);
}

/** @returns the format. @throws RangeError */
export function parseLogFormat(text: string): "json" | "text" {
  if (text === "json" || text === "text") return text;
  throw new RangeError(`"${text}" is not a log format; write json or text`);
}
