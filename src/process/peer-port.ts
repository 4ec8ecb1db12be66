/** Whether the peer port is another gateway's: sharing it by SO_REUSEPORT would give each a part of the connections. */
import type { GatewayAddress } from "../snapshot/tables.ts";

/** Between two looks. Milliseconds. */
const LOOK_INTERVAL = 100;

/**
 * Looks whether a program of this user listens there already and lets others share the port, as relays do. The kernel
 * would let ours join in silence. A port that cannot be had at all is no concern of this: relays say so, and try again.
 *
 * @param patience how long the relays of a gateway that was killed may take to end, milliseconds.
 */
export async function isAnotherGateways({ host, port }: GatewayAddress, patience: number): Promise<boolean> {
  const end = Date.now() + patience;
  while (!canListen(host, port, false) && canListen(host, port, true)) {
    if (Date.now() >= end) return true;
    await Bun.sleep(LOOK_INTERVAL);
  }
  return false;
}

function canListen(hostname: string, port: number, reusePort: boolean): boolean {
  const options: ListenOptions = { hostname, port, reusePort, socket: { data: ignore } };
  try {
    Bun.listen(options).stop(true);
    return true;
  } catch {
    return false;
  }
}

function ignore(): void {
  // Nobody is to be talked to here.
}

/** Bun's types miss `reusePort` on listeners. */
type ListenOptions = Bun.TCPSocketListenOptions<undefined> & { reusePort: boolean };
