import { isIP } from "node:net";
import type { GatewayAddress } from "../snapshot/tables.ts";

const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.?$/i;

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (all addresses of both families).
 *
 * @returns the host without brackets, and the port.
 * @throws RangeError that says what is expected.
 */
export function parseHostPort(text: string): GatewayAddress {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not HOST:PORT; write for example [::]:8443 or 127.0.0.1:8443`);
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port < 1 || port > 65535) throw new RangeError(`"${text}" has a port outside 1–65535`);
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6) throw new RangeError(`"${text}" has no IPv6 address between the brackets`);
    return { host: bracketed, port };
  }
  const host = plain || "::";
  if (isIP(host) === 0 && !DNS_NAME.test(host)) {
    throw new RangeError(`"${text}" has neither an IP address nor a host name before the port`);
  }
  return { host, port };
}

/**
 * Reads an IP address, an IPv6 one with or without brackets.
 *
 * @returns the address without brackets.
 * @throws RangeError that says what is expected.
 */
export function parseAddress(text: string): string {
  const address = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (isIP(address) === 0) throw new RangeError(`"${text}" is not an IP address; write for example [::] or 127.0.0.1`);
  return address;
}

/** @returns `HOST:PORT`, an IPv6 host in brackets. */
export function formatHostPort({ host, port }: GatewayAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
