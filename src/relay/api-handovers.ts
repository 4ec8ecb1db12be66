import { ApiHandover } from "./api-handover.ts";
import type { DialContext } from "./dial.ts";
import type { RelaySocket } from "./socket.ts";

/** Connections that the control API may have through the peer port of this relay: half of what strangers may. */
export const MAX_HANDOVERS = 128;

/**
 * The connections that have been handed over to the control API. They have a bound of their own: whoever fills it keeps
 * others from the API, and no peer from the peer port.
 */
export class ApiHandovers {
  readonly #all = new Set<ApiHandover>();

  constructor(private readonly context: DialContext) {}

  get size(): number {
    return this.#all.size;
  }

  /** Makes room, where there is none, by ending one that was refused and does not leave. @returns whether there is. */
  admit(): boolean {
    if (this.#all.size < MAX_HANDOVERS) return true;
    for (const handover of this.#all) {
      if (!handover.refused) continue;
      handover.end();
      return true;
    }
    return false;
  }

  /** Hands a connection over that has been admitted, with what has been read of it; calls `onGone` when it is over. */
  add(socket: RelaySocket, path: string, read: Uint8Array[], onGone: () => void): void {
    const handover = new ApiHandover(this.context, socket, path, read, () => {
      this.#all.delete(handover);
      onGone();
    });
    this.#all.add(handover);
  }
}
