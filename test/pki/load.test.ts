import { afterAll, describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateSetError, type PkiErrorCode } from "../../src/pki/errors.ts";
import { loadCertificates } from "../../src/pki/load.ts";
import { pemBlocks } from "../../src/pki/pem.ts";
import {
  clientAuth,
  DAY,
  digitalSignature,
  keyEncipherment,
  makeIntermediate,
  makeRoot,
  makeSite,
  NOW,
  RSA,
  serverAuth,
} from "./authority.ts";

const dir = mkdtempSync(join(tmpdir(), "pki-load-"));
afterAll(() => rmSync(dir, { recursive: true }));

const root = await makeRoot();
const foreign = await makeRoot({ subject: "CN=foreign" });
const site = await makeSite(root, "berlin");
const rsaSite = await makeSite(root, "berlin", { algorithm: RSA, usage: digitalSignature | keyEncipherment });
const rsaKey = createPrivateKey(rsaSite.key);
const ecKey = createPrivateKey(site.key);

interface Texts {
  ca?: string;
  cert?: string;
  key?: string;
}

function write({ ca = root.pem, cert = site.pem, key = site.key }: Texts): string {
  writeFileSync(join(dir, "ca.pem"), ca);
  writeFileSync(join(dir, "cert.pem"), cert);
  writeFileSync(join(dir, "key.pem"), key);
  return dir;
}

async function faultsOf(texts: Texts, now = NOW): Promise<[PkiErrorCode, string][]> {
  try {
    await loadCertificates({ dir: write(texts) }, now);
  } catch (error) {
    if (!(error instanceof CertificateSetError)) throw error;
    return error.faults.map(({ code, file }) => [code, file.slice(dir.length + 1)]);
  }
  return [];
}

const pem = (key: KeyObject, type: "pkcs1" | "sec1" | "pkcs8"): string =>
  key.export({ type, format: "pem" }).toString();

describe("what loads", () => {
  test.each([
    ["an EC key as PKCS#8", { key: site.key }],
    ["an EC key as SEC1", { key: pem(ecKey, "sec1") }],
    [
      "an EC key as SEC1 after its parameters, as openssl writes it",
      { key: `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(ecKey, "sec1")}` },
    ],
    ["an RSA key as PKCS#8", { cert: rsaSite.pem, key: rsaSite.key }],
    ["an RSA key as PKCS#1", { cert: rsaSite.pem, key: pem(rsaKey, "pkcs1") }],
    ["a bundle of several CAs", { ca: foreign.pem + root.pem }],
    [
      "text around the PEM blocks, and CR LF",
      { cert: `Subject: CN=berlin\r\n${site.pem.replaceAll("\n", "\r\n")}\r\nbye` },
    ],
    ["key and certificate in one file", { cert: site.key + site.pem, key: site.key + site.pem }],
    ["files without a line end at the end", { ca: root.pem.trim(), cert: site.pem.trim(), key: site.key.trim() }],
  ] as [string, Texts][])("%s", async (_rule, texts) => {
    const entry = await loadCertificates({ dir: write(texts) }, NOW);
    expect(entry).toMatchObject({ name: "berlin", notAfter: NOW + 365 * DAY });
    expect(entry.key).toStartWith("-----BEGIN PRIVATE KEY-----\n");
    expect(pemBlocks(entry.ca, "CERTIFICATE")).toHaveLength(texts.ca === foreign.pem + root.pem ? 2 : 1);
    expect(entry.cert).not.toContain("PRIVATE");
    listenWith(entry);
  });

  test("intermediates in cert.pem, sent to the other side", async () => {
    const middle = await makeIntermediate(root);
    const leaf = await makeSite(middle, "oslo");
    const entry = await loadCertificates({ dir: write({ cert: leaf.pem.trim() + middle.pem, key: leaf.key }) }, NOW);
    expect(pemBlocks(entry.cert, "CERTIFICATE")).toHaveLength(2);
    expect(entry.name).toBe("oslo");
  });

  test("three files by their own names", async () => {
    write({});
    const paths = { ca: join(dir, "ca.pem"), cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
    expect((await loadCertificates(paths, NOW)).name).toBe("berlin");
  });
});

/** Throws when Bun's TLS does not take the normalised texts. */
function listenWith(entry: { ca: string; cert: string; key: string }): void {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, tls: entry, socket: { data: () => undefined } });
  server.stop(true);
}

