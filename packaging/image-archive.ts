/**
 * Puts an image into one archive that every engine loads: an OCI image layout (OCI image specification 1.1,
 * `image-layout.md`) with the `manifest.json` of `docker save` beside it, naming the same blobs.
 */
import { sha256 } from "./digest.ts";
import { type TarEntry, tar } from "./tar.ts";

const MEDIA = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
};

const encoder = new TextEncoder();

interface Blob {
  readonly digest: string;
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * Writes the archive. Layers stay uncompressed: whoever stores or pushes the archive compresses it as a whole.
 *
 * @param name - the repository's name that engines know the image by, as `clusterlink`.
 * @param tag - its tag.
 * @param layers - tar archives, lowest first.
 * @param config - makes the configuration from the layers' digests.
 */
export function imageArchive(
  name: string,
  tag: string,
  layers: readonly Uint8Array[],
  config: (digests: readonly string[]) => object,
): Uint8Array {
  const layerBlobs = layers.map(blob);
  const configBlob = jsonBlob(config(layerBlobs.map((layer) => layer.digest)));
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: descriptor(MEDIA.config, configBlob),
    layers: layerBlobs.map((layer) => descriptor(MEDIA.layer, layer)),
  });
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      {
        ...descriptor(MEDIA.manifest, manifest),
        annotations: {
          "io.containerd.image.name": `docker.io/library/${name}:${tag}`,
          "org.opencontainers.image.ref.name": tag,
        },
      },
    ],
  };
  const saved = [
    { Config: configBlob.path, RepoTags: [`${name}:${tag}`], Layers: layerBlobs.map((layer) => layer.path) },
  ];
  const blobs = new Map([...layerBlobs, configBlob, manifest].map((item) => [item.path, item.data]));
  return tar([
    { kind: "directory", path: "blobs", mode: 0o755 },
    { kind: "directory", path: "blobs/sha256", mode: 0o755 },
    ...[...blobs].map(([path, data]): TarEntry => ({ kind: "file", path, data, mode: 0o644 })),
    jsonFile("oci-layout", { imageLayoutVersion: "1.0.0" }),
    jsonFile("index.json", index),
    jsonFile("manifest.json", saved),
  ]);
}

function blob(data: Uint8Array): Blob {
  const digest = sha256(data);
  return { digest: `sha256:${digest}`, path: `blobs/sha256/${digest}`, data };
}

function jsonBlob(value: object): Blob {
  return blob(encoder.encode(JSON.stringify(value)));
}

function jsonFile(path: string, value: object): TarEntry {
  return { kind: "file", path, data: encoder.encode(JSON.stringify(value)), mode: 0o644 };
}

function descriptor(mediaType: string, item: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: item.digest, size: item.data.length };
}
