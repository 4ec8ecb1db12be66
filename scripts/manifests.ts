/**
 * Writes `manifests/gateway` and `manifests/operator` from src/deploy; with `--check` it writes nothing and fails where
 * the folders differ from it.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { gatewayObjects, namespaceObject } from "../src/deploy/gateway.ts";
import type { ManifestObject } from "../src/deploy/manifest-object.ts";
import { operatorObjects } from "../src/deploy/operator.ts";
import { type GatewayOptions, imageOf, OPERATOR_NAMESPACE, SYSTEM_NAMESPACE } from "../src/deploy/options.ts";

const HEADER = "# Generated from src/deploy by scripts/manifests.ts. Do not edit.\n";

/** The folders that are written. */
const FOLDERS = ["gateway", "operator"] as const;

/** The namespace that the namespaced variant serves; whoever uses it names their own. */
const SERVED_NAMESPACE = "default";

const gateway: GatewayOptions = {
  namespace: SYSTEM_NAMESPACE,
  image: imageOf("", version),
  replicas: 1,
  logLevel: "info",
  peerLabels: {},
  ingress: { type: "LoadBalancer", annotations: {} },
};

/** @returns the files that `manifests` should have of these, by path. */
export function manifestFiles(): Map<string, string> {
  const namespaced = { ...gateway, watchNamespace: SERVED_NAMESPACE };
  return new Map([
    ...folderFiles("gateway", [namespaceObject(SYSTEM_NAMESPACE), ...gatewayObjects(gateway)]),
    ...folderFiles("gateway/namespaced", [namespaceObject(SYSTEM_NAMESPACE), ...gatewayObjects(namespaced)]),
    ...folderFiles("operator", [
      namespaceObject(OPERATOR_NAMESPACE),
      ...operatorObjects({ image: gateway.image, logLevel: gateway.logLevel }),
    ]),
  ]);
}

/** One file a subject, with all objects of it, and the kustomization that names the files. */
function folderFiles(folder: string, objects: readonly ManifestObject[]): [string, string][] {
  const byFile = new Map<string, ManifestObject[]>();
  for (const object of objects) {
    const file = fileOf(object);
    byFile.set(file, [...(byFile.get(file) ?? []), object]);
  }
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [...byFile.keys()],
  };
  return [
    [`${folder}/kustomization.yaml`, HEADER + yaml(kustomization)],
    ...[...byFile].map(([file, inFile]): [string, string] => [
      `${folder}/${file}`,
      HEADER + inFile.map((object) => yaml(object)).join("---\n"),
    ]),
  ];
}

function fileOf({ apiVersion, kind }: ManifestObject): string {
  return apiVersion.startsWith("rbac.") || kind === "ServiceAccount" ? "access.yaml" : `${kind.toLowerCase()}.yaml`;
}

/** Objects that stand in several places are written out in each, without YAML's anchors. */
function yaml(value: object): string {
  return `${Bun.YAML.stringify(JSON.parse(JSON.stringify(value)), null, 2)}\n`;
}

/** @returns the paths of the files that differ, are missing or should not be there; sorted. */
export async function drift(manifests: string): Promise<string[]> {
  const wanted = manifestFiles();
  const found = new Set<string>();
  for (const folder of FOLDERS) {
    const entries = await readdir(join(manifests, folder), { recursive: true }).catch(() => []);
    for (const entry of entries) if (entry.endsWith(".yaml")) found.add(join(folder, entry));
  }
  const differing = await Promise.all(
    [...wanted].map(async ([path, text]) =>
      found.has(path) && (await readFile(join(manifests, path), "utf8")) === text ? [] : [path],
    ),
  );
  return [...differing.flat(), ...[...found].filter((path) => !wanted.has(path))].sort();
}

async function main(check: boolean): Promise<void> {
  const manifests = join(import.meta.dir, "..", "manifests");
  const paths = await drift(manifests);
  if (check && paths.length > 0) {
    console.error(`manifests differs from src/deploy in ${paths.join(", ")}; run scripts/manifests.ts`);
    process.exitCode = 1;
  }
  if (check) return;
  const wanted = manifestFiles();
  for (const path of paths) {
    const text = wanted.get(path);
    await mkdir(dirname(join(manifests, path)), { recursive: true });
    if (text === undefined) await rm(join(manifests, path));
    else await writeFile(join(manifests, path), text);
    console.log(`${text === undefined ? "removed" : "wrote"} manifests/${path}`);
  }
}

if (import.meta.main) await main(process.argv.includes("--check"));
