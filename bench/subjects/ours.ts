import { freePort } from "../../test/free-port.ts";
import { ALLOW_ALL, exportingPeer, importOf, isReady, manifest, startGateway } from "../gateway.ts";
import { type Addresses, EXPORTING, IMPORTING, type Lab, type Service, type Site } from "../lab.ts";
import { type Address, LOOPBACK } from "../ports.ts";
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
    executable,
    start: (lab) => startGateways(name, executable, lab),
  };
}

/**
 * Starts both gateways, and waits until both are ready and every Import accepts connections.
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
  const manifests = {
    [EXPORTING]: routes.map(({ service, backend }) => manifest("Export", service, { ...backend })),
    [IMPORTING]: [
      exportingPeer(lab.places[EXPORTING].host, ports[EXPORTING]),
      ...routes.map(({ service, entry }) => importOf(service, entry.port)),
    ],
  };
  const gateway = (site: Site) => {
    const setting = { executable, site, port: ports[site], importAddress: LOOPBACK, flags };
    return startGateway(name, lab, { ...setting, manifests: [ALLOW_ALL, ...manifests[site]] });
  };
  const gateways = [gateway(EXPORTING), gateway(IMPORTING)];
  const children = gateways.map(({ child }) => child);
  const entries: Addresses = Object.fromEntries(routes.map(({ service, entry }) => [service, entry]));
  const running = runningChildren(lab, entries, children);
  try {
    // An Import listens before the far side can answer for it.
    for (const one of gateways) {
      await until(`${name} is ready`, () => {
        lab.children.expectRunning(one.child);
        return isReady(one);
      });
    }
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
