/** Our own verification of a certificate chain (RFC 5280, section 6), apart from that of the handshake. */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import {
  type CertificateFields,
  EKU_CLIENT,
  EKU_SERVER,
  hasExtendedKeyUsage,
  hasKeyUsage,
  KEY_USAGE,
  readCertificate,
} from "./certificate.ts";
import { PkiError, type PkiErrorCode } from "./errors.ts";
import { LruCache } from "./lru.ts";
import { pemBlocks, pemBytes } from "./pem.ts";
import { isStrongSignature, keyWeakness } from "./strength.ts";

/** A valid chain is so until `notAfter` (milliseconds since the epoch), the earliest of its certificates. */
export type ChainVerdict = { valid: true; notAfter: number } | { valid: false; code: PkiErrorCode; reason: string };

type ChainFault = Extract<ChainVerdict, { valid: false }>;

export type ChainPurpose = "client" | "server";

/**
 * Verifies a chain up to a self-signed CA of `caPem`: validity in time, signatures, strength of keys and signatures, CA
 * flag, key usage, path length, extended key usage all the way up, DNS name constraints, and no critical extension that
 * is not understood.
 * The session may have been resumed and the CAs may have changed since its handshake; nothing of it is relied upon.
 *
 * @param chain - DER: the leaf, then intermediates in any order; a root among them is trusted only if `caPem` has it.
 * @param caPem - the CAs to trust, one or more. As in the handshake, an intermediate in here needs its root in here.
 * @param now - milliseconds since the epoch.
 * @param purpose - what the leaf's holder is: `client` of the connection, or `server`.
 */
export function verifyChain(chain: readonly Buffer[], caPem: string, now: number, purpose: ChainPurpose): ChainVerdict {
  try {
    const [leaf, ...sent] = chain.slice(0, MAX_SENT).map(parse);
    if (leaf === undefined) return { valid: false, code: "not-signed-by-ca", reason: "there is no certificate" };
    return new PathSearch(leaf, sent, certificatesOf(caPem), now, purpose).run();
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return { valid: false, code: error.code, reason: error.message };
  }
}

/** A certificate with what was learnt of it; verified signatures are remembered, as they never change. */
export class ParsedCertificate {
  readonly fields: CertificateFields;
  readonly x509: X509Certificate;
  /** Why its key proves nothing, as {@link keyWeakness} says it; undefined when it does. */
  readonly keyWeakness: string | undefined;
  /** Undefined when it is of a kind that is not known here, or not well-formed: anybody may send such a certificate. */
  readonly #key: KeyObject | undefined;
  readonly #signers = new WeakMap<ParsedCertificate, boolean>();

  /** @throws PkiError `malformed-certificate`. */
  constructor(der: Buffer) {
    this.fields = readCertificate(der);
    try {
      this.x509 = new X509Certificate(der);
    } catch (cause) {
      throw new PkiError("malformed-certificate", "the certificate is malformed", { cause });
    }
    this.#key = publicKeyOf(this.x509);
    this.keyWeakness = this.#key === undefined ? "cannot be read" : keyWeakness(this.#key);
  }

  /** Whether names and key identifiers say so, and the signature proves it. */
  isIssuedBy(issuer: ParsedCertificate): boolean {
    const known = this.#signers.get(issuer);
    if (known !== undefined) return known;
    const key = issuer.#key;
    const issued = key !== undefined && this.x509.checkIssued(issuer.x509) && this.x509.verify(key);
    this.#signers.set(issuer, issued);
    return issued;
  }

  /** The subject in one line, for messages. */
  get subject(): string {
    return this.x509.subject.replaceAll("\n", ", ") || "without a subject";
  }
}

/** @returns the certificates of a PEM text; what is malformed in it is left out. */
export function certificatesOf(pem: string): readonly ParsedCertificate[] {
  return BUNDLES.getOrMake(pem, () =>
    pemBlocks(pem, "CERTIFICATE").flatMap((block) => {
      try {
        return [parse(pemBytes(block))];
      } catch {
        return [];
      }
    }),
  );
}

/**
 * @returns the certificate, parsed once for as long as it is in use, unless it is larger than any real one: a peer may send
 * what it likes along with its own, and what is kept of that must stay little.
 * @throws PkiError `malformed-certificate`.
 */
export function parse(der: Buffer): ParsedCertificate {
  if (der.length > MAX_KEPT) return new ParsedCertificate(Buffer.from(der));
  const fingerprint = createHash("sha256").update(der).digest("base64");
  return PARSED.getOrMake(fingerprint, () => new ParsedCertificate(Buffer.from(der)));
}

