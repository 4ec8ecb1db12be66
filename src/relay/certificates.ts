import type { CertificateEntry } from "../snapshot/tables.ts";

/** Whether a handshake with the one shows and trusts the same as with the other. */
export function areSame(a: CertificateEntry, b: CertificateEntry): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