describe("what does not load, and why", () => {
  const p224 = generateKeyPairSync("ec", { namedCurve: "secp224r1" }).privateKey;
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const encrypted = ecKey.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "x" }).toString();
  const legacy =
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AA\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";

  test.each([
    ["a key of another certificate", { key: foreign.key }, [["key-mismatch", "key.pem"]]],
    ["an encrypted PKCS#8 key", { key: encrypted }, [["encrypted-key", "key.pem"]]],
    ["an encrypted PKCS#1 key", { key: legacy }, [["encrypted-key", "key.pem"]]],
    [
      "a key that is no key",
      { key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" },
      [["malformed-key", "key.pem"]],
    ],
    ["two keys", { key: site.key + foreign.key }, [["malformed-key", "key.pem"]]],
    [
      "an Ed25519 key",
      { key: pem(generateKeyPairSync("ed25519").privateKey, "pkcs8") },
      [["unsupported-key", "key.pem"]],
    ],
    ["an EC key on P-224", { key: pem(p224, "pkcs8") }, [["unsupported-key", "key.pem"]]],
    ["an RSA key of 1024 bits", { key: pem(small, "pkcs8") }, [["unsupported-key", "key.pem"]]],
    ["DER instead of PEM", { cert: site.der.toString("latin1") }, [["not-pem", "cert.pem"]]],
    [
      "empty files",
      { ca: "", cert: "", key: "" },
      [
        ["not-pem", "ca.pem"],
        ["not-pem", "cert.pem"],
        ["not-pem", "key.pem"],
      ],
    ],
    ["a CA of another fabric", { ca: foreign.pem }, [["not-signed-by-ca", "cert.pem"]]],
    ["a site's certificate as CA", { ca: site.pem + root.pem }, [["not-a-ca", "ca.pem"]]],
    [
      "a malformed certificate",
      { cert: "-----BEGIN CERTIFICATE-----\nMAAw\n-----END CERTIFICATE-----" },
      [["malformed-certificate", "cert.pem"]],
    ],
  ] as [string, Texts, [PkiErrorCode, string][]][])("%s", async (_rule, texts, faults) => {
    expect(await faultsOf(texts)).toEqual(faults);
  });

  test.each([
    ["no DNS SAN, though it has a CN", { san: [] }, ["no-dns-san"]],
    ["a DNS SAN that can name no site", { san: ["*.example"] }, ["invalid-name"]],
    ["no client use", { eku: [serverAuth] }, ["missing-eku"]],
    ["no server use", { eku: [clientAuth] }, ["missing-eku"]],
    ["no digital signature", { usage: keyEncipherment }, ["missing-key-usage"]],
    ["an end in the past", { notAfter: NOW - 1000 }, ["expired"]],
    ["a beginning in the future", { notBefore: NOW + 1000 }, ["not-yet-valid"]],
  ] as const)("a certificate with %s", async (_rule, recipe, codes) => {
    const made = await makeSite(root, "berlin", recipe as Parameters<typeof makeSite>[2]);
    const faults = await faultsOf({ cert: made.pem, key: made.key });
    expect(faults.map(([code]) => code)).toEqual([...codes]);
  });

  test("a file that is missing, and one that may not be read: both are named", async () => {
    const missing = { ca: join(dir, "nowhere.pem"), cert: dir, key: join(dir, "key.pem") };
    const error = await loadCertificates(missing, NOW).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CertificateSetError);
    expect((error as CertificateSetError).faults.map(({ code, file }) => [code, file]).sort()).toEqual([
      ["unreadable", dir],
      ["unreadable", missing.ca],
    ]);
  });

  test("everything that is wrong is told at once, and the CN is said to be ignored", async () => {
    const made = await makeSite(foreign, "berlin", { san: [], eku: [serverAuth] });
    const texts = { cert: made.pem, key: site.key };
    expect((await faultsOf(texts)).map(([code]) => code).sort()).toEqual(
      ["key-mismatch", "missing-eku", "no-dns-san", "not-signed-by-ca"].sort() as PkiErrorCode[],
    );
    const error = await loadCertificates({ dir: write(texts) }, NOW).catch((thrown: Error) => thrown);
    expect((error as Error).message).toContain("the CN is ignored");
  });

  test("the key of a certificate that does not stand first: the message says where it stands", async () => {
    const middle = await makeIntermediate(root);
    const leaf = await makeSite(middle, "berlin");
    const error = await loadCertificates({ dir: write({ cert: middle.pem + leaf.pem, key: leaf.key }) }, NOW).catch(
      (thrown: Error) => thrown,
    );
    expect((error as Error).message).toContain("place 2");
  });

  test("no message ever contains the key", async () => {
    const secret = site.key.split("\n")[1] ?? "";
    for (const texts of [
      { key: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----` },
      { cert: site.key },
    ]) {
      const error = await loadCertificates({ dir: write(texts) }, NOW).catch((thrown: unknown) => thrown);
      expect(Bun.inspect(error)).not.toContain(secret);
    }
  });
});
