import { formatHostPort } from "../resources/address.ts";
import type { ConnectionReport } from "../snapshot/messages.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import type { LiveConnection, LiveConnections } from "./live.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";

/**
 * A connection whose client nobody knows yet. What it says meanwhile is kept: at most a read or two, then it is paused. It
 * has been accepted, so a relay that drains waits for it as for any other.
 */
class Arrival implements SocketUser, Expiring, LiveConnection {
  readonly #chunks: Uint8Array[] = [];
  readonly #since = Date.now();
  #ended = false;

  constructor(
    readonly socket: RelaySocket,
    private readonly importKey: string,
    readonly address: string,
    private readonly start: () => void,
    private readonly leave: (arrival: Arrival) => void,
  ) {
    socket.data = this;
  }

  /** Lets the connection begin, and tells its new user what has come so far. */
  begin(): void {
    const { socket } = this;
    // Before the new user may pause it again.
    socket.resume();
    this.start();
    // Not before it counts as what it has become.
    this.leave(this);
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

  /** It is decided about when it begins. */
  judge(): undefined {}

  keepAlive(): void {}

  cut(): void {
    this.leave(this);
    this.socket.data = NOBODY;
    this.socket.terminate();
  }

  report(): ConnectionReport {
    const { importKey, address, socket } = this;
    const id = formatHostPort(address, socket.remotePort);
    const bytesIn = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return {
      id,
      side: "client",
      import: importKey,
      peer: "",
      client: id,
      attributes: {},
      policy: "",
      since: this.#since,
      bytesIn,
      bytesOut: 0,
    };
  }
}

/**
 * Connections that wait until it is known who their client is: a new pod may connect before the watch has told of it.
 * Whoever is not found in time begins as an unidentified client.
 */
export class Arrivals {
  readonly #waiting = new Set<Arrival>();

  constructor(private readonly context: { readonly deadlines: Deadlines; readonly live: LiveConnections }) {}

  /** Calls `start`, which gives the socket a new user, once `address` is known, and after `timeout` ms at the latest. */
  hold(socket: RelaySocket, importKey: string, address: string, timeout: number, start: () => void): void {
    const { deadlines, live } = this.context;
    const arrival = new Arrival(socket, importKey, address, start, (gone) => {
      this.#waiting.delete(gone);
      deadlines.clear(gone);
      live.delete(gone);
    });
    this.#waiting.add(arrival);
    deadlines.set(arrival, timeout);
    live.add(arrival);
  }

  /** More clients are known: lets those begin that are among them. */
  review(isKnown: (address: string) => boolean): void {
    for (const arrival of [...this.#waiting]) if (isKnown(arrival.address)) arrival.begin();
  }
}
