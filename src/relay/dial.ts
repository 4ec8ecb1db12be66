import type { TLSOptions } from "bun";
import { formatHostPort } from "../resources/address.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import type { Descriptors } from "./descriptors.ts";
import { DialError } from "./errors.ts";
import { type CountedHandlers, keepAlive, NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";

export type DialTarget =
  | {
      host: string;
      port: number;
      tls?: TLSOptions & { ALPNProtocols: string };
      /** Milliseconds for the TLS handshake, from when the connection has been made. */
      handshakeTimeout?: number;
      /** Of an earlier connection, to be resumed. */
      session?: Uint8Array | undefined;
      /** The peer that it is for; absent where this site wants it for itself. */
      asker?: string;
    }
  /** The path of a unix socket. */
  | { unix: string };

/** A connection that was called off hangs when it has still not been made after so many milliseconds. */
const HANGING = 250;

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
 * Connects to a host within `timeout` ms, TLS handshake included unless that has a time of its own. Bun has no deadline of
 * its own for that, and no way to stop a connection that is being made: one that comes too late is torn down as it arrives.
 * An address at which too many of those hang counts as dead, and is tried once a second. What is called off counts against
 * whom it was for until it hangs: a peer may open and reset streams as it likes, and must not make a service that answers
 * look dead to others.
 */
export class Dial implements SocketUser, Expiring {
  #over = false;
  /** Connected; for TLS the handshake is under way. */
  #socket: RelaySocket | undefined;
  /** The kernel is making the connection. */
  #connecting = false;
  /** Who or what is blamed for it since nobody wants it any more. */
  #blamed: string | undefined;

  constructor(
    private readonly target: DialTarget,
    timeout: number,
    private readonly owner: DialOwner,
    private readonly context: DialContext,
  ) {
    context.deadlines.set(this, timeout);
    const { descriptors } = context;
    if (!descriptors.mayDial) this.#failSoon("connect", "this relay has no descriptor left");
    else if (descriptors.isDead(this.#name)) this.#failSoon("timeout", `${this.#name} has not answered for long`);
    else if (descriptors.isHasty(this.#asker)) this.#failSoon("connect", `${this.#asker} calls off too many streams`);
    else {
      descriptors.take();
      this.#connecting = true;
      this.#connect();
    }
  }

  /** Gives up; the owner hears no more of it. */
  cancel(): void {
    if (this.#over) return;
    this.#end();
    if (!this.#connecting) return;
    this.#blame(this.#asker);
    this.context.deadlines.set(this, HANGING);
  }

  onConnected(socket: RelaySocket): void {
    this.#settle();
    this.context.descriptors.answered(this.#name);
    if (this.#over) {
      socket.data = NOBODY;
      socket.terminate();
      return;
    }
    this.#socket = socket;
    if ("session" in this.target && this.target.session !== undefined) socket.setSession(this.target.session);
    if (!("tls" in this.target)) {
      this.#succeed(socket);
      return;
    }
    keepAlive(socket);
    const { handshakeTimeout } = this.target;
    if (handshakeTimeout !== undefined) this.context.deadlines.set(this, handshakeTimeout);
  }

  onHandshake(socket: RelaySocket, error: Error | null): void {
    if (this.#over) return;
    if (error === null && socket.authorized) this.#succeed(socket);
    else if (error !== null && "code" in error && error.code === "ECONNRESET") this.onClose(socket, error);
    else
      this.#fail(new DialError("tls", `${this.#name} is not the peer that was expected: ${reasonOf(socket, error)}`));
  }

  onClose(_socket: RelaySocket, error: Error | undefined): void {
    this.#fail(new DialError("lost", `${this.#name} closed the connection during the handshake`, error));
  }

  onExpired(): void {
    if (this.#connecting) this.#blame(this.#name);
    this.#fail(new DialError("timeout", `${this.#name} did not answer in time`));
  }

  onData(): boolean {
    return true;
  }

  onDrain(): void {}
  onEnd(): void {}

  get #name(): string {
    return "unix" in this.target ? this.target.unix : formatHostPort(this.target.host, this.target.port);
  }

  get #asker(): string {
    return "asker" in this.target ? this.target.asker : "";
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
      this.context.descriptors.give();
      this.#settle();
      this.#fail(new DialError("connect", `${this.#name} cannot be reached: ${(error as Error).message}`, error));
    }
  }

  #succeed(socket: RelaySocket): void {
    this.#socket = undefined;
    this.#end();
    this.owner.onDialled(socket);
  }

  /** The owner does not have this dial yet. */
  #failSoon(reason: DialError["reason"], message: string): void {
    queueMicrotask(() => this.#fail(new DialError(reason, message)));
  }

  #fail(error: DialError): void {
    if (this.#over) return;
    this.#end();
    this.owner.onDialFailed(error);
  }

  #end(): void {
    this.#over = true;
    this.context.deadlines.clear(this);
    if (this.#socket === undefined) return;
    this.#socket.data = NOBODY;
    this.#socket.terminate();
  }

  /** Nobody waits for it any more. */
  #blame(whom: string): void {
    if (this.#blamed !== undefined) this.context.descriptors.recover(this.#blamed);
    this.#blamed = whom;
    this.context.descriptors.abandon(whom);
  }

  /** The kernel is done with it: what was abandoned has been made after all, or has failed. */
  #settle(): void {
    this.#connecting = false;
    if (this.#blamed === undefined) return;
    this.context.descriptors.recover(this.#blamed);
    this.#blamed = undefined;
    this.context.deadlines.clear(this);
  }
}

function reasonOf(socket: RelaySocket, error: Error | null): string {
  return error?.message ?? socket.getAuthorizationError()?.message ?? "its certificate is not trusted";
}
