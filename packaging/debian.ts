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
 * Unpacks a Debian package, downloading it once with apt's own downloader.
 *
 * @param root - the checkout's folder.
 * @returns the folder that holds the package's files.
 * @throws {Error} when the file has another digest, or cannot be had here; the message says where to put it by hand.
 */
export async function unpackDebian(root: string, wanted: DebianPackage): Promise<string> {
  const archive = join(cacheFolder(root), basename(wanted.url));
  const folder = `${archive.slice(0, -".deb".length)}-${wanted.sha256.slice(0, 12)}`;
  if (existsSync(folder)) return folder;
  if (!existsSync(archive)) download(root, wanted, archive);
  const digest = sha256(await Bun.file(archive).bytes());
  if (digest !== wanted.sha256) throw new Error(`${archive}: SHA-256 is ${digest}, base.json says ${wanted.sha256}`);
  rmSync(`${folder}.part`, { recursive: true, force: true });
  runProgram(["dpkg-deb", "--extract", archive, `${folder}.part`], root);
  renameSync(`${folder}.part`, folder);
  return folder;
}

const APT_HELPER = "/usr/lib/apt/apt-helper";

/** apt waits a second before the second try, and twice as long each time: half a minute for a name server that is away. */
const RETRIES = ["-o", "Acquire::Retries=5"];

function download(root: string, wanted: DebianPackage, archive: string): void {
  try {
    if (!existsSync(APT_HELPER)) throw new Error("this machine has no apt");
    const file = [wanted.url, `${archive}.part`, `SHA256:${wanted.sha256}`];
    runProgram([APT_HELPER, ...RETRIES, "download-file", ...file], root);
  } catch (cause) {
    throw new Error(
      `cannot download ${wanted.url}; put the file to ${archive} by hand, or name a newer version in packaging/base.json`,
      { cause },
    );
  }
  renameSync(`${archive}.part`, archive);
}
