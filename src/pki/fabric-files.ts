/** Where ClusterLink keeps what `create` makes: `DIR/FABRIC/{cert,key}.pem` and `DIR/FABRIC/PEER/{ca,cert,key}.pem`. */
import { randomBytes } from "node:crypto";
import { access, link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PkiError } from "./errors.ts";

export interface FabricFiles {
  dir: string;
  cert: string;
  key: string;
}

export interface PeerFiles extends FabricFiles {
  ca: string;
}

/** One file to write. Keys are readable by their owner only, and so are the folders that are made for them. */
export interface FileToWrite {
  path: string;
  text: string;
  secret: boolean;
}

/** @returns where a fabric's files are. */
export function fabricFiles(path: string, fabric: string): FabricFiles {
  const dir = join(path, fabric);
  return { dir, cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
}

/** @returns where a peer's files are. */
export function peerFiles(path: string, fabric: string, peer: string): PeerFiles {
  const dir = join(path, fabric, peer);
  return { dir, ca: join(dir, "ca.pem"), cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
}

/** @returns a file's text. @throws PkiError `unreadable`, with the remedy. */
export async function readFabricFile(path: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new PkiError("unreadable", `cannot read ${path} (${codeOf(cause)}): ${remedy}`, { cause });
  }
}

/**
 * Writes files, each whole or not at all, and durably. Without `force` none is written when one of them is there.
 *
 * @throws PkiError `exists`, naming all that are there; `unwritable`.
 */
export async function writeFiles(files: readonly FileToWrite[], force: boolean): Promise<void> {
  if (!force) await refuseExisting(files);
  for (const file of files) {
    try {
      await mkdir(dirname(file.path), { recursive: true, mode: 0o700 });
      await writeOne(file, force);
    } catch (cause) {
      if (codeOf(cause) === "EEXIST" && !force) throw exists([file.path]);
      throw new PkiError("unwritable", `cannot write ${file.path} (${codeOf(cause)})`, { cause });
    }
  }
}

async function refuseExisting(files: readonly FileToWrite[]): Promise<void> {
  const there = await Promise.all(
    files.map(({ path }) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  if (there.flat().length > 0) throw exists(there.flat());
}

/** A file beside the target is written, synced, and moved into place; `link` fails where `rename` would replace. */
async function writeOne({ path, text, secret }: FileToWrite, force: boolean): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = await open(temporary, "wx", secret ? 0o600 : 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await (force ? rename(temporary, path) : link(temporary, path));
  } finally {
    await rm(temporary, { force: true });
  }
}

function exists(paths: readonly string[]): PkiError {
  return new PkiError("exists", `${paths.join(", ")} already there; --force overwrites`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
