/** Makes the image of one processor: a folder for `docker build` and an archive for `docker load`. */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { imageArchive } from "./image-archive.ts";
import { dockerfile, imageConfig } from "./image-config.ts";
import { baseEntries, programEntries } from "./image-files.ts";
import type { Stamp } from "./stamp.ts";
import { type TarEntry, tar } from "./tar.ts";
import type { Target } from "./target.ts";

/** The repository's name that the image is known by. */
export const IMAGE_NAME = "clusterlink";

/**
 * Writes `DIST/image/ARCH/` and `DIST/clusterlink-image-ARCH.tar` without a container engine.
 *
 * @param root - the checkout's folder.
 * @param dist - where both go.
 * @param executable - the executable for Linux on that processor.
 * @returns the archive's path.
 */
export async function writeImage(
  root: string,
  dist: string,
  arch: Target["arch"],
  stamp: Stamp,
  executable: string,
): Promise<string> {
  const base = await baseEntries(root, arch);
  const program = await programEntries(root, executable);
  await writeBuildFolder(join(dist, "image", arch), [...base, ...program], dockerfile(stamp));

  const archive = join(dist, `clusterlink-image-${arch}.tar`);
  const layers = [tar(base), tar(program)];
  await Bun.write(
    archive,
    imageArchive(IMAGE_NAME, stamp.version, layers, (digests) => imageConfig(arch, stamp, digests)),
  );
  return archive;
}

/** The state folder has an owner of its own, so it stands beside the root file system, to be copied with that owner. */
async function writeBuildFolder(folder: string, entries: readonly TarEntry[], text: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "state"), { recursive: true });
  for (const entry of entries) {
    const path = join(folder, "rootfs", entry.path);
    if (entry.kind === "link" || (entry.kind === "directory" && entry.owner)) continue;
    mkdirSync(entry.kind === "file" ? dirname(path) : path, { recursive: true });
    if (entry.kind === "file") await Bun.write(path, entry.data);
    chmodSync(path, entry.mode);
  }
  await Bun.write(join(folder, "Dockerfile"), text);
  chmodSync(join(folder, "state"), 0o700);
}
