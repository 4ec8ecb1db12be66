import type { Deadlines, Expiring } from "./deadlines.ts";
import type { RelaySocket, SocketUser } from "./socket.ts";

/** How long the other side may take to close its half, in milliseconds. */
const LINGER = 5_000;

/** Ends a socket in good order, and tears it down when the other side does not follow. */
export class ClosingSocket implements SocketUser, Expiring {
  constructor(
    private readonly socket: RelaySocket,
    private readonly deadlines: Deadlines,
  ) {
    socket.data = this;
    deadlines.set(this, LINGER);
    socket.end();
  }

  onData(): void {}
  onDrain(): void {}
  onEnd(): void {}

  onClose(): void {
    this.deadlines.clear(this);
  }

  onExpired(): void {
    this.socket.terminate();
  }
}
