/** Loading a site's certificates from files, wherever they were made. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { type CertificateTexts, checkCertificates } from "./check.ts";
import { CertificateSetError, type PkiFault } from "./errors.ts";

/** A folder with `ca.pem`, `cert.pem` and `key.pem`, or the three files by name. */
export type CertificateSource = { dir: string } | CertificatePaths;

export interface CertificatePaths {
  ca: string;
  cert: string;
  key: string;
}

/** @returns the paths of the three files. */
export function certificatePaths(source: CertificateSource): CertificatePaths {
  if (!("dir" in source)) return source;
  return { ca: join(source.dir, "ca.pem"), cert: join(source.dir, "cert.pem"), key: join(source.dir, "key.pem") };
}

/**
 * Reads and checks a site's certificates. The key may be PKCS#8, PKCS#1 or SEC1, RSA or EC; `cert` may bring
 * intermediates; `ca` may have several CAs. What is returned is normalised: one PEM block after another, the key PKCS#8.
 *
 * @param now - milliseconds since the epoch.
 * @throws CertificateSetError with all faults at once.
 */
export async function loadCertificates(source: CertificateSource, now: number = Date.now()): Promise<CertificateEntry> {
  const paths = certificatePaths(source);
  return checkCertificates(await readTexts(paths), paths, now);
}

/** @returns the contents of the three files. @throws CertificateSetError `unreadable`, naming every such file. */
export async function readTexts(paths: CertificatePaths): Promise<CertificateTexts> {
  const faults: PkiFault[] = [];
  const read = async (path: string): Promise<string> => {
    try {
      const bytes = await readFile(path);
      if (bytes.length <= MAX_FILE) return bytes.toString("latin1");
      faults.push({ code: "unreadable", file: path, message: "is larger than 1 MiB, which no certificate file is" });
    } catch (error) {
      faults.push({ code: "unreadable", file: path, message: unreadable(error) });
    }
    return "";
  };
  const [ca, cert, key] = await Promise.all([read(paths.ca), read(paths.cert), read(paths.key)]);
  if (faults.length > 0) throw new CertificateSetError(faults);
  return { ca, cert, key };
}

function unreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "does not exist; 'clusterlink create peer-cert' makes ca.pem, cert.pem and key.pem";
  if (code === "EACCES") return "cannot be read: permission denied; let the gateway's user read it";
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

const MAX_FILE = 1024 * 1024;
