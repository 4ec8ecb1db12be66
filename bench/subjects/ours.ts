import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Addresses, EXPORTING, IMPORTING, type Lab, type Service, type Site } from "../lab.ts";
import { type Address, formatAddress, freePort, LOOPBACK } from "../ports.ts";
import { versionOf } from "../programs.ts";
import { until } from "../waiting.ts";
import { type Running, runningChildren, type Subject } from "./subject.ts";

/**
 * Two gateways with default settings, each a supervisor with its control and its relays; applications enter on the
 * loopback interface. Every service is an Export on one side and an Import on the other, and one policy allows everything.
 */
export function ours(name: string, role: "ours" | "before", executable: string): Subject {
  return {
    name,
    role,
    version: versionOf(executable, "version"),
    start: (lab) => startGateways(name, executable, lab),
  };
}

/**
 * Starts both gateways, and waits until every Import accepts connections.
 * @param flags - more flags for both, where the defaults are not what is measured
 */
export async function startGateways(
  name: string,
  executable: string,
  lab: Lab,
  flags: readonly string[] = [],
): Promise<Running> {
  const services = Object.entries(lab.backends) as [Service, Address][];
  const routes = services.map(([service, backend]) => ({
    service,
    backend,
    entry: { host: LOOPBACK, port: freePort() },
  }));
  const ports = { [IMPORTING]: freePort(), [EXPORTING]: freePort() };
  const objects = {
    [EXPORTING]: routes.map(({ service, backend }) => object("Export", service, { ...backend })),
    [IMPORTING]: [
      {
        ...object("Peer", EXPORTING, { gateways: [{ host: lab.places[EXPORTING].host, port: ports[EXPORTING] }] }),
        ...GATEWAYS,
      },
      ...routes.map(({ service, entry }) =>
        object("Import", service, { port: entry.port, sources: [source(service)] }),
      ),
    ],
  };
  const gateway = (site: Site) => {
    const place = lab.places[site];
    const folder = lab.folder(name);
    const manifests = join(folder, "manifests");
    mkdirSync(manifests);
    const documents = [ALLOW_ALL, ...objects[site]].map((one) => Bun.YAML.stringify(one));
    writeFileSync(join(manifests, "bench.yaml"), documents.join("\n---\n"));
    const { ca, cert, key } = lab.certificates[site];
    const files = [
      "--ca",
      ca,
      "--cert",
      cert,
      "--key",
      key,
      "--state",
      join(folder, "state"),
      "--manifests",
      manifests,
    ];
    const listeners = [
      "--listen",
      formatAddress({ host: place.host, port: ports[site] }),
      "--import-address",
      LOOPBACK,
    ];
    return lab.children.start(
      `${name}-${site}`,
      place.within([executable, "gateway", ...files, ...listeners, ...flags]),
    );
  };
  const children = [gateway(EXPORTING), gateway(IMPORTING)];
  const entries: Addresses = Object.fromEntries(routes.map(({ service, entry }) => [service, entry]));
  const running = runningChildren(lab, entries, children);
  try {
    for (const { entry } of routes) {
      await until(`${name} carries traffic`, () => {
        for (const child of children) lab.children.expectRunning(child);
        return lab.places[IMPORTING].accepts(entry);
      });
    }
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

function object(kind: string, name: string, spec: object) {
  return { apiVersion: "clusterlink.net/v1alpha1", kind, metadata: { name, namespace: "default" }, spec };
}

const GATEWAYS = { metadata: { name: EXPORTING, namespace: "clusterlink-system" } };

const source = (exportName: string) => ({ peer: EXPORTING, exportName, exportNamespace: "default" });

const EVERYTHING = [{ workloadSelector: {} }];
const ALLOW_ALL = object("AccessPolicy", "allow-all", { action: "allow", from: EVERYTHING, to: EVERYTHING });
