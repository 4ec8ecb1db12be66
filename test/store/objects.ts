import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExportResource, ImportResource, KindName, PeerResource } from "../../src/resources/kinds.ts";
import { API_VERSION, type ObjectMeta } from "../../src/resources/meta.ts";
import { type StandaloneOptions, StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import type { WatchEvent } from "../../src/store/store.ts";

export const GATEWAY_NAMESPACE = "clusterlink-system";

export function metadata(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  return { name, namespace: "default", uid: "", resourceVersion: "", generation: 0, creationTimestamp: "", ...more };
}

export function anExport(name: string, more: Partial<ObjectMeta> = {}, port = 80): ExportResource {
  return { apiVersion: API_VERSION, kind: "Export", metadata: metadata(name, more), spec: { host: "127.0.0.1", port } };
}

export function anImport(name: string, more: Partial<ObjectMeta> = {}): ImportResource {
  const sources = [{ peer: "east", exportName: name, exportNamespace: "default" }];
  return {
    apiVersion: API_VERSION,
    kind: "Import",
    metadata: metadata(name, more),
    spec: { port: 80, sources, lbScheme: "round-robin" },
  };
}

export function aPeer(name: string): PeerResource {
  const spec = { gateways: [{ host: "192.0.2.1", port: 8443 }] };
  return { apiVersion: API_VERSION, kind: "Peer", metadata: metadata(name, { namespace: GATEWAY_NAMESPACE }), spec };
}

/** A folder of its own, in memory where the system has that (the disk's speed is not what is tested), removed by `dispose`. */
export function temporaryFolder(): { path: string; dispose: () => void } {
  const path = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "clusterlink-store-"));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

export function openStore(directory: string, more: Partial<StandaloneOptions> = {}): StandaloneStore {
  return new StandaloneStore({ directory, namespace: GATEWAY_NAMESPACE, ...more });
}

/** What an event says, in one line: `ADDED default/a`. */
export function line(event: WatchEvent<KindName>): string {
  if (event.type === "BOOKMARK") return `BOOKMARK ${event.resourceVersion}`;
  return `${event.type} ${event.object.metadata.namespace}/${event.object.metadata.name}`;
}

export async function take<K extends KindName>(
  events: AsyncIterable<WatchEvent<K>>,
  count: number,
): Promise<WatchEvent<K>[]> {
  const taken: WatchEvent<K>[] = [];
  if (count === 0) return taken;
  for await (const event of events) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

export function withLabels<T extends { metadata: ObjectMeta }>(object: T, labels: Record<string, string>): T {
  return { ...object, metadata: { ...object.metadata, labels } };
}
