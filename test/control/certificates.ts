/** Real certificates for the tests of control. */
import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import { issueFabric, issuePeer } from "../../src/pki/issue.ts";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";

export const fabric = await issueFabric({ name: "fabric" });

/** @returns the certificates of a site of that name, issued by `ca` and trusting this fabric. */
export async function certificatesOf(name: string, ca = fabric): Promise<CertificateEntry> {
  const { cert, key } = await issuePeer({ name }, ca);
  return { ca: fabric.cert, cert, key, name, notAfter: new X509Certificate(cert).validToDate.getTime() };
}
