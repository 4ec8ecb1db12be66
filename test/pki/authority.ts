/** A certificate authority for tests, which can also make what no honest one would. */
import "reflect-metadata";
import { KeyObject } from "node:crypto";
import * as x509 from "@peculiar/x509";

export const { Extension } = x509;
export const NOW = Date.parse("2030-06-01T12:00:00Z");
export const DAY = 86_400_000;
export const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
export const { keyCertSign, cRLSign, digitalSignature, keyEncipherment } = x509.KeyUsageFlags;

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
export const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

/** @returns the subject of a certificate, byte by byte. */
export function subjectOf(pem: string): Buffer {
  return Buffer.from(new x509.X509Certificate(pem).subjectName.toArrayBuffer());
}

export interface Made {
  certificate: x509.X509Certificate;
  keys: CryptoKeyPair;
  pem: string;
  der: Buffer;
  /** PKCS#8 PEM. */
  key: string;
}

export interface Recipe {
  issuer?: Made;
  subject?: string;
  notBefore?: number;
  notAfter?: number;
  /** False leaves basicConstraints out. */
  ca?: boolean | { pathLength: number };
  usage?: number;
  eku?: string[];
  /** DNS SANs, or a ready extension. */
  san?: string[] | x509.Extension;
  extensions?: x509.Extension[];
  algorithm?: typeof P256 | typeof RSA | { name: string; namedCurve: string; hash: string };
  keys?: CryptoKeyPair;
  /** What the issuer signs with; default SHA-256. */
  hash?: string;
}

/** Makes a certificate; without an issuer it signs itself. */
export async function make(recipe: Recipe): Promise<Made> {
  const algorithm = recipe.algorithm ?? P256;
  const keys = recipe.keys ?? ((await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair);
  const issuer = recipe.issuer;
  const subject = recipe.subject ?? "CN=nobody";
  const extensions: x509.Extension[] = [...(recipe.extensions ?? [])];
  const { ca } = recipe;
  if (ca) extensions.push(new x509.BasicConstraintsExtension(true, ca === true ? undefined : ca.pathLength, true));
  if (recipe.usage !== undefined) extensions.push(new x509.KeyUsagesExtension(recipe.usage, true));
  if (recipe.eku) extensions.push(new x509.ExtendedKeyUsageExtension(recipe.eku));
  if (Array.isArray(recipe.san)) {
    extensions.push(
      new x509.SubjectAlternativeNameExtension(recipe.san.map((value) => ({ type: "dns" as const, value }))),
    );
  } else if (recipe.san) extensions.push(recipe.san);
  extensions.push(await x509.SubjectKeyIdentifierExtension.create(keys.publicKey));
  if (issuer) extensions.push(await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8)))
      .toString("hex")
      .replace(/^./, "4"),
    subject,
    issuer: issuer ? issuer.certificate.subject : subject,
    notBefore: new Date(recipe.notBefore ?? NOW - DAY),
    notAfter: new Date(recipe.notAfter ?? NOW + 365 * DAY),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: {
      ...((issuer?.keys ?? keys).privateKey.algorithm.name === "ECDSA" ? P256 : RSA),
      hash: recipe.hash ?? "SHA-256",
    },
    extensions,
  });
  return {
    certificate,
    keys,
    pem: `${certificate.toString("pem")}\n`,
    der: Buffer.from(certificate.rawData),
    key: KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** A root CA. */
export const makeRoot = (recipe: Recipe = {}): Promise<Made> =>
  make({ subject: "CN=root", ca: true, usage: keyCertSign | cRLSign, ...recipe });

/** An intermediate CA. */
export const makeIntermediate = (issuer: Made, recipe: Recipe = {}): Promise<Made> =>
  make({ issuer, subject: "CN=intermediate", ca: true, usage: keyCertSign | cRLSign, ...recipe });

/** A site's certificate. */
export const makeSite = (issuer: Made, name: string, recipe: Recipe = {}): Promise<Made> =>
  make({
    issuer,
    subject: `CN=${name}`,
    usage: digitalSignature,
    eku: [clientAuth, serverAuth],
    san: [name],
    ...recipe,
  });

/** DER of one element. */
export function tlv(tag: number, content: Buffer | string): Buffer<ArrayBuffer> {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  if (bytes.length < 0x80) return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  if (bytes.length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, bytes.length]), bytes]);
  return Buffer.concat([Buffer.from([tag, 0x82, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** A subjectAltName of exactly these GeneralNames. */
export const sanOf = (...names: Buffer[]): x509.Extension =>
  new x509.Extension("2.5.29.17", false, tlv(0x30, Buffer.concat(names)));
