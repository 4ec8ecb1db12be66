import type { TCPSocketListener } from "bun";
import { canonicalAddress } from "../resources/address.ts";
import type { ListenerFailure } from "../snapshot/messages.ts";
import type { ImportEntry } from "../snapshot/tables.ts";
import { Arrivals } from "./arrivals.ts";
import { ClientConnection } from "./client-connection.ts";
import type { RelayContext } from "./context.ts";
import { ListenError } from "./errors.ts";
import { listen } from "./listen.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";

interface Bound {
  address: string;
  port: number;
  listener: TCPSocketListener<SocketUser>;
}

/** The listeners of the Imports, one each, kept equal to the snapshot's. */
export class ImportPorts {
  readonly #bound = new Map<string, Bound>();
  readonly #failures = new Map<string, ListenerFailure>();
  readonly #arrivals: Arrivals;
  #closed = false;

  constructor(private readonly context: RelayContext) {
    this.#arrivals = new Arrivals(context);
  }

  get failures(): ListenerFailure[] {
    return [...this.#failures.values()];
  }

  /** Binds what is new, frees what is gone, and tries again what failed. A changed port cuts no connection. */
  update(imports: Record<string, ImportEntry>): void {
    if (this.#closed) return;
    for (const [key, bound] of this.#bound) {
      const wanted = imports[key]?.listen;
      if (wanted?.address === bound.address && wanted.port === bound.port) continue;
      bound.listener.stop();
      this.#bound.delete(key);
    }
    this.#failures.clear();
    for (const [key, entry] of Object.entries(imports)) {
      if (entry.listen !== undefined && !this.#bound.has(key)) this.#bind(key, entry.listen);
    }
  }

  /** Tries again to bind what could not be bound. @returns whether anything was. */
  retry(imports: Record<string, ImportEntry>): boolean {
    const before = this.#failures.size;
    if (before > 0) this.update(imports);
    return this.#failures.size < before;
  }

  /** More clients may be known than before: who waits for being known may begin. */
  reviewArrivals(): void {
    this.#arrivals.review((address) => this.context.state.client(address) !== undefined);
  }

  /** Takes no new connections, now or later. */
  close(): void {
    this.#closed = true;
    for (const { listener } of this.#bound.values()) listener.stop();
    this.#bound.clear();
  }

  #bind(key: string, { address, port }: { address: string; port: number }): void {
    try {
      const listener = listen(address, port, this.context, (socket) => this.#onAccept(key, socket));
      this.#bound.set(key, { address, port, listener });
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      this.#failures.set(key, { key, port, code: error.errno, message: error.message });
    }
  }

  #onAccept(key: string, socket: RelaySocket): void {
    const { state } = this.context;
    const entry = state.import(key);
    const wait = state.site.identityWait ?? 0;
    if (entry !== undefined && wait > 0 && state.policies.dependsOnClient(entry.namespace)) {
      const address = canonicalAddress(socket.remoteAddress) ?? socket.remoteAddress;
      if (state.client(address) === undefined) {
        this.#arrivals.hold(socket, key, address, wait, () => this.#begin(key, socket));
        return;
      }
    }
    this.#begin(key, socket);
  }

  #begin(key: string, socket: RelaySocket): void {
    const entry = this.context.state.import(key);
    if (entry !== undefined) {
      new ClientConnection(this.context, entry, socket);
      return;
    }
    socket.data = NOBODY;
    socket.terminate();
  }
}
