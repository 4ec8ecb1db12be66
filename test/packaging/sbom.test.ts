/** The bill of materials lists what an artefact is made of, and nothing that only built it. */
import { expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import type { PackageLock } from "../../packaging/bun-runtime.ts";
import { billOfMaterials } from "../../packaging/sbom.ts";

const stamp = { version: "1.2.3", commit: "abc", epoch: 86_400 };

const bundled = new Set(["node_modules/hono", "node_modules/@hono/zod-openapi"]);

interface Bill {
  metadata: { timestamp: string; component: { type: string; version: string } };
  components: { name: string; version: string; purl: string; hashes?: { alg: string; content: string }[] }[];
}

const bill = (kind: "executable" | "image") =>
  billOfMaterials(lock as PackageLock, bundled, stamp, { os: "linux", arch: "arm64" }, kind) as Bill;

test("what is bundled, and Bun, are listed with version and digest, and nothing else of npm", () => {
  const npm = bill("executable").components.filter((component) => component.purl.startsWith("pkg:npm/"));
  expect(npm.map(({ name, version }) => [name, version])).toEqual([
    ["@hono/zod-openapi", manifest.dependencies["@hono/zod-openapi"]],
    ["bun", manifest.devDependencies.bun],
    ["hono", manifest.dependencies.hono],
  ]);
  for (const { hashes } of npm) expect(hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
});

test("an image has its Debian packages too, an executable none", () => {
  const debian = (kind: "executable" | "image") =>
    bill(kind).components.filter((component) => component.purl.startsWith("pkg:deb/"));
  expect(debian("executable")).toEqual([]);
  expect(debian("image").map((component) => component.purl.replace(/@.*\?/, "?"))).toEqual([
    "pkg:deb/debian/ca-certificates?arch=all",
    "pkg:deb/debian/libc6?arch=arm64",
  ]);
});

test("version and time are the stamp's", () => {
  expect(bill("image").metadata).toMatchObject({
    timestamp: "1970-01-02T00:00:00.000Z",
    component: { type: "container", version: "1.2.3" },
  });
});
