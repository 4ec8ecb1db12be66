import type { TCPSocketListener, TCPSocketListenOptions } from "bun";
import type { RelayContext } from "./context.ts";
import { ListenError } from "./errors.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";

/**
 * Listens on a port that all relays share. Above the bound on descriptors a connection is accepted and torn down at
 * once: one that is not accepted would be offered again and again. `onAccept` may rely on the address of the other side.
 *
 * @param address - without brackets; `::` is both families, and `0.0.0.0` is used where the host has no IPv6.
 * @throws ListenError
 */
export function listen(
  address: string,
  port: number,
  context: Pick<RelayContext, "descriptors" | "handlers" | "metrics">,
  onAccept: (socket: RelaySocket) => void,
): TCPSocketListener<SocketUser> {
  const socket = {
    ...context.handlers,
    open(accepted: RelaySocket) {
      accepted.data = NOBODY;
      const { available } = context.descriptors;
      context.descriptors.take();
      if (isGone(accepted)) {
        accepted.terminate();
        return;
      }
      if (available) {
        onAccept(accepted);
        return;
      }
      context.metrics.refusedAccept("descriptors");
      accepted.terminate();
    },
  };
  const bind = (hostname: string) => {
    const options: SharedListenOptions = { hostname, port, reusePort: true, allowHalfOpen: true, data: NOBODY, socket };
    return Bun.listen<SocketUser>(options);
  };
  try {
    try {
      return bind(address);
    } catch (error) {
      if (address !== "::" || !isMissingFamily(error)) throw error;
      return bind("0.0.0.0");
    }
  } catch (error) {
    throw new ListenError(address, port, error);
  }
}

/**
 * Whether the other side has reset the connection before it was accepted: nobody can tell any more whose it was. Bun keeps
 * an address that was asked for once, so that later it is there, whatever happens.
 */
function isGone({ remoteAddress }: { remoteAddress: string | undefined }): boolean {
  return remoteAddress === undefined;
}

/** Bun's types miss `reusePort` on listeners. */
type SharedListenOptions = TCPSocketListenOptions<SocketUser> & { reusePort: boolean };

function isMissingFamily(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";
}
