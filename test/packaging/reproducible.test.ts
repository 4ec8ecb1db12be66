/** Two builds of one commit are equal byte for byte, wherever the checkout lies, and small enough. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import lock from "../../package-lock.json" with { type: "json" };
import type { PackageLock } from "../../packaging/bun-runtime.ts";
import { cacheFolder } from "../../packaging/cache.ts";
import { imageBase } from "../../packaging/debian.ts";
import { hostTarget } from "../../packaging/target.ts";

const root = join(import.meta.dir, "..", "..");
const { arch, os } = hostTarget();

const UNPACKED_BYTES = 125e6;
const PACKED_BYTES = 45e6;

/** A test asks no network for anything, unless it must not be skipped. */
const required = process.env.CLUSTERLINK_TEST_REQUIRE === "all";
const debs = Object.values(imageBase(arch).packages).map((item) => join(cacheFolder(root), basename(item.url)));
const buildable =
  os === "linux" && Bun.which("dpkg-deb") !== null && (required || debs.every((path) => existsSync(path)));
const reason = buildable
  ? ""
  : "(skipped: needs Debian's libc6 and ca-certificates, which npm run build -- --image downloads)";

/** A checkout as `npm ci` leaves it, with what a build reads; downloads are shared. */
function checkout(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const path of [
    "src",
    "packaging",
    "compile.ts",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "LICENSE",
  ]) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  for (const [path, { dev }] of Object.entries((lock as PackageLock).packages)) {
    const copy = join(folder, path);
    if (path !== "" && !dev && !existsSync(copy)) cpSync(join(root, path), copy, { recursive: true });
  }
  mkdirSync(dirname(cacheFolder(folder)), { recursive: true });
  rmSync(cacheFolder(folder), { recursive: true });
  symlinkSync(cacheFolder(root), join(folder, "node_modules", ".cache", "clusterlink"));
}

function build(folder: string): void {
  const env = { ...process.env, SOURCE_DATE_EPOCH: "86400" };
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "compile.ts", "--image"], { cwd: folder, env });
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
}

describe.skipIf(!buildable)(`two checkouts ${reason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-build-"));
  const [one, other] = [join(folder, "one"), join(folder, "a", "deeper", "other")] as const;

  beforeAll(() => {
    for (const path of [one, other]) checkout(path);
    for (const path of [one, other]) build(path);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("give the same executable, source maps, image and bills of materials", async () => {
    const sums = await Bun.file(join(one, "dist", "SHA256SUMS")).text();
    expect(
      sums
        .trim()
        .split("\n")
        .map((line) => line.split("  ")[1]),
    ).toEqual([
      "clusterlink",
      `clusterlink-image-${arch}.cdx.json`,
      `clusterlink-image-${arch}.tar`,
      "clusterlink.cdx.json",
      "clusterlink.maps.tar",
    ]);
    expect(await Bun.file(join(other, "dist", "SHA256SUMS")).text()).toBe(sums);
    const check = Bun.spawnSync(["sha256sum", "--check", "--quiet", "SHA256SUMS"], { cwd: join(other, "dist") });
    expect(check.stdout.toString()).toBe("");
  });

  test("give the same folder for docker build", () => {
    const compared = Bun.spawnSync(["diff", "-r", join(one, "dist", "image"), join(other, "dist", "image")]);
    expect(compared.stdout.toString()).toBe("");
    expect(compared.exitCode).toBe(0);
  });

  test("give an executable without the checkout's path", async () => {
    const bytes = Buffer.from(await Bun.file(join(one, "dist", "clusterlink")).arrayBuffer());
    expect(bytes.includes(folder)).toBe(false);
  });

  test(`give an image under ${UNPACKED_BYTES / 1e6} MB`, () => {
    expect(Bun.file(join(one, "dist", `clusterlink-image-${arch}.tar`)).size).toBeLessThan(UNPACKED_BYTES);
  });

  test.skipIf(!required)(
    `give an image under ${PACKED_BYTES / 1e6} MB packed${required ? "" : " (skipped: takes half a minute; CLUSTERLINK_TEST_REQUIRE=all runs it)"}`,
    async () => {
      const packed = await Bun.zstdCompress(
        await Bun.file(join(one, "dist", `clusterlink-image-${arch}.tar`)).bytes(),
        { level: 19 },
      );
      expect(packed.length).toBeLessThan(PACKED_BYTES);
    },
    300_000,
  );
});
