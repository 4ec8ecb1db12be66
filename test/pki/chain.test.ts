import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ChainPurpose, parse, verifyChain } from "../../src/pki/chain.ts";
import {
  clientAuth,
  DAY,
  digitalSignature,
  Extension,
  keyCertSign,
  type Made,
  make,
  makeIntermediate,
  makeRoot,
  makeSite,
  NOW,
  RSA,
  serverAuth,
  tlv,
} from "./authority.ts";

/** Object identifiers in DER, without tag and length. */
const ID_EC_PUBLIC_KEY = Buffer.from("2a8648ce3d0201", "hex");
const PRIME256V1 = Buffer.from("2a8648ce3d030107", "hex");

const root = await makeRoot();
const foreign = await makeRoot({ subject: "CN=foreign" });
/** The same name as the root, another key. */
const impostor = await makeRoot();
const site = await makeSite(root, "berlin");

function verdict(chain: Made[], cas: Made[], purpose: ChainPurpose = "client", now = NOW): string {
  const result = verifyChain(
    chain.map(({ der }) => der),
    cas.map(({ pem }) => pem).join(""),
    now,
    purpose,
  );
  return result.valid ? "valid" : result.code;
}

const constraint = (permitted: string[], excluded: string[] = []) => {
  const trees = (tag: number, names: string[]) =>
    names.length === 0 ? Buffer.alloc(0) : tlv(tag, Buffer.concat(names.map((name) => tlv(0x30, tlv(0x82, name)))));
  const value = tlv(0x30, Buffer.concat([trees(0xa0, permitted), trees(0xa1, excluded)]));
  return new Extension("2.5.29.30", true, value);
};

describe("a chain is valid", () => {
  test("from a CA of the bundle, whichever place it has there", () => {
    expect(verdict([site], [root])).toBe("valid");
    expect(verdict([site], [foreign, impostor, root], "server")).toBe("valid");
  });

  test("through intermediates in any order, with the root sent or not, and others sent by mistake", async () => {
    const upper = await makeIntermediate(root, { subject: "CN=upper" });
    const lower = await makeIntermediate(upper, { subject: "CN=lower" });
    const leaf = await makeSite(lower, "berlin");
    expect(verdict([leaf, upper, site, lower], [root])).toBe("valid");
    expect(verdict([leaf, lower, upper, root], [root])).toBe("valid");
    expect(verdict([leaf, lower], [root])).toBe("not-signed-by-ca");
    expect(verdict([leaf], [root, lower, upper])).toBe("valid");
  });

  test("with RSA all the way", async () => {
    const ca = await makeRoot({ algorithm: RSA });
    expect(verdict([await makeSite(ca, "berlin", { algorithm: RSA })], [ca])).toBe("valid");
  });

  test("until the earliest end in it", async () => {
    const middle = await makeIntermediate(root, { notAfter: NOW + DAY });
    const leaf = await makeSite(middle, "berlin");
    expect(verifyChain([leaf.der, middle.der], root.pem, NOW, "client")).toEqual({ valid: true, notAfter: NOW + DAY });
  });

  test("by another path when the first one found is expired (a cross-signed CA)", async () => {
    const middle = await makeIntermediate(root, { notAfter: NOW - 1000 });
    const renewed = await makeIntermediate(root, { keys: middle.keys });
    const leaf = await makeSite(middle, "berlin");
    expect(verdict([leaf, middle], [root])).toBe("expired");
    expect(verdict([leaf, middle, renewed], [root])).toBe("valid");
  });
});

