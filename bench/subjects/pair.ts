/** Two proxies of one kind, one behind the other. */

import { freePort } from "../../test/free-port.ts";
import { type Addresses, EXPORTING, IMPORTING, type Lab, type Service } from "../lab.ts";
import { type Address, LOOPBACK } from "../ports.ts";
import { until } from "../waiting.ts";
import { type Commands, type Running, runningChildren } from "./subject.ts";

/** Starts both proxies with a route for each service, and waits until every entry accepts connections. */
export async function startPair(name: string, lab: Lab, commands: Commands): Promise<Running> {
  const at = (host: string): Address => ({ host, port: freePort() });
  const { [IMPORTING]: near, [EXPORTING]: far } = lab.places;
  const services = Object.entries(lab.backends) as [Service, Address][];
  const routes = services.map(([service, backend]) => ({
    service,
    entry: at(LOOPBACK),
    between: at(far.host),
    backend,
  }));
  const children = ([EXPORTING, IMPORTING] as const).flatMap((site) =>
    commands(site, routes, lab).map((command) =>
      lab.children.start(`${name}-${site}`, lab.places[site].within(command)),
    ),
  );
  const entries: Addresses = Object.fromEntries(routes.map(({ service, entry }) => [service, entry]));
  const running = runningChildren(lab, entries, children);
  try {
    for (const { entry, between } of routes) {
      await until(`${name} listens`, async () => {
        for (const child of children) lab.children.expectRunning(child);
        return (await far.accepts(between)) && (await near.accepts(entry));
      });
    }
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}
