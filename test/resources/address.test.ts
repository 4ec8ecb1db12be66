import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import {
  canonicalAddress,
  canonicalCidr,
  formatAddress,
  formatHostPort,
  hasHostBits,
  isHostName,
  parseAddress,
  parseCidr,
  parseHostPort,
} from "../../src/resources/address.ts";

describe("an address is written canonically", () => {
  test.each([
    ["IPv4 as it is", "192.0.2.1", "192.0.2.1"],
    ["IPv6 in lower case", "2001:DB8::A", "2001:db8::a"],
    ["leading zeros go", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["the longest run of zeros is shortened", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["of equal runs the first is shortened", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["one zero group is not shortened", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["the unspecified address", "0:0:0:0:0:0:0:0", "::"],
    ["zeros at the end", "fd00:0:0:0:0:0:0:0", "fd00::"],
    ["IPv4-mapped becomes IPv4", "::ffff:10.0.0.7", "10.0.0.7"],
    ["IPv4-mapped in hexadecimal too", "::FFFF:a00:7", "10.0.0.7"],
    ["IPv4 embedded elsewhere stays IPv6", "64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["brackets are stripped", "[::1]", "::1"],
    ["a mapped address in brackets", "[::ffff:127.0.0.1]", "127.0.0.1"],
    ["a zone is dropped", "fe80::1%eth0", "fe80::1"],
  ])("%s", (_rule, text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });
});

describe("what is no address is refused", () => {
  test.each([
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "01.2.3.4",
    "1.2.3.4 ",
    "0x7f.0.0.1",
    "[1.2.3.4]",
    "1.2.3.4%eth0",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "g::",
    "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "[::1",
    "::1]",
    "::1%",
    "1:2:3:4:5:6:7:8::",
  ])("%p", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("a CIDR is written canonically", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["10.255.255.255/9", "10.128.0.0/9"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.0.2.7/32", "192.0.2.7/32"],
    ["FD00:0:0:0::/64", "fd00::/64"],
    ["fd00::ffff/127", "fd00::fffe/127"],
    ["::/0", "::/0"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:0:0/96", "0.0.0.0/0"],
    ["::ffff:0:0/95", "::fffe:0:0/95"],
  ])("%s is %s", (text, canonical) => {
    expect(canonicalCidr(text)).toBe(canonical);
  });

  test.each([
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "::/129",
    "fe80::%eth0/64",
    "[::]/0",
    "a/8",
    "10.0.0.0/8/8",
  ])("%p is none", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("host bits are told", () => {
    expect(hasHostBits("10.0.0.7/8")).toBe(true);
    expect(hasHostBits("10.0.0.0/8")).toBe(false);
    expect(hasHostBits("nonsense")).toBe(false);
  });
});

describe("HOST:PORT", () => {
  test.each([
    ["192.0.2.1:80", { host: "192.0.2.1", port: 80 }],
    ["[2001:DB8::1]:443", { host: "2001:db8::1", port: 443 }],
    ["[::]:0", { host: "::", port: 0 }],
    ["[::ffff:10.0.0.1]:1", { host: "10.0.0.1", port: 1 }],
    ["gateway.example:65535", { host: "gateway.example", port: 65535 }],
    ["my_service:1", { host: "my_service", port: 1 }],
  ])("%s is read", (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
  });

  test.each([
    "",
    "80",
    ":80",
    "host",
    "host:",
    "host:x",
    "host:65536",
    "::1:80",
    "[::1]",
    "[name]:80",
    "[1.2.3.4]:80",
    "1.2.3.256:1",
    "a b:1",
    "host:-1",
  ])("%p is refused", (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });

  test("writing puts brackets around IPv6 only", () => {
    expect(formatHostPort("::1", 80)).toBe("[::1]:80");
    expect(formatHostPort("127.0.0.1", 80)).toBe("127.0.0.1:80");
  });
});

describe("host names", () => {
  test.each(["localhost", "a.b.c", "A.example.", "_srv.x", "1a.2b", "10.0.0.7.nip.io"])("%s is one", (text) => {
    expect(isHostName(text)).toBe(true);
  });
  test.each([
    "",
    ".",
    "a..b",
    "-a",
    "a-",
    "a b",
    "1.2.3",
    "300.1.2.3",
    "a.0x7f",
    "::1",
    `${"a".repeat(64)}.x`,
    `${"a.".repeat(127)}aa`,
  ])("%p is none", (text) => {
    expect(isHostName(text)).toBe(false);
  });
});

describe("properties", () => {
  const bytes = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((all) => all.map((byte) => (byte < 128 ? 0 : byte)));

  test("what is written reads back as the same bytes", () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom<4 | 6>(4, 6), (all, family) => {
        const address = { family, bytes: family === 4 ? all.slice(0, 4) : all };
        const text = formatAddress(address);
        expect(isIP(text)).toBe(family);
        const again = parseAddress(text);
        expect(again && formatAddress(again)).toBe(text);
        if (again?.family === family) expect(again.bytes).toEqual(address.bytes);
      }),
    );
  });

  test("what Node takes for an address without a zone, we do, and the other way round", () => {
    const alphabet = fc.constantFrom("0", "1", "25", "f", "ffff", ":", "::", ".", "1.2.3.4", "g", "00");
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2000 },
    );
  });
});
