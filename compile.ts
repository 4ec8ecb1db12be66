/**
 * Builds the executable, and with `--image` the container image.
 *
 *     bun compile.ts                                        dist/clusterlink, for this machine
 *     bun compile.ts --target linux-x64,linux-arm64         dist/clusterlink-OS-ARCH
 *     bun compile.ts --target linux-x64,linux-arm64 --image …and dist/image/ARCH, dist/clusterlink-image-ARCH.tar
 *
 * Source maps and bills of materials (CycloneDX) stand beside what they are of; dist/SHA256SUMS lists all of it.
 */
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { PackageLock } from "./packaging/bun-runtime.ts";
import { checksumList, sha256 } from "./packaging/digest.ts";
import { compileExecutable } from "./packaging/executable.ts";
import { writeImage } from "./packaging/image.ts";
import { billOfMaterials } from "./packaging/sbom.ts";
import { readStamp } from "./packaging/stamp.ts";
import { hostTarget, parseTargets, type Target, targetName } from "./packaging/target.ts";

const root = import.meta.dir;

interface Options {
  target?: Target[];
  image?: boolean;
  dist: string;
}

const options: Options = new Command("compile.ts")
  .description("Builds the executable of ClusterLink, and its container image.")
  .option("--target <list>", "platforms, separated by commas; without it, this machine", targets)
  .option("--image", "the container image of every Linux target, too")
  .option("--dist <folder>", "where to write", join(root, "dist"))
  .parse()
  .opts();

const stamp = await readStamp(root);
const lock = (await Bun.file(join(root, "package-lock.json")).json()) as PackageLock;
const written: string[] = [];
if (!options.target) await buildForThisMachine(options);
for (const target of options.target ?? []) await build(target, options);
await writeChecksums(options.dist, written);

function targets(list: string): Target[] {
  try {
    return parseTargets(list);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

async function buildForThisMachine({ dist, image }: Options): Promise<void> {
  const executable = join(dist, "clusterlink");
  const bundled = await compile(hostTarget(), executable);
  if (image) await packImage(hostTarget(), dist, executable, bundled);
}

async function build(target: Target, { dist, image }: Options): Promise<void> {
  const executable = join(dist, `clusterlink-${targetName(target)}`);
  const bundled = await compile(target, executable);
  if (targetName(target) === targetName(hostTarget())) copyFileSync(executable, join(dist, "clusterlink"));
  if (image && target.os === "linux") await packImage(target, dist, executable, bundled);
}

async function compile(target: Target, executable: string): Promise<Set<string>> {
  const bundled = await compileExecutable(root, target, stamp, executable);
  await writeBill(`${executable}.cdx.json`, billOfMaterials(lock, bundled, stamp, target, "executable"));
  report(executable, `${executable}.maps.tar`);
  return bundled;
}

async function packImage(target: Target, dist: string, executable: string, bundled: Set<string>): Promise<void> {
  if (target.os !== "linux") throw new Error(`--image: ${targetName(target)} is no Linux; name a target`);
  const archive = await writeImage(root, dist, target.arch, stamp, executable);
  await writeBill(archive.replace(/\.tar$/, ".cdx.json"), billOfMaterials(lock, bundled, stamp, target, "image"));
  report(archive);
}

async function writeBill(path: string, bill: object): Promise<void> {
  await Bun.write(path, `${JSON.stringify(bill, null, 2)}\n`);
  report(path);
}

function report(...paths: string[]): void {
  written.push(...paths);
  for (const path of paths) console.log(`${path} (${(Bun.file(path).size / 1e6).toFixed(1)} MB)`);
}

async function writeChecksums(dist: string, paths: readonly string[]): Promise<void> {
  const digests = new Map<string, string>();
  for (const path of paths) digests.set(basename(path), sha256(await Bun.file(path).bytes()));
  await Bun.write(join(dist, "SHA256SUMS"), checksumList(digests));
}
