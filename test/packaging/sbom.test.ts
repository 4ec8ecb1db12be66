/** The bill of materials lists what an artefact is made of, and nothing that only built it. */
import { expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import type { PackageLock } from "../../packaging/bun-runtime.ts";
import { billOfMaterials } from "../../packaging/sbom.ts";

const stamp = { version: "1.2.3", commit: "abc", epoch: 86_400 };

interface Bill {
  metadata: { timestamp: string; component: { type: string; version: string } };
  components: { name: string; version: string; purl: string; hashes?: { alg: string; content: string }[] }[];
}

const bill = (kind: "executable" | "image") =>
  billOfMaterials(lock as PackageLock, stamp, { os: "linux", arch: "arm64" }, kind) as Bill;

test("every dependency and Bun are listed with version and digest", () => {
  const { components } = bill("executable");
  for (const [name, version] of [...Object.entries(manifest.dependencies), ["bun", manifest.devDependencies.bun]]) {
    const found = components.find((component) => component.name === name);
    expect(found?.version).toBe(version);
    expect(found?.hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
  }
});

test("tools of development are not", () => {
  const names = bill("image").components.map((component) => component.name);
  for (const name of ["typescript", "@biomejs/biome", "fast-check", "@types/bun"]) expect(names).not.toContain(name);
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
