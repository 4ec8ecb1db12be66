/** Who an address belongs to: longest-prefix match over the client table. */
import { formatAddress, type IpAddress, parseAddress, parseCidr } from "../resources/address.ts";
import type { ClientEntry } from "./tables.ts";

/** The blocks of one prefix length, by the bytes of the masked address. */
interface Blocks {
  readonly prefix: number;
  readonly entries: Map<string, ClientEntry>;
}

/** How a dual-stack socket reports an IPv4 address. */
const MAPPED = "::ffff:";

/**
 * The `clients` table, ready to be asked. Whole addresses (/32, /128), which is what pods have, are found by their
 * text; blocks by one look-up for each prefix length in use, the longest first.
 */
export class ClientTable {
  readonly #whole = new Map<string, ClientEntry>();
  /** Longest prefix first. */
  readonly #blocks: Readonly<Record<4 | 6, Blocks[]>> = { 4: [], 6: [] };

  /** @throws RangeError when `cidr` is no CIDR. */
  set(cidr: string, entry: ClientEntry): void {
    const { address, prefix } = parsed(cidr);
    if (isWhole(address, prefix)) {
      this.#whole.set(formatAddress(address), entry);
      return;
    }
    const list = this.#blocks[address.family];
    let blocks = list.find((one) => one.prefix === prefix);
    if (blocks === undefined) {
      blocks = { prefix, entries: new Map() };
      list.push(blocks);
      list.sort((a, b) => b.prefix - a.prefix);
    }
    blocks.entries.set(blockKey(address, prefix), entry);
  }

  /**
   * Removes what {@link set} put there under this CIDR, if anything.
   *
   * @throws RangeError when `cidr` is no CIDR.
   */
  delete(cidr: string): void {
    const { address, prefix } = parsed(cidr);
    if (isWhole(address, prefix)) {
      this.#whole.delete(formatAddress(address));
      return;
    }
    const list = this.#blocks[address.family];
    const at = list.findIndex((blocks) => blocks.prefix === prefix);
    const entries = list[at]?.entries;
    entries?.delete(blockKey(address, prefix));
    if (entries?.size === 0) list.splice(at, 1);
  }

  /**
   * @param address as a socket reports it: IPv4, IPv6, IPv4-mapped IPv6, with or without a zone
   * @returns the entry of the longest prefix that holds the address; `undefined` when none does, when the text is no
   * address, or when that entry is ambiguous: a shorter, certain one is not asked then.
   */
  find(address: string): ClientEntry | undefined {
    const text = address.startsWith(MAPPED) && address.includes(".") ? address.slice(MAPPED.length) : address;
    const found = this.#whole.get(text) ?? this.#search(text);
    return found?.ambiguous === true ? undefined : found;
  }

  #search(text: string): ClientEntry | undefined {
    const isV6 = text.includes(":");
    // The text of an IPv4 address is canonical or no address, so the table of whole addresses has been asked for it.
    if (!isV6 && this.#blocks[4].length === 0) return undefined;
    const address = parseAddress(text);
    if (address === undefined) return undefined;
    const whole = isV6 ? this.#whole.get(formatAddress(address)) : undefined;
    return whole ?? this.#longestBlock(address);
  }

  #longestBlock(address: IpAddress): ClientEntry | undefined {
    for (const { prefix, entries } of this.#blocks[address.family]) {
      const entry = entries.get(blockKey(address, prefix));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }
}

function parsed(cidr: string): { address: IpAddress; prefix: number } {
  const block = parseCidr(cidr);
  if (block === undefined) throw new RangeError(`'${cidr}' is no CIDR; write for example 10.0.0.0/8 or fd00::/64`);
  return block;
}

function isWhole(address: IpAddress, prefix: number): boolean {
  return prefix === address.bytes.length * 8;
}

/** @returns the leading `prefix` bits as a string of one character a byte. */
function blockKey({ bytes }: IpAddress, prefix: number): string {
  let key = "";
  for (let i = 0; i * 8 < prefix; i++) {
    const bits = Math.min(8, prefix - i * 8);
    key += String.fromCharCode((bytes[i] ?? 0) & (0xff00 >> bits));
  }
  return key;
}
