/** What `status` tells of the certificates in use. */
import type { CertificateStatus } from "../snapshot/status.ts";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { certificatesOf, type ParsedCertificate } from "./chain.ts";

/**
 * @param now - milliseconds since the epoch.
 * @returns the site's certificate, its intermediates left out, and then every CA.
 */
export function certificateStatus(entry: Pick<CertificateEntry, "ca" | "cert">, now: number): CertificateStatus[] {
  const [site] = certificatesOf(entry.cert);
  const authorities = certificatesOf(entry.ca);
  return [
    ...(site === undefined ? [] : [statusOf("site", site, now)]),
    ...authorities.map((ca) => statusOf("ca", ca, now)),
  ];
}

function statusOf(
  role: CertificateStatus["role"],
  { subject, fields }: ParsedCertificate,
  now: number,
): CertificateStatus {
  return {
    role,
    subject,
    notAfter: new Date(fields.notAfter).toISOString().replace(".000Z", "Z"),
    daysLeft: Math.floor((fields.notAfter - now) / DAY),
  };
}

const DAY = 86_400_000;
