/** What is too weak to prove who somebody is, whoever signed it. */
import type { KeyObject } from "node:crypto";

/** @returns why the public or private key is too weak, as `is an RSA key of 1024 bits; 2048 is the least`; undefined when it is not. */
export function keyWeakness({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === "rsa" || asymmetricKeyType === "rsa-pss") {
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return bits >= LEAST_RSA_BITS ? undefined : `is an RSA key of ${bits} bits; ${LEAST_RSA_BITS} is the least`;
  }
  const curve = asymmetricKeyDetails?.namedCurve ?? "";
  return WEAK_CURVES.has(curve) ? `is an EC key on curve ${curve}; use P-256 or P-384` : undefined;
}

/**
 * Whether a signature of that algorithm proves that the CA signed this certificate and no other: with MD5 and SHA-1 a
 * second certificate can be made that has the same one (RFC 9155).
 *
 * @param oid - of an AlgorithmIdentifier.
 */
export function isStrongSignature(oid: string): boolean {
  return STRONG_SIGNATURES.has(oid);
}

const LEAST_RSA_BITS = 2048;
const WEAK_CURVES: ReadonlySet<string> = new Set(["secp224r1", "P-224"]);

const STRONG_SIGNATURES: ReadonlySet<string> = new Set([
  // RSA with SHA-256, SHA-384, SHA-512 (RFC 8017); PSS, which TLS takes with these three only.
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.113549.1.1.10",
  // ECDSA with SHA-256, SHA-384, SHA-512 (RFC 5758).
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  // Ed25519 (RFC 8410).
  "1.3.101.112",
]);
