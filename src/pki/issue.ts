/** Issuing certificates. The libraries that this loads are heavy: only `clusterlink create` and `demo` may import it. */
// Both are needed: from source the order of CommonJS modules is kept only by the first, in the bundle only by the second.
import "reflect-metadata";
import "./reflect.ts";
import { createPrivateKey, randomBytes } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { PkiError } from "./errors.ts";
import { isSiteName, SITE_NAME_RULE } from "./names.ts";
import { joinPem, pemBlocks } from "./pem.ts";

export const KEY_TYPES = ["ecdsa-p256", "rsa-2048", "rsa-4096"] as const;
export type KeyType = (typeof KEY_TYPES)[number];

export interface IssueOptions {
  /** A DNS name; see {@link isSiteName}. */
  name: string;
  keyType?: KeyType;
  days?: number;
  /** Milliseconds since the epoch; default now. */
  now?: number;
}

/** PEM texts; the key is PKCS#8. */
export interface Issued {
  cert: string;
  key: string;
  /** Milliseconds since the epoch. */
  notAfter: number;
}

/** How long a fabric's CA is valid unless told otherwise, in days. */
export const FABRIC_DAYS = 3650;
/** How long a peer's certificate is valid unless told otherwise, in days. */
export const PEER_DAYS = 365;

/**
 * Makes the self-signed CA of a fabric.
 *
 * @throws PkiError `invalid-name`.
 */
export async function issueFabric(options: IssueOptions): Promise<Issued> {
  const keyType = options.keyType ?? "ecdsa-p256";
  checkName(options.name, "fabric");
  const algorithm = KEY_ALGORITHMS[keyType];
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const validity = validityOf(options, FABRIC_DAYS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [options.name.slice(0, MAX_COMMON_NAME)] }],
    ...validity,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return issued(certificate, keys.privateKey);
}

/**
 * Makes a peer's certificate, signed by a fabric's CA. It never outlives that CA.
 *
 * @param ca - PEM: the CA's certificate (the first in `cert`) and its key.
 * @throws PkiError `invalid-name`, `not-a-ca`, `expired`, `not-pem`, `malformed-certificate`, `malformed-key`, `key-mismatch`, `unsupported-key`.
 */
export async function issuePeer(options: IssueOptions, ca: Pick<Issued, "cert" | "key">): Promise<Issued> {
  const keyType = options.keyType ?? "ecdsa-p256";
  checkName(options.name, "peer");
  const authority = await readAuthority(ca, options.now ?? Date.now());
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHMS[keyType], true, ["sign", "verify"]);
  const validity = validityOf(options, PEER_DAYS);
  const usage = keyType === "ecdsa-p256" ? 0 : x509.KeyUsageFlags.keyEncipherment;
  const hasCommonName = options.name.length <= MAX_COMMON_NAME;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: hasCommonName ? [{ CN: [options.name] }] : [],
    // Byte by byte as the CA has it: some look for the CA by that.
    issuer: authority.certificate.subjectName,
    notBefore: later(validity.notBefore, authority.certificate.notBefore),
    notAfter: earlier(validity.notAfter, authority.certificate.notAfter),
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: authority.algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | usage, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: options.name }], !hasCommonName),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...authorityKeyIdentifier(authority.certificate),
    ],
  });
  return issued(certificate, keys.privateKey);
}

/** The CA's own identifier, however it was made; a CA that has none is found by its name (RFC 5280, section 4.2.1.1). */
function authorityKeyIdentifier(ca: x509.X509Certificate): x509.Extension[] {
  const own = ca.getExtension(x509.SubjectKeyIdentifierExtension);
  return own === null ? [] : [new x509.AuthorityKeyIdentifierExtension(own.keyId)];
}

interface Authority {
  certificate: x509.X509Certificate;
  key: CryptoKey;
  algorithm: (typeof KEY_ALGORITHMS)[KeyType] | EcSigning;
}

