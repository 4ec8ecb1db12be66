/** Checking a site's certificates, apart from where they come from. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { EKU_CLIENT, EKU_SERVER, hasExtendedKeyUsage, hasKeyUsage, KEY_USAGE } from "./certificate.ts";
import { type ParsedCertificate, parse, verifyChain } from "./chain.ts";
import { CertificateSetError, PkiError, type PkiErrorCode, type PkiFault } from "./errors.ts";
import { siteNameOf } from "./identity.ts";
import { joinPem, pemBlocks, pemBytes, readPem } from "./pem.ts";
import { keyWeakness } from "./strength.ts";

/** The contents of the three files. */
export interface CertificateTexts {
  ca: string;
  cert: string;
  key: string;
}

/**
 * Checks that the three belong together and can serve a site, as the handshake will.
 *
 * @param files - what to call each of the three in faults.
 * @param now - milliseconds since the epoch.
 * @throws CertificateSetError with all faults at once.
 */
export function checkCertificates(texts: CertificateTexts, files: CertificateTexts, now: number): CertificateEntry {
  const check = new SetCheck(texts, files, now);
  const entry = check.run();
  if (entry === undefined || check.faults.length > 0) throw new CertificateSetError(check.faults);
  return entry;
}

class SetCheck {
  readonly faults: PkiFault[] = [];
  readonly #texts: CertificateTexts;
  readonly #files: CertificateTexts;
  readonly #now: number;

  constructor(texts: CertificateTexts, files: CertificateTexts, now: number) {
    this.#texts = texts;
    this.#files = files;
    this.#now = now;
  }

  run(): CertificateEntry | undefined {
    const authorities = this.#certificates("ca");
    const chain = this.#certificates("cert");
    const key = this.#key();
    this.#checkAuthorities(authorities);
    const [leaf] = chain;
    const name = leaf === undefined ? undefined : this.#checkLeaf(leaf, chain, authorities);
    if (leaf !== undefined && key !== undefined) this.#checkMatch(leaf, chain, key);
    if (leaf === undefined || key === undefined || name === undefined) return undefined;
    return {
      ca: joinPem(pemBlocks(this.#texts.ca, CERTIFICATE)),
      cert: joinPem(pemBlocks(this.#texts.cert, CERTIFICATE)),
      key: joinPem([key.export({ type: "pkcs8", format: "pem" }).toString()]),
      name,
      notAfter: leaf.fields.notAfter,
    };
  }

  #certificates(which: "ca" | "cert"): ParsedCertificate[] {
    const blocks = pemBlocks(this.#texts[which], CERTIFICATE);
    if (blocks.length === 0) {
      this.#add("not-pem", which, "has no PEM certificate; convert DER with 'openssl x509 -inform der'");
    } else if (this.#texts[which].split(BEGIN_CERTIFICATE).length - 1 > blocks.length) {
      // Half of a bundle of CAs would pass for one that trusts fewer, and cut the connections of the others.
      this.#add("malformed-certificate", which, "has a certificate that is cut off; write the whole file");
    }
    return blocks.flatMap((block, index) => {
      try {
        return [parse(pemBytes(block))];
      } catch (error) {
        if (!(error instanceof PkiError)) throw error;
        this.#add(error.code, which, `certificate ${index + 1} of ${blocks.length}: ${error.message}`);
        return [];
      }
    });
  }

  #key(): KeyObject | undefined {
    const [block, ...more] = readPem(this.#texts.key).filter(({ label }) => label.endsWith("PRIVATE KEY"));
    if (block === undefined) return this.#add("not-pem", "key", "has no PEM private key");
    if (more.length > 0)
      return this.#add("malformed-key", "key", "has several private keys; keep the certificate's only");
    if (block.label.startsWith("ENCRYPTED") || block.text.includes("Proc-Type: 4,ENCRYPTED")) {
      return this.#add(
        "encrypted-key",
        "key",
        "is encrypted; decrypt it with 'openssl pkey -in OLD -out NEW' (mode 0600)",
      );
    }
    try {
      const key = createPrivateKey(block.text);
      const refusal = unsupported(key);
      return refusal === undefined ? key : this.#add("unsupported-key", "key", refusal);
    } catch {
      return this.#add("malformed-key", "key", "has a private key that cannot be parsed");
    }
  }

  #checkAuthorities(authorities: readonly ParsedCertificate[]): void {
    for (const { fields, subject } of authorities) {
      if (!fields.ca) this.#add("not-a-ca", "ca", `the certificate ${subject} is no CA (basicConstraints)`);
    }
  }

  /** @returns the site's name. */
  #checkLeaf(
    leaf: ParsedCertificate,
    chain: ParsedCertificate[],
    authorities: ParsedCertificate[],
  ): string | undefined {
    const { fields } = leaf;
    for (const [use, oid] of [
      ["client", EKU_CLIENT],
      ["server", EKU_SERVER],
    ] as const) {
      if (hasExtendedKeyUsage(fields, oid)) continue;
      this.#add(
        "missing-eku",
        "cert",
        `does not allow use as a TLS ${use}; a site is both, so its extended key usage needs both`,
      );
    }
    if (!hasKeyUsage(fields, KEY_USAGE.digitalSignature)) {
      this.#add("missing-key-usage", "cert", "does not allow digital signatures (key usage), which TLS needs");
    }
    if (authorities.length > 0) this.#checkChain(chain, authorities);
    try {
      return siteNameOf(fields);
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      return this.#add(error.code, "cert", `${error.message}; issue one with the site's name as its first DNS name`);
    }
  }

  #checkChain(chain: readonly ParsedCertificate[], authorities: readonly ParsedCertificate[]): void {
    const ders = chain.map(({ x509 }) => x509.raw);
    for (const purpose of ["client", "server"] as const) {
      const verdict = verifyChain(ders, this.#texts.ca, this.#now, purpose);
      if (verdict.valid || this.faults.some(({ code }) => code === verdict.code)) continue;
      const rootless = verdict.code === "not-signed-by-ca" && !authorities.some((one) => one.isIssuedBy(one));
      this.#add(verdict.code, "cert", rootless ? `${verdict.reason}; ${this.#files.ca} has no root` : verdict.reason);
    }
  }

  #checkMatch(leaf: ParsedCertificate, chain: readonly ParsedCertificate[], key: KeyObject): void {
    if (leaf.x509.checkPrivateKey(key)) return;
    const at = chain.findIndex(({ x509 }) => x509.checkPrivateKey(key));
    const where =
      at < 0 ? "" : `; it belongs to the certificate at place ${at + 1} there, but the site's own must come first`;
    this.#add("key-mismatch", "key", `does not belong to the certificate in ${this.#files.cert}${where}`);
  }

  #add(code: PkiErrorCode, which: keyof CertificateTexts, message: string): undefined {
    this.faults.push({ code, file: this.#files[which], message });
  }
}

/** @returns why TLS cannot use this key, if so. */
function unsupported(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") return keyWeakness(key);
  if (key.asymmetricKeyType === "ec") {
    const curve = details.namedCurve ?? "unknown";
    return CURVES.has(curve) ? undefined : `is an EC key on curve ${curve}; use P-256 or P-384`;
  }
  return `is a key of type ${key.asymmetricKeyType ?? "unknown"}; use RSA or EC`;
}

const CERTIFICATE = "CERTIFICATE";
const BEGIN_CERTIFICATE = "-----BEGIN CERTIFICATE-----";
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "P-256", "P-384"]);
