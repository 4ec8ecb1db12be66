import type { Deadlines, Expiring } from "./deadlines.ts";
import type { RelaySocket, SocketUser } from "./socket.ts";

/** A connection whose client nobody knows yet. What it says meanwhile is kept: at most a read or two, then it is paused. */
class Arrival implements SocketUser, Expiring {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;

  constructor(
    readonly socket: RelaySocket,
    readonly address: string,
    private readonly start: () => void,
    private readonly leave: (arrival: Arrival) => void,
  ) {
    socket.data = this;
  }

  /** Lets the connection begin, and tells its new user what has come so far. */
  begin(): void {
    const { socket } = this;
    this.leave(this);
    // Before the new user may pause it again.
    socket.resume();
    this.start();
    for (const chunk of this.#chunks) socket.data.onData(socket, chunk);
    if (this.#ended) socket.data.onEnd(socket);
  }

  onData(socket: RelaySocket, chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    socket.pause();
    return false;
  }

  onDrain(): void {}

  onEnd(): void {
    this.#ended = true;
  }

  onClose(): void {
    this.leave(this);
  }

  onExpired(): void {
    this.begin();
  }
}

/**
 * Connections that wait until it is known who their client is: a new pod may connect before the watch has told of it.
 * Whoever is not found in time begins as an unidentified client.
 */
export class Arrivals {
  readonly #waiting = new Set<Arrival>();

  constructor(private readonly context: { readonly deadlines: Deadlines }) {}

  /** Calls `start`, which gives the socket a new user, once `address` is known, and after `timeout` ms at the latest. */
  hold(socket: RelaySocket, address: string, timeout: number, start: () => void): void {
    const arrival = new Arrival(socket, address, start, (gone) => {
      this.#waiting.delete(gone);
      this.context.deadlines.clear(gone);
    });
    this.#waiting.add(arrival);
    this.context.deadlines.set(arrival, timeout);
  }

  /** More clients are known: lets those begin that are among them. */
  review(isKnown: (address: string) => boolean): void {
    for (const arrival of [...this.#waiting]) if (isKnown(arrival.address)) arrival.begin();
  }
}
