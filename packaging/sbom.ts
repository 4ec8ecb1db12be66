/** The bill of materials (CycloneDX 1.6, JSON): everything that an executable or an image is made of. */
import type { PackageLock } from "./bun-runtime.ts";
import { type ImageBase, imageBase } from "./debian.ts";
import type { Stamp } from "./stamp.ts";
import { type Target, targetName } from "./target.ts";

/** One part, as CycloneDX has it. */
interface Component {
  readonly type: "library" | "framework" | "platform" | "data";
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly { readonly license: { readonly id: string } }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

/**
 * Builds the bill of materials.
 *
 * @param lock - package-lock.json, for versions and digests.
 * @param bundled - the folders of the npm packages whose code is in the executable.
 * @param kind - an image also lists the Debian packages that it takes files from.
 */
export function billOfMaterials(
  lock: PackageLock,
  bundled: ReadonlySet<string>,
  stamp: Stamp,
  target: Target,
  kind: "executable" | "image",
): object {
  const components = [
    ...npmComponents(lock, bundled),
    ...(kind === "image" ? debianComponents(imageBase(target.arch), target) : []),
  ];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(stamp.epoch * 1000).toISOString(),
      component: {
        type: kind === "image" ? "container" : "application",
        name: "clusterlink",
        version: stamp.version,
        licenses: [{ license: { id: "Apache-2.0" } }],
        properties: [
          { name: "clusterlink:commit", value: stamp.commit },
          { name: "clusterlink:target", value: targetName(target) },
        ],
      },
    },
    components: components.sort((a, b) => (a.purl < b.purl ? -1 : 1)),
  };
}

function npmComponents(lock: PackageLock, bundled: ReadonlySet<string>): Component[] {
  const marker = "node_modules/";
  return Object.entries(lock.packages)
    .filter(([path]) => bundled.has(path) || path === `${marker}bun`)
    .map(([path, item]) => {
      const name = path.slice(path.lastIndexOf(marker) + marker.length);
      const version = item.version ?? "";
      return {
        type: name === "bun" ? "platform" : "library",
        name,
        version,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        ...(item.license ? { licenses: [{ license: { id: item.license } }] } : {}),
        ...(item.integrity?.startsWith("sha512-")
          ? { hashes: [{ alg: "SHA-512", content: Buffer.from(item.integrity.slice(7), "base64").toString("hex") }] }
          : {}),
      };
    });
}

function debianComponents(base: ImageBase, target: Target): Component[] {
  return Object.entries(base.packages).map(([name, item]) => ({
    type: name === "ca-certificates" ? "data" : "library",
    name,
    version: item.version,
    purl: `pkg:deb/debian/${name}@${encodeURIComponent(item.version)}?arch=${architecture(name, target)}`,
    hashes: [{ alg: "SHA-256", content: item.sha256 }],
  }));
}

function architecture(name: string, target: Target): string {
  if (name === "ca-certificates") return "all";
  return target.arch === "x64" ? "amd64" : "arm64";
}
