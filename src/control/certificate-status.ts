import { X509Certificate } from "node:crypto";
import type { CertificateStatus } from "../snapshot/status.ts";
import type { CertificateEntry } from "../snapshot/tables.ts";

const DAY = 86_400_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * @param now - milliseconds since the epoch.
 * @returns when the site's certificate and each of its CAs end.
 */
export function certificateStatuses({ cert, ca }: CertificateEntry, now: number): CertificateStatus[] {
  const [leaf] = cert.match(PEM) ?? [];
  const cas = ca.match(PEM) ?? [];
  const describe = (role: CertificateStatus["role"], pem: string): CertificateStatus => {
    const { subject, validToDate } = new X509Certificate(pem);
    const notAfter = validToDate.getTime();
    return {
      role,
      subject: subject.replaceAll("\n", ", "),
      notAfter: validToDate.toISOString(),
      daysLeft: Math.floor((notAfter - now) / DAY),
    };
  };
  return [...(leaf === undefined ? [] : [describe("site", leaf)]), ...cas.map((pem) => describe("ca", pem))];
}
