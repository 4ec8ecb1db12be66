import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readElements } from "../../src/pki/der.ts";
import { PkiError } from "../../src/pki/errors.ts";
import { certificateName, peerIdentity, verifiedPeer } from "../../src/pki/identity.ts";
import { DAY, makeRoot, makeSite, NOW, sanOf, tlv } from "./authority.ts";

const root = await makeRoot();
const dns = (name: string) => tlv(0x82, name);
const uri = (text: string) => tlv(0x86, text);
const email = (text: string) => tlv(0x81, text);
const ip = (...bytes: number[]) => tlv(0x87, Buffer.from(bytes));
const other = (text: string) =>
  tlv(0xa0, Buffer.concat([tlv(0x06, Buffer.from([0x2a, 3])), tlv(0xa0, tlv(0x0c, text))]));
const directory = (cn: string) =>
  tlv(0xa4, tlv(0x30, tlv(0x31, tlv(0x30, Buffer.concat([tlv(0x06, Buffer.from([0x55, 4, 3])), tlv(0x0c, cn)])))));

async function nameWith(...names: Buffer[]): Promise<string> {
  const { der } = await makeSite(root, "the-common-name", { san: sanOf(...names) });
  return certificateName(der);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof PkiError) return error.code;
    throw error;
  }
  return "nothing thrown";
}

test("who a peer is holds until the first certificate of its chain ends", async () => {
  const brief = await makeRoot({ notAfter: NOW + DAY });
  const { der } = await makeSite(brief, "berlin", { notAfter: NOW + 10 * DAY });
  const socket = { getPeerX509Certificate: () => ({ raw: der }), getPeerCertificate: () => null };
  expect(verifiedPeer(socket, brief.pem, NOW, "client")).toMatchObject({ name: "berlin", notAfter: NOW + DAY });
});

describe("a site's name", () => {
  test.each([
    ["is the first DNS SAN of several", [dns("berlin"), dns("oslo")], "berlin"],
    ["skips other kinds of names that stand before it", [ip(10, 0, 0, 1), email("a@b"), dns("berlin")], "berlin"],
    ["is not taken from a URI that contains ', DNS:evil'", [uri("http://x, DNS:evil"), dns("berlin")], "berlin"],
    ["is not taken from an e-mail that contains ', DNS:evil'", [email("a@b, DNS:evil"), dns("berlin")], "berlin"],
    ["is not taken from an otherName with the text DNS:evil", [other("x, DNS:evil"), dns("berlin")], "berlin"],
    [
      "is not taken from a directory name with a quoted DNS:evil",
      [directory('"x", DNS:evil'), dns("berlin")],
      "berlin",
    ],
    ["is not taken from a nested element with the tag of a dNSName", [tlv(0xa0, dns("evil")), dns("berlin")], "berlin"],
    ["is compared in lower case", [dns("Berlin.Example")], "berlin.example"],
  ] as const)("%s", async (_rule, names, name) => {
    expect(await nameWith(...names)).toBe(name);
  });

  test.each([
    ["there is no SAN: the CN is ignored", [], "no-dns-san"],
    ["the SAN has no DNS name", [uri("http://berlin"), ip(10, 0, 0, 1)], "no-dns-san"],
    ["only other kinds contain DNS:", [uri("x, DNS:evil")], "no-dns-san"],
    ["the first is a wildcard, even when a plain one follows", [dns("*.example"), dns("berlin")], "invalid-name"],
    ["the first contains ', DNS:'", [dns("berlin, DNS:evil")], "invalid-name"],
    ["the first contains a NUL", [dns("berlin\0.evil")], "invalid-name"],
    ["the first is empty", [dns("")], "invalid-name"],
    ["the first ends in a dot", [dns("berlin.")], "invalid-name"],
    ["a label is longer than 63", [dns("a".repeat(64))], "invalid-name"],
    ["the whole is longer than 253", [dns(`${"a.".repeat(127)}a`)], "invalid-name"],
  ] as const)("is refused when %s", async (_rule, names, code) => {
    const { der } = await makeSite(root, "the-common-name", { san: sanOf(...names) });
    expect(codeOf(() => certificateName(der))).toBe(code);
  });

  test("is refused when the certificate has no SAN extension at all", async () => {
    const { der } = await makeSite(root, "berlin", { san: [] });
    expect(codeOf(() => certificateName(der))).toBe("no-dns-san");
  });
});

test("an identity has the validity and the chain of the certificate", async () => {
  const { der } = await makeSite(root, "berlin", { notBefore: NOW - 3 * DAY, notAfter: NOW + 7 * DAY });
  const chain = [der, root.der];
  expect(peerIdentity(chain)).toEqual({ name: "berlin", notBefore: NOW - 3 * DAY, notAfter: NOW + 7 * DAY, chain });
  expect(codeOf(() => peerIdentity([]))).toBe("no-dns-san");
});

test("a certificate beyond the year 2050 is read too (GeneralizedTime)", async () => {
  const notAfter = Date.parse("2061-01-02T03:04:05Z");
  const { der } = await makeSite(root, "berlin", { notAfter });
  expect(peerIdentity([der]).notAfter).toBe(notAfter);
});

describe("bytes that are no certificate", () => {
  test("whatever is cut off or appended is refused", async () => {
    const { der } = await makeSite(root, "berlin");
    for (let length = 0; length < der.length; length += 7) {
      expect(codeOf(() => certificateName(der.subarray(0, length)))).toBe("malformed-certificate");
    }
    expect(codeOf(() => certificateName(Buffer.concat([der, Buffer.from([0])])))).toBe("malformed-certificate");
  });

  test("random bytes never do anything but throw a PkiError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => certificateName(Buffer.from(bytes)))).not.toBe("nothing thrown");
      }),
    );
  });

  test("a changed byte gives an error of ours, or a certificate, never another error", async () => {
    const { der } = await makeSite(root, "berlin");
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ change;
        codeOf(() => certificateName(changed));
      }),
    );
  });

  test.each([
    ["an indefinite length", [0x30, 0x80, 0x00, 0x00]],
    ["a length in more bytes than needed", [0x04, 0x81, 0x01, 0x00]],
    ["a length with a leading zero", [0x04, 0x82, 0x00, 0x80]],
    ["a tag of several bytes", [0x1f, 0x81, 0x01, 0x00]],
    ["a length beyond the end", [0x04, 0x05, 0x00]],
  ])("DER with %s is refused", (_rule, bytes) => {
    expect(codeOf(() => readElements(Buffer.from(bytes)))).toBe("malformed-certificate");
  });
});
