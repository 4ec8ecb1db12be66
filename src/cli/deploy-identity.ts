/** The certificates of the peer that is deployed. */
import { existsSync } from "node:fs";
import type { PeerIdentity } from "../deploy/identity.ts";
import { CertificateSetError, faultLine } from "../pki/errors.ts";
import { fabricFiles, peerFiles } from "../pki/fabric-files.ts";

export interface PeerPlace {
  name: string;
  fabric: string;
  /** The folder that holds the fabric's. */
  path: string;
}

/**
 * Reads and checks what `create peer-cert` made. ClusterLink's own folders, where the fabric's certificate is beside
 * the peer's folder only, do as well.
 *
 * @returns the identity, or what is wrong with it.
 */
export async function readIdentity({ name, fabric, path }: PeerPlace): Promise<PeerIdentity | { faults: string[] }> {
  const { loadCertificates } = await import("../pki/load.ts");
  const { dir: _, ...files } = peerFiles(path, fabric, name);
  const own = fabricFiles(path, fabric).cert;
  const ca = !existsSync(files.ca) && existsSync(own) ? own : files.ca;
  try {
    const entry = await loadCertificates({ ...files, ca });
    if (entry.name === name) return { name, cert: entry.cert, key: entry.key, ca: entry.ca };
    return {
      faults: [
        `--name: ${files.cert} is the certificate of '${entry.name}', not of '${name}'; name that, or another folder`,
      ],
    };
  } catch (error) {
    if (error instanceof CertificateSetError) return { faults: error.faults.map(faultLine) };
    throw error;
  }
}
