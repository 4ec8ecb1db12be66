import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cidr, canonicalCidr, type IpAddress, parseAddress, parseCidr } from "../../src/resources/address.ts";
import { ClientTable } from "../../src/snapshot/clients.ts";
import type { ClientEntry } from "../../src/snapshot/tables.ts";

const entry = (namespace: string): ClientEntry => ({ namespace, labels: {} });

function table(entries: Record<string, ClientEntry>): ClientTable {
  const made = new ClientTable();
  for (const [cidr, value] of Object.entries(entries)) made.set(cidr, value);
  return made;
}

const bits = ({ bytes }: IpAddress) => [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
const contains = ({ address: block, prefix }: Cidr, address: IpAddress) =>
  block.family === address.family && bits(address).startsWith(bits(block).slice(0, prefix));

const clients = table({
  "10.0.0.0/8": entry("ten"),
  "10.1.0.0/16": entry("ten-one"),
  "10.1.2.3/32": entry("host"),
  "10.9.0.0/16": { ...entry("disputed"), ambiguous: true },
  "10.9.9.9/32": entry("certain"),
  "192.168.0.0/17": entry("odd-length"),
  "fd00::/64": entry("six"),
  "fd00::7/128": entry("six-host"),
  "fd00::ff00/124": entry("six-long"),
});

describe("who an address belongs to", () => {
  const cases: [string, string, string | undefined][] = [
    ["a whole address", "10.1.2.3", "host"],
    ["as a dual-stack socket reports it", "::ffff:10.1.2.3", "host"],
    ["mapped, in hexadecimal", "::ffff:a01:203", "host"],
    ["the longest block", "10.1.2.4", "ten-one"],
    ["a mapped address in a block", "::ffff:10.1.2.4", "ten-one"],
    ["a shorter block where no longer one holds it", "10.2.0.1", "ten"],
    ["no block", "11.0.0.1", undefined],
    ["a block that is claimed twice: nobody, though a shorter one is certain", "10.9.0.1", undefined],
    ["a certain address in a disputed block", "10.9.9.9", "certain"],
    ["a prefix within a byte, inside", "192.168.127.255", "odd-length"],
    ["a prefix within a byte, outside", "192.168.128.0", undefined],
    ["IPv6 in a block", "fd00::1:2", "six"],
    ["IPv6, a whole address", "fd00::7", "six-host"],
    ["IPv6, not in canonical form", "FD00:0:0::0007", "six-host"],
    ["IPv6 with a zone", "fd00::7%eth0", "six-host"],
    ["IPv6, the longest block", "fd00::ff05", "six-long"],
    ["IPv6, no block", "fd01::1", undefined],
    ["no address", "localhost", undefined],
    ["nothing", "", undefined],
  ];
  for (const [rule, address, expected] of cases) {
    test(rule, () => expect(clients.find(address)?.namespace).toBe(expected));
  }

  test("the default route of one family says nothing about the other", () => {
    expect(table({ "::/0": entry("all") }).find("10.0.0.1")).toBeUndefined();
    expect(table({ "0.0.0.0/0": entry("all") }).find("fd00::1")).toBeUndefined();
    expect(table({ "0.0.0.0/0": entry("all") }).find("1.2.3.4")?.namespace).toBe("all");
  });

  test("what is no CIDR is refused", () => {
    expect(() => new ClientTable().set("10.0.0.1", entry("x"))).toThrow("'10.0.0.1' is no CIDR");
  });
});

test("any sequence of sets and deletes finds what a search through all blocks finds", () => {
  const byte = fc.constantFrom(0, 1, 2, 128, 255);
  const v4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join("."));
  const v6 = fc
    .tuple(byte, byte, byte)
    .map(([a, b, c]) => `fd00:${a.toString(16)}::${b.toString(16)}:${c.toString(16)}`);
  const cidr = fc
    .oneof(
      fc.tuple(v4, fc.nat({ max: 32 })),
      fc.tuple(v6, fc.constantFrom(0, 8, 16, 25, 32, 63, 64, 112, 120, 127, 128)),
    )
    .map(([address, prefix]) => canonicalCidr(`${address}/${prefix}`)!);
  const change = fc.record({ cidr, remove: fc.boolean(), ambiguous: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.array(fc.oneof(v4, v6), { minLength: 1 }), (changes, asked) => {
      const tested = new ClientTable();
      const all = new Map<string, ClientEntry>();
      for (const [i, { cidr, remove, ambiguous }] of changes.entries()) {
        const value = { ...entry(`n${i}`), ...(ambiguous ? { ambiguous } : {}) };
        if (remove) tested.delete(cidr);
        else tested.set(cidr, value);
        if (remove) all.delete(cidr);
        else all.set(cidr, value);
      }
      for (const address of asked) {
        const [longest] = [...all]
          .map(([text, value]) => ({ block: parseCidr(text)!, value }))
          .filter(({ block }) => contains(block, parseAddress(address)!))
          .sort((a, b) => b.block.prefix - a.block.prefix);
        const expected = longest === undefined || longest.value.ambiguous ? undefined : longest.value;
        expect(tested.find(address)).toBe(expected as never);
      }
    }),
  );
});
