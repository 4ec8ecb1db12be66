/** One archive is an OCI image layout and a `docker save` archive at once, and both name the same blobs. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../packaging/digest.ts";
import { imageArchive } from "../../packaging/image-archive.ts";
import { dockerfile, imageConfig } from "../../packaging/image-config.ts";
import { tar } from "../../packaging/tar.ts";
import { requires } from "../requires.ts";

const stamp = { version: "1.2.3", commit: "abc", epoch: 86_400 };
const layers = ["one", "two"].map((path) =>
  tar([{ kind: "file", path, data: new TextEncoder().encode(path), mode: 0o644 }]),
);
const archive = () => imageArchive("clusterlink", "1.2.3", layers, (digests) => imageConfig("arm64", stamp, digests));

async function unpacked<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-oci-"));
  try {
    await Bun.write(join(folder, "image.tar"), archive());
    expect(Bun.spawnSync(["tar", "-xf", "image.tar"], { cwd: folder }).exitCode).toBe(0);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every blob's name is its digest, and index, manifest and docker's list name blobs that are there", () =>
  unpacked(async (folder) => {
    const blobs = [...new Bun.Glob("blobs/sha256/*").scanSync({ cwd: folder })];
    for (const path of blobs) expect(path).toEndWith(sha256(await Bun.file(join(folder, path)).bytes()));
    const index = await Bun.file(join(folder, "index.json")).json();
    const at = (digest: string) => join("blobs", digest.replace(":", "/"));
    const manifest = await Bun.file(join(folder, at(index.manifests[0].digest))).json();
    const [saved] = await Bun.file(join(folder, "manifest.json")).json();
    expect(saved.Config).toBe(at(manifest.config.digest));
    expect(saved.Layers).toEqual(manifest.layers.map((layer: { digest: string }) => at(layer.digest)));
    expect(blobs.sort()).toEqual([at(index.manifests[0].digest), saved.Config, ...saved.Layers].sort());
    const config = await Bun.file(join(folder, saved.Config)).json();
    expect(config.rootfs.diff_ids).toEqual(manifest.layers.map((layer: { digest: string }) => layer.digest));
  }));

test("two archives of the same layers are equal", () => {
  expect(sha256(archive())).toBe(sha256(archive()));
});

test("containers run as nobody's user, with the gateway as their command and a probe", () => {
  const { config } = imageConfig("x64", stamp, []) as { config: Record<string, unknown> };
  expect(config).toMatchObject({
    User: "65532:65532",
    Entrypoint: ["/usr/bin/clusterlink"],
    Cmd: ["gateway"],
    ExposedPorts: { "8443/tcp": {} },
    Healthcheck: { Test: ["CMD", "/usr/bin/clusterlink", "status", "--ready"] },
  });
});

test("the Dockerfile says the same and names no other image", () => {
  const text = dockerfile(stamp);
  expect(text).toStartWith("FROM scratch\n");
  expect(text).toContain("USER 65532:65532\n");
  expect(text).toContain('CMD ["/usr/bin/clusterlink","status","--ready"]\n');
  expect(text.match(/^(FROM|RUN|ADD)\b/gm)).toEqual(["FROM"]);
});

const skopeo = requires("skopeo");

test.skipIf(skopeo.skip).each(["oci-archive", "docker-archive"])(
  `skopeo reads it as %s ${skopeo.reason}`,
  (transport) =>
    unpacked(async (folder) => {
      const read = Bun.spawnSync(["skopeo", "inspect", "--config", `${transport}:${join(folder, "image.tar")}`]);
      expect(read.stderr.toString()).toBe("");
      expect(JSON.parse(read.stdout.toString())).toMatchObject({ architecture: "arm64", os: "linux" });
    }),
);