class PathSearch {
  readonly #leaf: ParsedCertificate;
  readonly #candidates: ParsedCertificate[];
  readonly #anchors: ReadonlySet<ParsedCertificate>;
  readonly #now: number;
  readonly #usage: string;
  #steps = 0;
  #fault: ChainFault = {
    valid: false,
    code: "not-signed-by-ca",
    reason: "it is not signed by a CA of this fabric",
  };

  constructor(
    leaf: ParsedCertificate,
    sent: readonly ParsedCertificate[],
    anchors: readonly ParsedCertificate[],
    now: number,
    purpose: ChainPurpose,
  ) {
    this.#leaf = leaf;
    this.#candidates = [...new Set([...anchors, ...sent])];
    this.#anchors = new Set(anchors);
    this.#now = now;
    this.#usage = purpose === "client" ? EKU_CLIENT : EKU_SERVER;
  }

  run(): ChainVerdict {
    const fault = this.#faultOf(this.#leaf);
    if (fault !== undefined) return fault;
    return this.#climb(this.#leaf, [this.#leaf]) ?? this.#fault;
  }

  /** Tries every issuer of the last certificate of the path; remembers why one that fits was refused. */
  #climb(last: ParsedCertificate, path: readonly ParsedCertificate[]): ChainVerdict | undefined {
    if (path.length > 1 && this.#anchors.has(last) && last.isIssuedBy(last)) {
      return { valid: true, notAfter: Math.min(...path.map((certificate) => certificate.fields.notAfter)) };
    }
    if (path.length >= MAX_PATH) return undefined;
    for (const issuer of this.#candidates) {
      if (path.includes(issuer)) continue;
      if (++this.#steps > MAX_STEPS) return undefined;
      if (!last.isIssuedBy(issuer)) continue;
      const fault = this.#faultOf(issuer) ?? this.#issuerFault(issuer, path);
      if (fault !== undefined) {
        this.#fault = fault;
        continue;
      }
      const verdict = this.#climb(issuer, [...path, issuer]);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  #faultOf(certificate: ParsedCertificate): ChainFault | undefined {
    const { fields } = certificate;
    const whose = certificate === this.#leaf ? "the certificate" : `the CA certificate ${certificate.subject}`;
    if (this.#now > fields.notAfter) return fault("expired", `${whose} expired at ${iso(fields.notAfter)}`);
    if (this.#now < fields.notBefore)
      return fault("not-yet-valid", `${whose} is not valid before ${iso(fields.notBefore)}`);
    if (!hasExtendedKeyUsage(fields, this.#usage)) {
      const use = this.#usage === EKU_CLIENT ? "client" : "server";
      return fault("missing-eku", `${whose} does not allow use as a TLS ${use}`);
    }
    if (certificate.keyWeakness !== undefined)
      return fault("unsupported-key", `the key of ${whose} ${certificate.keyWeakness}`);
    // Nobody relies on the signature of a CA that is trusted by itself.
    if (!this.#anchors.has(certificate) && !isStrongSignature(fields.signatureAlgorithm))
      return fault("weak-signature", `${whose} is signed with an algorithm that can be forged; use SHA-256`);
    if (fields.unknownCritical.length > 0) {
      return fault(
        "malformed-certificate",
        `${whose} has critical extensions that are not understood: ${fields.unknownCritical.join(", ")}`,
      );
    }
    return undefined;
  }

  #issuerFault(issuer: ParsedCertificate, path: readonly ParsedCertificate[]): ChainFault | undefined {
    const { fields } = issuer;
    if (!fields.ca) return fault("not-a-ca", `its issuer ${issuer.subject} is no CA`);
    if (!hasKeyUsage(fields, KEY_USAGE.keyCertSign)) {
      return fault("not-a-ca", `its issuer ${issuer.subject} may not sign certificates (key usage)`);
    }
    const below = path.slice(1).filter(({ fields }) => !fields.subject.equals(fields.issuer)).length;
    if (fields.pathLength !== undefined && below > fields.pathLength) {
      return fault(
        "not-a-ca",
        `the CA ${issuer.subject} allows ${fields.pathLength} intermediates below it, not ${below}`,
      );
    }
    const names = this.#leaf.fields.dnsNames;
    const refused = names.find((name) => !isPermitted(name, fields));
    if (refused === undefined) return undefined;
    return fault("name-not-permitted", `the CA ${issuer.subject} may not certify the name ${JSON.stringify(refused)}`);
  }
}

function isPermitted(name: string, { permittedDnsNames, excludedDnsNames }: CertificateFields): boolean {
  if (excludedDnsNames?.some((tree) => isWithin(name, tree))) return false;
  return permittedDnsNames === undefined || permittedDnsNames.some((tree) => isWithin(name, tree));
}

/** RFC 5280 4.2.1.10; a leading "." (seen in practice) leaves the domain itself out. */
function isWithin(name: string, tree: string): boolean {
  const [host, domain] = [name.toLowerCase(), tree.toLowerCase()];
  if (domain === "" || host === domain) return true;
  return host.endsWith(domain.startsWith(".") ? domain : `.${domain}`);
}

function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

function fault(code: PkiErrorCode, reason: string): ChainFault {
  return { valid: false, code, reason };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** Bounds on what a peer can make us do; real chains have two to four certificates. */
const MAX_SENT = 16;
const MAX_PATH = 8;
const MAX_STEPS = 128;

/** Bytes; most certificates have less than 2,000. */
const MAX_KEPT = 8192;

const PARSED = new LruCache<string, ParsedCertificate>(1024);
const BUNDLES = new LruCache<string, readonly ParsedCertificate[]>(8);
