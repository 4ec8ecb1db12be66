/** One gateway of ours, with its resources in a folder of manifests. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "./children.ts";
import { EXPORTING, type Lab, type Site } from "./lab.ts";
import { formatAddress } from "./ports.ts";

/** A resource as a manifest holds it. */
export type Manifest = Readonly<Record<string, unknown>>;

export interface GatewaySetting {
  readonly executable: string;
  readonly site: Site;
  /** Where other gateways reach it. */
  readonly port: number;
  readonly importAddress: string;
  readonly manifests: readonly Manifest[];
  /** More flags, where the defaults are not what is measured. */
  readonly flags?: readonly string[];
}

/** A gateway that has been started; it may not be ready yet. */
export interface Gateway {
  readonly child: Child;
  /** Of its control API. */
  readonly socket: string;
}

/** Starts a gateway with an empty store. */
export function startGateway(name: string, lab: Lab, setting: GatewaySetting): Gateway {
  const { executable, site, port, importAddress, flags = [] } = setting;
  const place = lab.places[site];
  const folder = lab.folder(name);
  const manifests = join(folder, "manifests");
  const state = join(folder, "state");
  mkdirSync(manifests);
  writeManifests(join(manifests, "bench.yaml"), setting.manifests);
  const { ca, cert, key } = lab.certificates[site];
  const words = Object.entries({
    "--ca": ca,
    "--cert": cert,
    "--key": key,
    "--state": state,
    "--manifests": manifests,
    "--listen": formatAddress({ host: place.host, port }),
    "--import-address": importAddress,
  }).flat();
  const child = lab.children.start(`${name}-${site}`, place.within([executable, "gateway", ...words, ...flags]));
  return { child, socket: join(state, "api.sock") };
}

/** @returns whether the gateway says that it is ready. */
export async function isReady({ socket }: Gateway): Promise<boolean> {
  try {
    const response = await fetch("http://site/readyz", { unix: socket });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Writes a file of several documents. */
export function writeManifests(file: string, manifests: readonly Manifest[]): void {
  writeFileSync(file, manifests.map((one) => Bun.YAML.stringify(one)).join("\n---\n"));
}

/** @returns a resource of the namespace `default`. */
export function manifest(kind: string, name: string, spec: object, namespace = "default"): Manifest {
  return { apiVersion: "clusterlink.net/v1alpha1", kind, metadata: { name, namespace }, spec };
}

/** @returns the exporting site, as the importing one knows it. */
export function exportingPeer(host: string, port: number): Manifest {
  return manifest("Peer", EXPORTING, { gateways: [{ host, port }] }, "clusterlink-system");
}

/** @returns an Import of what the exporting site exports under that name. */
export function importOf(exportName: string, port: number, name = exportName): Manifest {
  return manifest("Import", name, { port, sources: [{ peer: EXPORTING, exportName, exportNamespace: "default" }] });
}

const EVERYTHING = [{ workloadSelector: {} }];
export const ALLOW_ALL = manifest("AccessPolicy", "allow-all", { action: "allow", from: EVERYTHING, to: EVERYTHING });
