/** What can be wrong with a certificate, a key, or the files they are in. Codes are stable. */
export type PkiErrorCode =
  | "unreadable"
  | "not-pem"
  | "malformed-certificate"
  | "malformed-key"
  | "encrypted-key"
  | "unsupported-key"
  | "weak-signature"
  | "key-mismatch"
  | "no-dns-san"
  | "invalid-name"
  | "expired"
  | "not-yet-valid"
  | "missing-eku"
  | "missing-key-usage"
  | "not-a-ca"
  | "not-signed-by-ca"
  | "name-not-permitted"
  | "exists"
  | "unwritable";

/** A failure of this part. The message names what is wrong and the remedy, and never contains a key. */
export class PkiError extends Error {
  override name = "PkiError";
  readonly code: PkiErrorCode;

  constructor(code: PkiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One thing that is wrong with a set of certificate files. */
export interface PkiFault {
  code: PkiErrorCode;
  /** The file, or the part of the set, that is at fault. */
  file: string;
  /** For people, with the remedy; does not repeat the file. */
  message: string;
}

/** A set of certificate files that cannot be used, with everything that is wrong with it. */
export class CertificateSetError extends PkiError {
  override name = "CertificateSetError";
  readonly faults: readonly PkiFault[];

  /** @param faults - not empty. */
  constructor(faults: readonly PkiFault[]) {
    super(faults[0]?.code ?? "unreadable", faults.map(faultLine).join("; "));
    this.faults = faults;
  }
}

/** @returns the fault as one line: `FILE: what is wrong`. */
export function faultLine(fault: PkiFault): string {
  return `${fault.file}: ${fault.message}`;
}
