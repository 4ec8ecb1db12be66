/** `clusterlink create`, run as a user does. */
import { afterAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasKeyUsage, KEY_USAGE, readCertificate } from "../../src/pki/certificate.ts";
import { issueFabric, issuePeer, type KeyType } from "../../src/pki/issue.ts";
import { loadCertificates } from "../../src/pki/load.ts";
import { pemBlocks, pemBytes } from "../../src/pki/pem.ts";
import { completed } from "../completed.ts";
import { requires } from "../requires.ts";
import { DAY, subjectOf } from "./authority.ts";

const dir = mkdtempSync(join(tmpdir(), "pki-create-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Makes a CA as no certificate of ours is made. */
const openssl = requires("openssl");

const clusterlink = (...args: string[]) => completed([process.execPath, "src/main.ts", "create", ...args]);

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("a fabric and a peer are written where ClusterLink keeps them, keys for their owner only, and load as a site", async () => {
  const fabric = await clusterlink("fabric", "--name", "shop", "--path", dir);
  expect(fabric).toMatchObject({ code: 0, out: `wrote ${dir}/shop/cert.pem\nwrote ${dir}/shop/key.pem\n` });
  expect(fabric.err).toContain(`clusterlink create peer-cert --fabric shop --name SITE --path ${dir}`);
  const peer = await clusterlink("peer-cert", "--name", "berlin", "--fabric", "shop", "--path", dir);
  expect(peer.code).toBe(0);
  expect(peer.err).toContain(`clusterlink gateway --pki ${dir}/shop/berlin`);
  expect(readdirSync(join(dir, "shop", "berlin")).sort()).toEqual(["ca.pem", "cert.pem", "key.pem"]);
  expect([modeOf(join(dir, "shop/key.pem")), modeOf(join(dir, "shop/berlin/key.pem"))]).toEqual(["600", "600"]);
  expect([modeOf(join(dir, "shop")), modeOf(join(dir, "shop/berlin"))]).toEqual(["700", "700"]);
  expect(readFileSync(join(dir, "shop/berlin/ca.pem"), "utf8")).toBe(readFileSync(join(dir, "shop/cert.pem"), "utf8"));
  expect((await loadCertificates({ dir: join(dir, "shop", "berlin") })).name).toBe("berlin");
});

test("nothing is overwritten without --force, and what is there is named", async () => {
  const before = readFileSync(join(dir, "shop/key.pem"), "utf8");
  const again = await clusterlink("fabric", "--name", "shop", "--path", dir);
  expect(again).toMatchObject({ code: 1, out: "" });
  expect(again.err).toContain(`${dir}/shop/key.pem`);
  expect(again.err).toContain("--force");
  expect(readFileSync(join(dir, "shop/key.pem"), "utf8")).toBe(before);
  rmSync(join(dir, "shop/berlin/cert.pem"));
  expect((await clusterlink("peer-cert", "--name", "berlin", "--fabric", "shop", "--path", dir)).code).toBe(1);
  expect(existsSync(join(dir, "shop/berlin/cert.pem"))).toBe(false);
  const forced = await clusterlink(
    "peer-cert",
    "--name",
    "berlin",
    "--fabric",
    "shop",
    "--path",
    dir,
    "--force",
    "-o",
    "json",
  );
  expect(JSON.parse(forced.out)).toMatchObject({
    kind: "peer-cert",
    name: "berlin",
    fabric: "shop",
    files: { ca: `${dir}/shop/berlin/ca.pem`, cert: `${dir}/shop/berlin/cert.pem`, key: `${dir}/shop/berlin/key.pem` },
    notAfter: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  });
  expect((await loadCertificates({ dir: join(dir, "shop", "berlin") })).name).toBe("berlin");
  expect(readdirSync(join(dir, "shop")).sort()).toEqual(["berlin", "cert.pem", "key.pem"]);
});

test.each([
  [
    "a peer of a fabric that is not there",
    ["peer-cert", "--name", "a", "--fabric", "none"],
    1,
    "create fabric --name none",
  ],
  ["a peer without a fabric", ["peer-cert", "--name", "a"], 2, "--fabric"],
  ["a fabric without a name", ["fabric"], 2, "--name"],
  ["a name that leads out of the folder", ["fabric", "--name", "../x"], 2, "DNS name"],
  ["a name in capitals", ["fabric", "--name", "Shop"], 2, "DNS name"],
  ["a label of 64 characters", ["fabric", "--name", "a".repeat(64)], 2, "63"],
  ["an unknown key type", ["fabric", "--name", "x", "--key-type", "dsa"], 2, "ecdsa-p256"],
  ["no days", ["fabric", "--name", "x", "--days", "0"], 2, "1 to 36500"],
  ["days that are no whole number", ["fabric", "--name", "x", "--days", "1.5"], 2, "whole number"],
])("%s fails with the right exit code and says why", async (_rule, args, code, text) => {
  const result = await clusterlink(...args, "--path", dir);
  expect(result.code).toBe(code);
  expect(result.err).toContain(text);
  expect(result.out).toBe("");
});

test("the help of both has examples", async () => {
  for (const command of ["fabric", "peer-cert"]) {
    const help = await clusterlink(command, "--help");
    expect(help.code).toBe(0);
    expect(help.out).toContain("Examples:");
  }
});

describe("what is issued", () => {
  const now = Date.parse("2030-06-01T12:00:00.500Z");
  const read = (pem: string) => readCertificate(pemBytes(pem));

  test("a fabric is a CA for ten years that may sign certificates and revocation lists, backdated by minutes", async () => {
    const fabric = await issueFabric({ name: "shop", now });
    const fields = read(fabric.cert);
    expect(fields).toMatchObject({ ca: true, dnsNames: [], unknownCritical: [] });
    expect(fields.keyUsage?.toString("hex")).toBe("06");
    const x509 = new X509Certificate(fabric.cert);
    expect([x509.subject, x509.issuer]).toEqual(["CN=shop", "CN=shop"]);
    expect(now - fields.notBefore).toBeWithin(4 * 60_000, 11 * 60_000);
    expect(fields.notAfter).toBe(Date.parse("2030-06-01T12:00:00Z") + 3650 * DAY);
    expect(x509.checkIssued(x509) && x509.verify(x509.publicKey)).toBe(true);
  });

  test.each([
    ["ecdsa-p256", "ec", undefined, "80"],
    ["rsa-2048", "rsa", 2048, "a0"],
    ["rsa-4096", "rsa", 4096, "a0"],
  ] as [KeyType, string, number | undefined, string][])(
    "a peer with %s has its name as CN and DNS SAN and both uses for a year",
    async (keyType, type, bits, usage) => {
      const fabric = await issueFabric({ name: "shop", now });
      const peer = await issuePeer({ name: "berlin", keyType, now }, fabric);
      const fields = read(peer.cert);
      expect(fields).toMatchObject({ ca: false, dnsNames: ["berlin"] });
      expect(fields.extendedKeyUsage).toEqual(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
      expect(fields.keyUsage?.toString("hex")).toBe(usage);
      expect(fields.notAfter).toBe(peer.notAfter);
      expect(peer.notAfter).toBe(Date.parse("2030-06-01T12:00:00Z") + 365 * DAY);
      const x509 = new X509Certificate(peer.cert);
      expect([x509.subject, x509.issuer]).toEqual(["CN=berlin", "CN=shop"]);
      expect(x509.publicKey.asymmetricKeyType).toBe(type as "ec");
      expect(x509.publicKey.asymmetricKeyDetails?.modulusLength).toBe(bits as number);
      expect(x509.verify(new X509Certificate(fabric.cert).publicKey)).toBe(true);
    },
  );

  test("an RSA fabric signs, and a peer may have the fabric's own name", async () => {
    const fabric = await issueFabric({ name: "shop", keyType: "rsa-2048" });
    const peer = await issuePeer({ name: "shop" }, fabric);
    await Bun.write(join(dir, "rsa/ca.pem"), fabric.cert);
    await Bun.write(join(dir, "rsa/cert.pem"), peer.cert);
    await Bun.write(join(dir, "rsa/key.pem"), peer.key);
    expect((await loadCertificates({ dir: join(dir, "rsa") })).name).toBe("shop");
  });

  test.skipIf(openssl.skip)(
    `a CA that was made elsewhere signs what everybody finds it by ${openssl.reason}`,
    async () => {
      const folder = join(dir, "elsewhere");
      const [cert, key] = [join(folder, "ca.pem"), join(folder, "key.pem")];
      mkdirSync(folder);
      // Its name is UTF-8, and its key's identifier is no SHA-1 of the key.
      const own = ["basicConstraints=critical,CA:true", "keyUsage=keyCertSign", "subjectKeyIdentifier=01:02:03:04"];
      const config = join(folder, "openssl.cnf");
      writeFileSync(
        config,
        ["[req]", "distinguished_name=dn", "x509_extensions=own", "[dn]", "[own]", ...own].join("\n"),
      );
      const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8"];
      const files = ["-config", config, "-out", cert, "-keyout", key];
      const made = await completed(["openssl", ...request, ...files, "-subj", "/O=Käse AG/CN=ca", "-days", "30"]);
      expect(made.code).toBe(0);
      const ca = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
      const peer = await issuePeer({ name: "berlin" }, ca);
      await Bun.write(join(folder, "site/ca.pem"), ca.cert);
      await Bun.write(join(folder, "site/cert.pem"), peer.cert);
      await Bun.write(join(folder, "site/key.pem"), peer.key);
      expect((await loadCertificates({ dir: join(folder, "site") })).name).toBe("berlin");
      expect((await completed(["openssl", "verify", "-CAfile", cert, join(folder, "site/cert.pem")])).code).toBe(0);
      expect(new X509Certificate(peer.cert).raw.includes(subjectOf(ca.cert))).toBe(true);
    },
  );

  test("serial numbers are positive, long, and never the same", async () => {
    const fabric = await issueFabric({ name: "shop" });
    const peers = await Promise.all(["a", "b", "c", "d"].map((name) => issuePeer({ name }, fabric)));
    const serials = peers.map(({ cert }) => new X509Certificate(cert).serialNumber);
    expect(new Set(serials).size).toBe(4);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  test("a peer never outlives its fabric", async () => {
    const fabric = await issueFabric({ name: "shop", days: 10, now });
    expect((await issuePeer({ name: "a", days: 20, now }, fabric)).notAfter).toBe(fabric.notAfter);
    await expect(issuePeer({ name: "a", now: now + 11 * DAY }, fabric)).rejects.toMatchObject({ code: "expired" });
  });

  test("a name too long for a CN stands in the SAN only, which is critical then", async () => {
    const name = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
    const fabric = await issueFabric({ name: "shop" });
    const peer = await issuePeer({ name }, fabric);
    expect(read(peer.cert).dnsNames).toEqual([name]);
    expect(new X509Certificate(peer.cert).subject ?? "").toBe("");
  });

  test.each([
    [
      "the key of another fabric",
      async () => ({ ...(await issueFabric({ name: "a" })), key: (await issueFabric({ name: "b" })).key }),
      "key-mismatch",
    ],
    [
      "a peer's certificate as the CA",
      async () => issuePeer({ name: "p" }, await issueFabric({ name: "a" })),
      "not-a-ca",
    ],
    ["something that is no certificate", async () => ({ ...(await issueFabric({ name: "a" })), cert: "x" }), "not-pem"],
    ["something that is no key", async () => ({ ...(await issueFabric({ name: "a" })), key: "x" }), "malformed-key"],
  ])("%s signs nothing", async (_rule, authority, code) => {
    await expect(issuePeer({ name: "p" }, await authority())).rejects.toMatchObject({ code });
  });

  test("the texts are PEM blocks that end their lines", async () => {
    const { cert, key } = await issueFabric({ name: "shop" });
    expect(pemBlocks(cert, "CERTIFICATE")).toHaveLength(1);
    expect(cert).toEndWith("-----END CERTIFICATE-----\n");
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\s\S]+\n-----END PRIVATE KEY-----\n$/);
  });

  test("whether digital signatures are allowed is read from the first bit", async () => {
    const peer = await issuePeer({ name: "a" }, await issueFabric({ name: "shop" }));
    expect(hasKeyUsage(read(peer.cert), KEY_USAGE.digitalSignature)).toBe(true);
    expect(hasKeyUsage(read(peer.cert), KEY_USAGE.keyCertSign)).toBe(false);
  });
});