describe("a chain is refused", () => {
  test("when no CA of the bundle signed it", async () => {
    expect(verdict([site], [foreign])).toBe("not-signed-by-ca");
    expect(verdict([site], [])).toBe("not-signed-by-ca");
    expect(verdict([], [root])).toBe("not-signed-by-ca");
    expect(verdict([site, root], [foreign])).toBe("not-signed-by-ca");
  });

  test("when a CA of the same name but another key stands in the bundle", () => {
    expect(verdict([site], [impostor])).toBe("not-signed-by-ca");
  });

  test("when its signature was changed", () => {
    const forged = Buffer.from(site.der);
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    expect(verifyChain([forged], root.pem, NOW, "client")).toMatchObject({ valid: false, code: "not-signed-by-ca" });
  });

  test("when the bundle has an intermediate without its root, as the handshake refuses it", async () => {
    const middle = await makeIntermediate(root);
    expect(verdict([await makeSite(middle, "berlin")], [middle])).toBe("not-signed-by-ca");
  });

  test("a second before it begins and a second after it ends", async () => {
    const leaf = await makeSite(root, "berlin", { notBefore: NOW, notAfter: NOW + 10_000 });
    const at = (now: number) => verdict([leaf], [root], "client", now);
    expect([at(NOW - 1000), at(NOW), at(NOW + 10_000), at(NOW + 11_000)]).toEqual([
      "not-yet-valid",
      "valid",
      "valid",
      "expired",
    ]);
  });

  test("when the root itself has expired", async () => {
    const old = await makeRoot({ notAfter: NOW - 1000 });
    expect(verdict([await makeSite(old, "berlin")], [old])).toBe("expired");
  });

  test.each([
    ["client", [serverAuth], "missing-eku"],
    ["server", [serverAuth], "valid"],
    ["server", [clientAuth], "missing-eku"],
    ["client", [clientAuth], "valid"],
    ["client", ["2.5.29.37.0"], "valid"],
  ] as const)("as a %s, unless its extended key usage %p allows that", async (purpose, eku, expected) => {
    expect(verdict([await makeSite(root, "berlin", { eku: [...eku] })], [root], purpose)).toBe(expected);
  });

  test("when an intermediate's extended key usage does not allow it", async () => {
    const middle = await makeIntermediate(root, { eku: [serverAuth] });
    const leaf = await makeSite(middle, "berlin");
    expect(verdict([leaf, middle], [root], "client")).toBe("missing-eku");
    expect(verdict([leaf, middle], [root], "server")).toBe("valid");
  });

  test("when another site signed it: a site is no CA", async () => {
    expect(verdict([await makeSite(site, "oslo"), site], [root])).toBe("not-signed-by-ca");
    const bold = await makeSite(root, "bold", { usage: digitalSignature | keyCertSign });
    expect(verdict([await makeSite(bold, "oslo"), bold], [root])).toBe("not-a-ca");
  });

  test("when its issuer may not sign certificates", async () => {
    const middle = await makeIntermediate(root, { usage: digitalSignature });
    expect(verdict([await makeSite(middle, "berlin"), middle], [root])).toBe("not-signed-by-ca");
  });

  test("when there are more intermediates than a CA allows", async () => {
    const upper = await makeIntermediate(root, { subject: "CN=upper", ca: { pathLength: 0 } });
    expect(verdict([await makeSite(upper, "berlin"), upper], [root])).toBe("valid");
    const lower = await makeIntermediate(upper, { subject: "CN=lower" });
    expect(verdict([await makeSite(lower, "berlin"), lower, upper], [root])).toBe("not-a-ca");
  });

  test.each([
    ["berlin.eu.example", ["eu.example"], [], "valid"],
    ["berlin.us.example", ["eu.example"], [], "name-not-permitted"],
    ["berlineu.example", ["eu.example"], [], "name-not-permitted"],
    ["berlin.eu.example", [".eu.example"], ["BERLIN.eu.example"], "name-not-permitted"],
    ["eu.example", [".eu.example"], [], "name-not-permitted"],
  ])("named %s under a CA for %p without %p: %s", async (name, permitted, excluded, expected) => {
    const middle = await makeIntermediate(root, { extensions: [constraint(permitted, excluded)] });
    expect(verdict([await makeSite(middle, name), middle], [root])).toBe(expected);
  });

  test("when a key in it is too weak to prove anything", async () => {
    const weak = { algorithm: { ...RSA, modulusLength: 1024 } };
    expect(verdict([await makeSite(root, "berlin", weak)], [root])).toBe("unsupported-key");
    const middle = await makeIntermediate(root, weak);
    expect(verdict([await makeSite(middle, "berlin"), middle], [root])).toBe("unsupported-key");
    const ca = await makeRoot(weak);
    expect(verdict([await makeSite(ca, "berlin")], [ca])).toBe("unsupported-key");
  });

  test("when SHA-1 is what its CA signed; that of the CA itself is relied on by nobody", async () => {
    const old = await makeRoot({ hash: "SHA-1" });
    expect(verdict([await makeSite(old, "berlin")], [old])).toBe("valid");
    expect(verdict([await makeSite(old, "berlin", { hash: "SHA-1" })], [old])).toBe("weak-signature");
    const middle = await makeIntermediate(old, { hash: "SHA-1" });
    expect(verdict([await makeSite(middle, "berlin"), middle], [old])).toBe("weak-signature");
    const rsa = await makeRoot({ algorithm: { ...RSA, hash: "SHA-1" }, hash: "SHA-1" });
    expect(verdict([await makeSite(rsa, "berlin", { hash: "SHA-1" })], [rsa])).toBe("weak-signature");
  });

  test("with a critical extension that nobody knows", async () => {
    const strange = new Extension("1.2.3.4.5", true, tlv(0x05, ""));
    expect(verdict([await makeSite(root, "berlin", { extensions: [strange] })], [root])).toBe("malformed-certificate");
    const harmless = new Extension("1.2.3.4.5", false, tlv(0x05, ""));
    expect(verdict([await makeSite(root, "berlin", { extensions: [harmless] })], [root])).toBe("valid");
  });

  test("when it signed itself", async () => {
    const self = await make({ subject: "CN=berlin", san: ["berlin"], eku: [clientAuth, serverAuth] });
    expect(verdict([self], [root])).toBe("not-signed-by-ca");
    expect(verdict([self], [self])).toBe("not-signed-by-ca");
  });

  test("quickly, however many look-alike CAs are sent along", async () => {
    const lookalikes = await Promise.all(Array.from({ length: 20 }, () => makeIntermediate(foreign)));
    const middle = await makeIntermediate(foreign);
    expect(verdict([await makeSite(middle, "berlin"), ...lookalikes, middle], [root])).toBe("not-signed-by-ca");
  });

  test("where a key in it cannot be read; one that was sent along for nothing disturbs nothing", async () => {
    const middle = await makeIntermediate(root);
    const leaf = await makeSite(middle, "berlin");
    for (const oid of [ID_EC_PUBLIC_KEY, PRIME256V1]) {
      const der = Buffer.from(middle.der);
      der[der.indexOf(oid) + oid.length - 1] = 0x7f;
      expect(verdict([leaf, { ...middle, der }, middle], [root])).toBe("valid");
      expect(verdict([leaf, { ...middle, der }], [root])).toBe("not-signed-by-ca");
      expect(verdict([{ ...middle, der }], [root])).toBe("unsupported-key");
    }
  });
});

