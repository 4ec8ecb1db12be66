import type { TLSOptions } from "bun";
import { formatHostPort } from "../resources/address.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import type { Descriptors } from "./descriptors.ts";
import { DialError } from "./errors.ts";
import { type CountedHandlers, NOBODY, type RelaySocket, type SocketUser, tune } from "./socket.ts";

export type DialTarget =
  | { host: string; port: number; tls?: TLSOptions & { ALPNProtocols: string } }
  /** The path of a unix socket. */
  | { unix: string };

/** Whom a dial tells how it went; exactly one of the two is called, once, unless the dial was cancelled. */
export interface DialOwner {
  /** For TLS the handshake is done. The owner takes the socket over by setting its `data`. */
  onDialled(socket: RelaySocket): void;
  onDialFailed(error: DialError): void;
}

export interface DialContext {
  deadlines: Deadlines;
  descriptors: Descriptors;
  handlers: CountedHandlers;
}

/**
 * Connects to a host within `timeout` ms, TLS handshake included. Bun has no deadline of its own for that, and no way to
 * stop a connection that is being made: one that comes too late is torn down as it arrives.
 */
export class Dial implements SocketUser, Expiring {
  #over = false;

  constructor(
    private readonly target: DialTarget,
    timeout: number,
    private readonly owner: DialOwner,
    private readonly context: DialContext,
  ) {
    context.deadlines.set(this, timeout);
    context.descriptors.take();
    this.#connect();
  }

  /** Gives up; the owner hears no more of it. */
  cancel(): void {
    this.#over = true;
    this.context.deadlines.clear(this);
  }

  onConnected(socket: RelaySocket): void {
    if (this.#over) {
      socket.data = NOBODY;
      socket.terminate();
      return;
    }
    if (!("unix" in this.target)) tune(socket);
    if (!("tls" in this.target)) this.#succeed(socket);
  }

  onHandshake(socket: RelaySocket, error: Error | null): void {
    if (this.#over) return;
    if (error === null && socket.authorized) {
      this.#succeed(socket);
      return;
    }
    this.#fail(new DialError("tls", `${this.#name} is not the peer that was expected: ${reasonOf(socket, error)}`));
    socket.terminate();
  }

  onClose(_socket: RelaySocket, error: Error | undefined): void {
    this.#fail(new DialError("lost", `${this.#name} closed the connection during the handshake`, error));
  }

  onExpired(): void {
    this.#fail(new DialError("timeout", `${this.#name} did not answer in time`));
  }

  onData(): void {}
  onDrain(): void {}
  onEnd(): void {}

  get #name(): string {
    return "unix" in this.target ? this.target.unix : formatHostPort(this.target.host, this.target.port);
  }

  async #connect(): Promise<void> {
    const shared = { data: this, allowHalfOpen: true, socket: this.context.handlers };
    const { target } = this;
    try {
      if ("unix" in target) await Bun.connect<SocketUser>({ unix: target.unix, ...shared });
      else {
        const tls = target.tls === undefined ? {} : { tls: target.tls };
        await Bun.connect<SocketUser>({ hostname: target.host, port: target.port, ...tls, ...shared });
      }
    } catch (error) {
      this.#fail(new DialError("connect", `${this.#name} cannot be reached: ${(error as Error).message}`, error));
    }
  }

  #succeed(socket: RelaySocket): void {
    this.cancel();
    this.owner.onDialled(socket);
  }

  #fail(error: DialError): void {
    if (this.#over) return;
    this.cancel();
    this.owner.onDialFailed(error);
  }
}

function reasonOf(socket: RelaySocket, error: Error | null): string {
  return error?.message ?? socket.getAuthorizationError()?.message ?? "its certificate is not trusted";
}
