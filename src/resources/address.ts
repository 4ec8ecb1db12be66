/**
 * IP addresses, CIDRs and HOST:PORT: parsed strictly, written canonically. Pure.
 *
 * The canonical text is RFC 5952 for IPv6 and dotted decimal for IPv4; an IPv4-mapped IPv6 address
 * (`::ffff:192.0.2.1`, what a dual-stack socket reports) is the IPv4 address that it stands for, so that two texts
 * of one address are equal after parsing.
 */

/** An address: 4 or 16 bytes in network order. */
export interface IpAddress {
  family: 4 | 6;
  bytes: Uint8Array;
}

/** An address block. `address` has no bit set beyond `prefix`. */
export interface Cidr {
  address: IpAddress;
  /** 0–32 or 0–128. */
  prefix: number;
}

export interface HostPort {
  /** Without brackets; an address is canonical, a name is as it was written. */
  host: string;
  port: number;
}

/**
 * Reads an IPv4 or IPv6 address, with or without brackets. IPv4-mapped IPv6 becomes IPv4. A zone (`%eth0`, RFC 4007)
 * is dropped: it says which link, not who.
 *
 * @returns `undefined` when the text is no address. Leading zeros in IPv4 are refused: some readers take them as octal.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (bare.includes(":")) {
    const zone = bare.indexOf("%");
    if (zone === bare.length - 1) return undefined;
    const bytes = parseV6(zone === -1 ? bare : bare.slice(0, zone));
    return bytes && unmapped(bytes);
  }
  if (bare !== text) return undefined;
  const bytes = parseV4(bare);
  return bytes && { family: 4, bytes };
}

/** @returns the canonical text of an address (RFC 5952 for IPv6). */
export function formatAddress(address: IpAddress): string {
  if (address.family === 4) return address.bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => groupAt(address.bytes, i));
  const gap = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (gap === undefined) return hex(groups);
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.end))}`;
}

/** @returns the canonical text of what {@link parseAddress} reads, or `undefined` when it is no address. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address);
}

/**
 * Reads a CIDR such as `10.0.0.0/8` or `fd00::/64`. A block of IPv4-mapped addresses (prefix 96 or longer) becomes IPv4.
 * Host bits are cleared: `10.0.0.7/8` is read as `10.0.0.0/8` (see {@link hasHostBits}).
 *
 * @returns `undefined` when the text is no CIDR; a zone or brackets make it none.
 */
export function parseCidr(text: string): Cidr | undefined {
  const parts = splitCidr(text);
  return parts && { address: masked(parts.address, parts.prefix), prefix: parts.prefix };
}

/** @returns whether the text is a CIDR whose address has bits set beyond its prefix, like `10.0.0.7/8`. */
export function hasHostBits(text: string): boolean {
  const parts = splitCidr(text);
  return parts !== undefined && formatAddress(parts.address) !== formatAddress(masked(parts.address, parts.prefix));
}

/** @returns the canonical text of a CIDR. */
function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.address)}/${cidr.prefix}`;
}

/** @returns the canonical text of what {@link parseCidr} reads, or `undefined` when it is no CIDR. */
export function canonicalCidr(text: string): string | undefined {
  const cidr = parseCidr(text);
  return cidr && formatCidr(cidr);
}

/**
 * Reads `HOST:PORT`: `192.0.2.1:80`, `[2001:db8::1]:80`, `[::]:0`, `name.example:80`. An IPv6 address must be in
 * brackets, else its port could not be told from its last group.
 *
 * @returns `undefined` when it is none. Ports are 0–65535; 0 is for listening on any port.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(\[[^\]]*\]|[^:[\]]+):([0-9]{1,5})$/.exec(text);
  const [, host = "", digits = ""] = match ?? [];
  const port = Number(digits);
  if (!match || port > 65535) return undefined;
  const address = parseAddress(host);
  if (host.startsWith("[") && (address === undefined || !host.includes(":"))) return undefined;
  if (address) return { host: formatAddress(address), port };
  return isHostName(host) ? { host, port } : undefined;
}

/** @returns `HOST:PORT`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * @returns whether the text can be looked up in DNS: labels of letters, digits, "-" and "_", 1–63 characters each, 253 in
 * all, a final dot allowed. A name whose last label is a number is none: resolvers take it for an IPv4 address (WHATWG URL).
 */
export function isHostName(text: string): boolean {
  const labels = (text.endsWith(".") ? text.slice(0, -1) : text).split(".");
  if (text.length > 253 || !labels.every((label) => HOST_LABEL.test(label))) return false;
  return !/^([0-9]+|0[xX][0-9a-fA-F]*)$/.test(labels.at(-1) ?? "");
}

const HOST_LABEL = /^[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?$/;

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part))) return undefined;
  const numbers = parts.map(Number);
  return numbers.every((number) => number <= 255) ? Uint8Array.from(numbers) : undefined;
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = v6Bytes(halves[0] ?? "", halves.length === 1);
  if (halves.length === 1) return head?.length === 16 ? Uint8Array.from(head) : undefined;
  const tail = v6Bytes(halves[1] ?? "", true);
  if (!head || !tail || head.length + tail.length > 14) return undefined;
  const zeros = Array.from({ length: 16 - head.length - tail.length }, () => 0);
  return Uint8Array.from([...head, ...zeros, ...tail]);
}

function v6Bytes(text: string, mayEndInV4: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
      continue;
    }
    const v4 = mayEndInV4 && i === groups.length - 1 ? parseV4(group) : undefined;
    if (!v4) return undefined;
    bytes.push(...v4);
  }
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  return (
    bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  );
}

function unmapped(bytes: Uint8Array): IpAddress {
  return isMapped(bytes) ? { family: 4, bytes: bytes.slice(12) } : { family: 6, bytes };
}

function splitCidr(text: string): Cidr | undefined {
  const [, host = "", digits = ""] = /^([^/%[\]]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  const written = host.includes(":") ? parseV6(host) : parseV4(host);
  const prefix = Number(digits);
  if (!written || digits === "" || prefix > written.length * 8) return undefined;
  if (isMapped(written) && prefix >= 96) return { address: unmapped(written), prefix: prefix - 96 };
  return { address: { family: written.length === 4 ? 4 : 6, bytes: written }, prefix };
}

function masked(address: IpAddress, prefix: number): IpAddress {
  const bytes = address.bytes.map((byte, i) => byte & (0xff00 >> Math.max(0, Math.min(8, prefix - i * 8))));
  return { family: address.family, bytes };
}

function groupAt(bytes: Uint8Array, i: number): number {
  return ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0);
}

/** RFC 5952 section 4.2: the first of the longest runs of two or more zero groups. */
function longestZeroRun(groups: number[]): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start >= 2 && end - start > (best ? best.end - best.start : 0)) best = { start, end };
  }
  return best;
}
