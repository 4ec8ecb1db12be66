import type { Deadlines, Expiring } from "./deadlines.ts";
import type { RelaySocket, SocketUser } from "./socket.ts";

/** How long the other side may take to close its half, in milliseconds. */
const LINGER = 5_000;

/** What is still to be written before the end. */
export interface Rest {
  /** Goes on writing. @returns whether everything has been taken. */
  flush(): boolean;
}

/**
 * Ends a socket in good order, after the rest if there is any, and tears it down when the other side does not follow. It
 * shuts its half down: after Bun's `end`, a TLS socket could not be torn down any more.
 */
export class ClosingSocket implements SocketUser, Expiring {
  constructor(
    private readonly socket: RelaySocket,
    private readonly deadlines: Deadlines,
    private rest?: Rest,
  ) {
    socket.data = this;
    deadlines.set(this, LINGER);
    if (rest === undefined) socket.shutdown();
  }

  onDrain(): void {
    if (!this.rest?.flush()) return;
    this.rest = undefined;
    this.socket.shutdown();
  }

  onData(): boolean {
    return true;
  }

  onEnd(): void {}

  onClose(): void {
    this.deadlines.clear(this);
  }

  onExpired(): void {
    this.socket.terminate();
  }
}
