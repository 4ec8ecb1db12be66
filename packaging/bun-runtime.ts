/** Bun's executable for a platform: the part of ours that is not our code. */
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, runProgram } from "./cache.ts";
import { hostTarget, type Target, targetName } from "./target.ts";

/**
 * Finds Bun's executable for a target: this process's own for this machine, else the one that npm has for the platform,
 * in the version and with the digest that package-lock.json states. It is downloaded once.
 *
 * @param root - the checkout's folder.
 * @throws {Error} when the running Bun is not the pinned one, or what npm gives has another digest.
 */
export async function bunRuntime(root: string, target: Target): Promise<string> {
  const lock = (await Bun.file(join(root, "package-lock.json")).json()) as PackageLock;
  const pinned = lock.packages["node_modules/bun"]?.version;
  if (Bun.version !== pinned)
    throw new Error(`this is Bun ${Bun.version}, the build wants ${pinned}: use npm run build`);
  if (targetName(target) === targetName(hostTarget())) return process.execPath;

  const name = `@oven/bun-${target.os}-${target.arch === "arm64" ? "aarch64" : "x64"}`;
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked?.integrity) throw new Error(`package-lock.json has no ${name}`);
  const cached = join(cacheFolder(root), `bun-${pinned}-${targetName(target)}`);
  if (!existsSync(cached)) await download(root, `${name}@${pinned}`, locked.integrity, cached);
  return cached;
}

async function download(root: string, spec: string, integrity: string, destination: string): Promise<void> {
  const folder = mkdtempSync(join(cacheFolder(root), "npm-"));
  try {
    runProgram(["npm", "pack", "--silent", "--pack-destination", folder, spec], root);
    const [archive] = Array.from(new Bun.Glob("*.tgz").scanSync({ cwd: folder, absolute: true }));
    if (!archive) throw new Error(`npm pack ${spec}: no archive`);
    const digest = new Bun.CryptoHasher("sha512").update(await Bun.file(archive).bytes()).digest("base64");
    if (`sha512-${digest}` !== integrity)
      throw new Error(`${spec}: sha512-${digest}, package-lock.json says ${integrity}`);
    runProgram(["tar", "-xzf", archive, "-C", folder, "package/bin/bun"], root);
    renameSync(join(folder, "package", "bin", "bun"), destination);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The part of package-lock.json that a build reads. */
export interface PackageLock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** One installed package, by its path below the checkout. */
export interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
}