test("a certificate is parsed once, but one that is larger than any real one is not kept", async () => {
  const large = await makeIntermediate(root, {
    extensions: [new Extension("1.2.3.4", false, tlv(0x04, Buffer.alloc(9000)))],
  });
  const leaf = await makeSite(large, "berlin");
  expect(parse(leaf.der)).toBe(parse(Buffer.from(leaf.der)));
  expect(parse(large.der)).not.toBe(parse(large.der));
  expect(verdict([leaf, large, large], [root])).toBe("valid");
  expect(verdict([leaf], [root, large])).toBe("valid");
});

test("any bytes get a verdict, and no change of a certificate's bytes passes for another certificate", async () => {
  const middle = await makeIntermediate(root, { algorithm: RSA });
  const leaf = await makeSite(middle, "berlin");
  const parts = [leaf.der, middle.der];
  const change = fc.record({
    part: fc.nat(1),
    at: fc.nat(Math.min(...parts.map(({ length }) => length)) - 1),
    inserted: fc.uint8Array({ maxLength: 2 }),
    removed: fc.oneof({ weight: 9, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.constant(10_000) }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const chain = [...parts];
      for (const { part, at, inserted, removed } of changes) {
        const bytes = chain[part] ?? Buffer.alloc(0);
        chain[part] = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
      }
      const result = verifyChain(chain, root.pem, NOW, "client");
      expect(result.valid).toBe(chain.every((bytes, i) => bytes.equals(parts[i] ?? bytes)));
    }),
    { numRuns: 2000 },
  );
});
