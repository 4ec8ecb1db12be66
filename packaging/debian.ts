/** The Debian packages that an image takes files from. `base.json` names them by version and digest. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import base from "./base.json" with { type: "json" };
import { cacheFolder, runProgram } from "./cache.ts";
import { sha256 } from "./digest.ts";
import type { Target } from "./target.ts";

/** A Debian package: where it is and what it must be. */
export interface DebianPackage {
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
}

/** What an image of one processor is made on. */
export interface ImageBase {
  /** The dynamic loader's path, as executables name it, without the leading slash. */
  readonly loader: string;
  /** The folder of the C library. */
  readonly libraries: string;
  readonly packages: Readonly<Record<"libc6" | "ca-certificates", DebianPackage>>;
}

/** @returns what images of this processor are made on. */
export function imageBase(arch: Target["arch"]): ImageBase {
  return base[arch];
}

/**
 * Unpacks a Debian package, downloading it once with apt's own downloader, which may fail a few times.
 *
 * @param root - the checkout's folder.
 * @returns the folder that holds the package's files.
 * @throws {Error} when the file has another digest, or cannot be had here; the message says where to put it by hand.
 */
export async function unpackDebian(root: string, wanted: DebianPackage): Promise<string> {
  const archive = join(cacheFolder(root), basename(wanted.url));
  const folder = `${archive.slice(0, -".deb".length)}-${wanted.sha256.slice(0, 12)}`;
  if (existsSync(folder)) return folder;
  if (!existsSync(archive)) await download(root, wanted, archive);
  const digest = sha256(await Bun.file(archive).bytes());
  if (digest !== wanted.sha256) throw new Error(`${archive}: SHA-256 is ${digest}, base.json says ${wanted.sha256}`);
  rmSync(`${folder}.part`, { recursive: true, force: true });
  runProgram(["dpkg-deb", "--extract", archive, `${folder}.part`], root);
  renameSync(`${folder}.part`, folder);
  return folder;
}

const APT_HELPER = "/usr/lib/apt/apt-helper";

/** The pauses before the second, third and fourth try, milliseconds: a name server may be away for a moment. */
const PAUSES = [2_000, 5_000, 10_000];

async function download(root: string, { url, sha256: digest }: DebianPackage, archive: string): Promise<void> {
  const command = [APT_HELPER, "download-file", url, `${archive}.part`, `SHA256:${digest}`];
  if (!existsSync(APT_HELPER)) throw unavailable(url, archive, new Error("this machine has no apt"));
  for (const pause of [...PAUSES, undefined]) {
    try {
      runProgram(command, root);
      break;
    } catch (error) {
      if (pause === undefined) throw unavailable(url, archive, error);
      await Bun.sleep(pause);
    }
  }
  renameSync(`${archive}.part`, archive);
}

function unavailable(url: string, archive: string, cause: unknown): Error {
  const remedy = `put the file to ${archive} by hand, or name a newer version in packaging/base.json`;
  return new Error(`cannot download ${url}; ${remedy}`, { cause });
}
