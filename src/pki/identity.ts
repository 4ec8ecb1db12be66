/** Who a peer is: what its certificate says, and nothing else. */
import { type CertificateFields, readCertificate } from "./certificate.ts";
import { type ChainPurpose, parse, verifyChain } from "./chain.ts";
import { PkiError } from "./errors.ts";
import { isSiteName, SITE_NAME_RULE } from "./names.ts";

export interface PeerIdentity {
  /** The first DNS SAN of the certificate, in lower case. */
  name: string;
  /** When the certificate begins to be valid, in milliseconds since the epoch. */
  notBefore: number;
  /** When the first certificate of its chain ends: its own, an intermediate or the CA. */
  notAfter: number;
  /** DER: the leaf first, then what came with it. To be kept for {@link verifyChain}. */
  chain: readonly Buffer[];
}

/** The part of a TLS socket that shows the other side's certificates. */
export interface CertificateHolder {
  getPeerCertificate(abbreviated?: boolean): object | null;
}

/** The part that shows the certificate alone, which costs a tenth. */
export interface LeafHolder extends CertificateHolder {
  getPeerX509Certificate(): { raw: Buffer } | undefined;
}

/**
 * Verifies who the other side of a finished handshake is. Where its certificate needs no intermediates, the chain that
 * it sent is not looked at before it is asked for.
 *
 * @param ca - PEM: the CAs to trust.
 * @param now - milliseconds since the epoch.
 * @returns its identity, or undefined when it has shown no certificate.
 * @throws PkiError as {@link verifyChain} faults and {@link peerIdentity} throws.
 */
export function verifiedPeer(
  socket: LeafHolder,
  ca: string,
  now: number,
  purpose: ChainPurpose,
): PeerIdentity | undefined {
  const leaf = socket.getPeerX509Certificate()?.raw;
  if (leaf === undefined) return undefined;
  let chain: readonly Buffer[] | undefined;
  let verdict = verifyChain([leaf], ca, now, purpose);
  if (!verdict.valid) {
    chain = peerChain(socket);
    verdict = verifyChain(chain, ca, now, purpose);
  }
  if (!verdict.valid) throw new PkiError(verdict.code, verdict.reason);
  const { notAfter } = verdict;
  const { name, notBefore } = peerIdentity([leaf]);
  return {
    name,
    notBefore,
    notAfter,
    get chain() {
      chain ??= peerChain(socket);
      return chain;
    },
  };
}

/**
 * @returns the chain that the other side of a finished handshake proved, as DER, leaf first, then the intermediates it
 * sent and the root it was verified with; empty without a certificate. On resumed sessions it is the original
 * handshake's. Bun gives the issuers only for an explicit `false`, "not abbreviated".
 */
export function peerChain(socket: CertificateHolder): Buffer[] {
  const chain: Buffer[] = [];
  const seen = new Set<object>();
  let next: unknown = socket.getPeerCertificate(false);
  while (isLink(next) && !seen.has(next) && chain.length < MAX_CHAIN) {
    seen.add(next);
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}

/**
 * Reads an identity out of a chain. It verifies nothing: the handshake must have succeeded (`socket.authorized`), or
 * {@link verifyChain} must be asked.
 *
 * @throws PkiError `no-dns-san` without a DNS SAN (the CN is ignored), `invalid-name` when the first can name no site,
 * `malformed-certificate`.
 */
export function peerIdentity(chain: readonly Buffer[]): PeerIdentity {
  const [leaf] = chain;
  if (leaf === undefined) throw new PkiError("no-dns-san", "the peer showed no certificate");
  const { fields } = parse(leaf);
  return { name: siteNameOf(fields), notBefore: fields.notBefore, notAfter: fields.notAfter, chain };
}

/** @returns the site's name in a certificate's DER. @throws PkiError as {@link peerIdentity} does. */
export function certificateName(der: Buffer): string {
  return siteNameOf(readCertificate(der));
}

/** @returns the site's name in a certificate's fields. @throws PkiError `no-dns-san`, `invalid-name`. */
export function siteNameOf(fields: Pick<CertificateFields, "dnsNames">): string {
  const [first] = fields.dnsNames;
  if (first === undefined) {
    throw new PkiError("no-dns-san", "the certificate has no DNS subject alternative name; the CN is ignored");
  }
  const name = first.toLowerCase();
  if (!isSiteName(name)) {
    throw new PkiError(
      "invalid-name",
      `the certificate's first DNS name ${JSON.stringify(first)} cannot name a site: it ${SITE_NAME_RULE}`,
    );
  }
  return name;
}

function isLink(value: unknown): value is { raw: Buffer; issuerCertificate?: unknown } {
  return typeof value === "object" && value !== null && "raw" in value && Buffer.isBuffer(value.raw);
}

const MAX_CHAIN = 16;
