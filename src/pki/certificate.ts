/** What this project reads from a certificate itself, because names and uses decide who a site is (RFC 5280). */
import { malformed, readBoolean, readElements, readOid, readOnly, readTime, TAG } from "./der.ts";

/** The fields of a certificate that identity and verification depend on. */
export interface CertificateFields {
  /** The dNSName entries of the subjectAltName, in the order of the DER, as they stand there. */
  dnsNames: string[];
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** DER of the names, to compare. */
  issuer: Buffer;
  subject: Buffer;
  /** The object identifier of what it was signed with. */
  signatureAlgorithm: string;
  ca: boolean;
  /** How many intermediates may follow; absent is any number. */
  pathLength?: number;
  /** The keyUsage bits, bit 0 (digitalSignature) highest in the first byte; absent allows every use. */
  keyUsage?: Buffer;
  /** Object identifiers; absent allows every use. */
  extendedKeyUsage?: string[];
  /** dNSName constraints; other forms do not touch a site's name. */
  permittedDnsNames?: string[];
  excludedDnsNames?: string[];
  /** Critical extensions that are not understood here: such a certificate must be refused. */
  unknownCritical: string[];
}

export const EKU_SERVER = "1.3.6.1.5.5.7.3.1";
export const EKU_CLIENT = "1.3.6.1.5.5.7.3.2";
export const EKU_ANY = "2.5.29.37.0";

/** Bits of keyUsage, counted as RFC 5280 4.2.1.3 does. */
export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5 } as const;

/** @returns whether a use is allowed: no keyUsage extension allows all. */
export function hasKeyUsage(fields: CertificateFields, bit: number): boolean {
  if (fields.keyUsage === undefined) return true;
  return ((fields.keyUsage[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
}

/** @returns whether the certificate may be used for TLS on that side: no EKU extension, or the use, or any use, in it. */
export function hasExtendedKeyUsage(fields: CertificateFields, oid: string): boolean {
  const usages = fields.extendedKeyUsage;
  return usages === undefined || usages.includes(oid) || usages.includes(EKU_ANY);
}

/**
 * Reads a certificate's DER. It checks no signature.
 *
 * @throws PkiError `malformed-certificate`.
 */
export function readCertificate(der: Buffer): CertificateFields {
  const [tbs] = sequence(readOnly(der, TAG.SEQUENCE), 3);
  if (tbs?.tag !== TAG.SEQUENCE) throw malformed("no body");
  const parts = readElements(tbs.content);
  if (parts[0]?.tag === 0xa0) parts.shift();
  const [, signature, issuer, validity, subject, publicKey, ...rest] = parts;
  if (!signature || !issuer || !validity || !subject || !publicKey) throw malformed("fields are missing");
  const [algorithm] = readElements(signature.content);
  if (algorithm?.tag !== TAG.OID) throw malformed("no signature algorithm");
  const [notBefore, notAfter] = sequence(validity.content, 2);
  if (notBefore === undefined || notAfter === undefined) throw malformed("no validity");
  const fields: CertificateFields = {
    dnsNames: [],
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    issuer: issuer.content,
    subject: subject.content,
    signatureAlgorithm: readOid(algorithm.content),
    ca: false,
    unknownCritical: [],
  };
  const extensions = rest.find((element) => element.tag === 0xa3);
  if (extensions !== undefined) readExtensions(readOnly(extensions.content, TAG.SEQUENCE), fields);
  return fields;
}

function readExtensions(content: Buffer, fields: CertificateFields): void {
  const seen = new Set<string>();
  for (const element of readElements(content)) {
    const [id, ...values] = readElements(element.content);
    if (element.tag !== TAG.SEQUENCE || id?.tag !== TAG.OID) throw malformed("an extension");
    const critical = values[0]?.tag === TAG.BOOLEAN ? readBoolean(values.shift()?.content ?? Buffer.alloc(0)) : false;
    const value = values[0];
    if (values.length !== 1 || value?.tag !== TAG.OCTET_STRING) throw malformed("an extension");
    const oid = readOid(id.content);
    if (seen.has(oid)) throw malformed("an extension that stands twice");
    seen.add(oid);
    const read = EXTENSIONS[oid];
    if (read !== undefined) read(value.content, fields);
    else if (critical) fields.unknownCritical.push(oid);
  }
}

/** By object identifier. Those that are understood but change nothing here are listed, as they may be critical. */
const EXTENSIONS: Record<string, (content: Buffer, fields: CertificateFields) => void> = {
  "2.5.29.14": ignore,
  "2.5.29.35": ignore,
  "2.5.29.32": ignore,
  "2.5.29.15": (content, fields) => {
    fields.keyUsage = bitString(readOnly(content, TAG.BIT_STRING));
  },
  "2.5.29.17": (content, fields) => {
    fields.dnsNames = readElements(readOnly(content, TAG.SEQUENCE)).filter(isDnsName).map(asText);
  },
  "2.5.29.19": (content, fields) => {
    const parts = readElements(readOnly(content, TAG.SEQUENCE));
    if (parts[0]?.tag === TAG.BOOLEAN) fields.ca = readBoolean(parts.shift()?.content ?? Buffer.alloc(0));
    const pathLength = parts.shift();
    if (parts.length > 0 || (pathLength !== undefined && pathLength.tag !== TAG.INTEGER))
      throw malformed("constraints");
    if (pathLength !== undefined) fields.pathLength = smallInteger(pathLength.content);
  },
  "2.5.29.30": (content, fields) => {
    for (const trees of readElements(readOnly(content, TAG.SEQUENCE))) {
      const names = readElements(trees.content).map((tree) => readElements(tree.content)[0]);
      const dnsNames = names
        .filter((name) => name !== undefined && isDnsName(name))
        .map((name) => asText(name ?? NONE));
      if (dnsNames.length === 0) continue;
      if (trees.tag === 0xa0) fields.permittedDnsNames = dnsNames;
      else if (trees.tag === 0xa1) fields.excludedDnsNames = dnsNames;
    }
  },
  "2.5.29.37": (content, fields) => {
    fields.extendedKeyUsage = readElements(readOnly(content, TAG.SEQUENCE)).map((element) => {
      if (element.tag !== TAG.OID) throw malformed("an extended key usage");
      return readOid(element.content);
    });
  },
};

const NONE = { tag: 0, content: Buffer.alloc(0) };

function ignore(): void {
  // Key identifiers and policies neither widen nor narrow what is checked here.
}

/** GeneralName's `dNSName [2] IA5String`. */
function isDnsName(element: { tag: number }): boolean {
  return element.tag === 0x82;
}

function asText(element: { content: Buffer }): string {
  return element.content.toString("latin1");
}

function bitString(content: Buffer): Buffer {
  const unused = content[0];
  if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0)) throw malformed("a bit string");
  return content.subarray(1);
}

function smallInteger(content: Buffer): number {
  if (content.length === 0 || content.length > 2 || (content[0] ?? 0) >= 0x80) throw malformed("a path length");
  return content.readUIntBE(0, content.length);
}

function sequence(content: Buffer, count: number): ReturnType<typeof readElements> {
  const elements = readElements(content);
  if (elements.length !== count) throw malformed("fields are missing");
  return elements;
}
