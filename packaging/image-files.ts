/** The files of an image: the C library, certificates and users below, the executable above. */
import { join } from "node:path";
import { imageBase, unpackDebian } from "./debian.ts";
import type { TarEntry } from "./tar.ts";
import type { Target } from "./target.ts";

/** The user that the image runs as: nobody's on common systems, and what "non-root" images use by custom. */
export const IMAGE_USER = 65532;

/** Where the executable is in an image. */
export const EXECUTABLE_PATH = "usr/bin/clusterlink";

/** What Bun's executable is linked with, besides the loader. */
const LIBRARIES = ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"];

const encoder = new TextEncoder();

/**
 * Collects the lower layer, which changes only with its Debian packages.
 *
 * @param root - the checkout's folder.
 */
export async function baseEntries(root: string, arch: Target["arch"]): Promise<TarEntry[]> {
  const base = imageBase(arch);
  const libc = await unpackDebian(root, base.packages.libc6);
  const certificates = await unpackDebian(root, base.packages["ca-certificates"]);
  const loaderFile = join(libc, base.libraries, base.loader.slice(base.loader.lastIndexOf("/") + 1));
  const files: TarEntry[] = [
    file(base.loader, await Bun.file(loaderFile).bytes(), 0o755),
    file("etc/ssl/certs/ca-certificates.crt", encoder.encode(await certificateBundle(certificates))),
    file("etc/passwd", `root:x:0:0:root:/:/sbin/nologin\nclusterlink:x:${IMAGE_USER}:${IMAGE_USER}::/:/sbin/nologin\n`),
    file("etc/group", `root:x:0:\nclusterlink:x:${IMAGE_USER}:\n`),
    file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    file("usr/share/doc/libc6/copyright", await Bun.file(join(libc, "usr/share/doc/libc6/copyright")).bytes()),
    file(
      "usr/share/doc/ca-certificates/copyright",
      await Bun.file(join(certificates, "usr/share/doc/ca-certificates/copyright")).bytes(),
    ),
  ];
  for (const name of LIBRARIES) {
    files.push(file(`${base.libraries}/${name}`, await Bun.file(join(libc, base.libraries, name)).bytes(), 0o755));
  }
  const own: TarEntry[] = [
    { kind: "directory", path: "etc/clusterlink/pki", mode: 0o755 },
    { kind: "directory", path: "tmp", mode: 0o1777 },
    { kind: "directory", path: "var/lib/clusterlink", mode: 0o700, owner: IMAGE_USER },
  ];
  return withParents([...files, ...own]);
}

/** Collects the upper layer: the executable and its licence. */
export async function programEntries(root: string, executable: string): Promise<TarEntry[]> {
  return withParents([
    file(EXECUTABLE_PATH, await Bun.file(executable).bytes(), 0o755),
    file("usr/share/doc/clusterlink/copyright", await Bun.file(join(root, "LICENSE")).bytes()),
  ]);
}

/** Mozilla's certificates in the order of their names, as `update-ca-certificates` puts them together. */
async function certificateBundle(folder: string): Promise<string> {
  const cwd = join(folder, "usr/share/ca-certificates/mozilla");
  const names = [...new Bun.Glob("*.crt").scanSync({ cwd })].sort();
  const texts = await Promise.all(names.map((name) => Bun.file(join(cwd, name)).text()));
  return texts.map((text) => `${text.trimEnd()}\n`).join("");
}

function file(path: string, data: string | Uint8Array, mode = 0o644): TarEntry {
  return { kind: "file", path, mode, data: typeof data === "string" ? encoder.encode(data) : data };
}

/** @returns the entries and every folder above them, root's and readable to all. */
export function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const entry of entries) {
    for (let at = entry.path.lastIndexOf("/"); at > 0; at = entry.path.lastIndexOf("/", at - 1)) {
      const path = entry.path.slice(0, at);
      if (!byPath.has(path)) byPath.set(path, { kind: "directory", path, mode: 0o755 });
    }
  }
  return [...byPath.values()];
}