async function readAuthority(ca: Pick<Issued, "cert" | "key">, now: number): Promise<Authority> {
  const [block] = pemBlocks(ca.cert, "CERTIFICATE");
  if (block === undefined) throw new PkiError("not-pem", "the fabric's certificate is no PEM certificate");
  const certificate = parseCertificate(block);
  if (certificate.getExtension(x509.BasicConstraintsExtension)?.ca !== true) {
    throw new PkiError("not-a-ca", "the fabric's certificate is no CA, and can sign nothing");
  }
  if (certificate.notAfter.getTime() <= now) {
    throw new PkiError(
      "expired",
      `the fabric's certificate expired at ${certificate.notAfter.toISOString()}; create a new fabric`,
    );
  }
  const { key, algorithm } = await readSigningKey(ca.key);
  await checkSignature(certificate, key, algorithm);
  return { certificate, key, algorithm };
}

function parseCertificate(block: string): x509.X509Certificate {
  try {
    return new x509.X509Certificate(block);
  } catch (cause) {
    throw new PkiError("malformed-certificate", "the fabric's certificate is malformed", { cause });
  }
}

/** The key may have been made elsewhere: PKCS#8, PKCS#1 or SEC1. */
async function readSigningKey(pem: string): Promise<Pick<Authority, "key" | "algorithm">> {
  const parsed = (() => {
    try {
      return createPrivateKey(pem);
    } catch {
      throw new PkiError("malformed-key", "the fabric's key is no unencrypted PEM private key");
    }
  })();
  const curve = parsed.asymmetricKeyDetails?.namedCurve ?? "";
  const algorithm = parsed.asymmetricKeyType === "rsa" ? KEY_ALGORITHMS["rsa-2048"] : EC_SIGNING[curve];
  if (algorithm === undefined)
    throw new PkiError("unsupported-key", "the fabric's key is neither RSA nor EC on P-256 or P-384");
  const der = parsed.export({ type: "pkcs8", format: "der" });
  return { key: await crypto.subtle.importKey("pkcs8", new Uint8Array(der), algorithm, true, ["sign"]), algorithm };
}

async function checkSignature(
  certificate: x509.X509Certificate,
  key: CryptoKey,
  algorithm: Authority["algorithm"],
): Promise<void> {
  const probe = randomBytes(32);
  const signing = { name: algorithm.name, hash: algorithm.hash };
  const signature = await crypto.subtle.sign(signing, key, probe);
  const publicKey = await certificate.publicKey.export(algorithm, ["verify"]).catch(() => undefined);
  if (publicKey === undefined || !(await crypto.subtle.verify(signing, publicKey, signature, probe))) {
    throw new PkiError("key-mismatch", "the fabric's key does not belong to its certificate");
  }
}

async function issued(certificate: x509.X509Certificate, privateKey: CryptoKey): Promise<Issued> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", privateKey);
  return {
    cert: joinPem([certificate.toString("pem")]),
    key: joinPem([x509.PemConverter.encode(pkcs8, "PRIVATE KEY")]),
    notAfter: certificate.notAfter.getTime(),
  };
}

function checkName(name: string, what: "fabric" | "peer"): void {
  if (!isSiteName(name))
    throw new PkiError("invalid-name", `the ${what}'s name ${JSON.stringify(name)} ${SITE_NAME_RULE}`);
}

/** Clocks differ between sites: validity begins some minutes ago. Certificates know whole seconds only. */
function validityOf(options: IssueOptions, defaultDays: number): { notBefore: Date; notAfter: Date } {
  const now = Math.floor((options.now ?? Date.now()) / 1000) * 1000;
  return {
    notBefore: new Date(now - BACKDATE),
    notAfter: new Date(now + (options.days ?? defaultDays) * 86_400_000),
  };
}

function earlier(a: Date, b: Date): Date {
  return a < b ? a : b;
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}

/** A positive number of 126 random bits, in hex (RFC 5280 4.1.2.2: unique, at most 20 bytes). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

/** RFC 5280's ub-common-name. A longer name stands in the SAN only, which is then critical. */
const MAX_COMMON_NAME = 64;
const BACKDATE = 5 * 60_000;
const PUBLIC_EXPONENT = new Uint8Array([1, 0, 1]);

interface EcSigning {
  name: "ECDSA";
  namedCurve: string;
  hash: string;
}

const EC_SIGNING: Record<string, EcSigning> = {
  prime256v1: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  secp384r1: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
};

const KEY_ALGORITHMS = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  "rsa-2048": { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: PUBLIC_EXPONENT, hash: "SHA-256" },
  "rsa-4096": { name: "RSASSA-PKCS1-v1_5", modulusLength: 4096, publicExponent: PUBLIC_EXPONENT, hash: "SHA-256" },
} as const;
