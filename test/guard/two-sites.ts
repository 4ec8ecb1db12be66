/** Two whole gateways with an echo service between, warmed up. */
import { freePort } from "../free-port.ts";
import { allowAll, exported, type Gateway, imported, object, peer, until, World } from "../gateway/gateway.ts";
import { service } from "../relay/sockets.ts";
import { connections, largeMessages, open, requests } from "./loads.ts";

export interface TwoSites {
  /** Where applications enter. */
  readonly port: number;
  readonly importing: Gateway;
  readonly exporting: Gateway;
  remove(): Promise<void>;
}

/** @param way - makes a way to the exporting gateway's port that the importing one takes instead; returns its port */
export async function startTwoSites(way: (port: number) => number = (port) => port): Promise<TwoSites> {
  const world = await World.create();
  const port = freePort();
  const echo = await service((socket) => socket.setNoDelay(true).pipe(socket));
  const [importing, exporting] = await Promise.all([world.start("importing"), world.start("exporting")]);
  await exporting.apply(peer(importing), exported("echo", echo), allowAll);
  const gateways = [{ host: "127.0.0.1", port: way(exporting.port) }];
  const far = object("Peer", { name: exporting.name, namespace: "clusterlink-system" }, { gateways });
  await importing.apply(far, imported("echo", port, "exporting"), allowAll);
  await until(
    () =>
      connections(port, 1).then(
        () => true,
        () => false,
      ),
    "the echo service answers",
  );
  await connections(port, 50);
  const socket = await open(port);
  await requests(socket, 100);
  await largeMessages(socket, 20);
  socket.destroy();
  return { port, importing, exporting, remove: () => world.remove() };
}

/** @returns the process ids of the gateway's relays. */
export function relaysOf(gateway: Gateway): number[] {
  return gateway.processes().flatMap(({ pid, role }) => (role.startsWith("relay") ? [pid] : []));
}
