import { verifyChain } from "../pki/chain.ts";
import type { PeerIdentity } from "../pki/identity.ts";
import type { TunnelReport } from "../snapshot/messages.ts";
import { ProtocolError } from "../wire/errors.ts";
import { FrameReader, type FrameSink } from "../wire/frame-reader.ts";
import { FrameType, frame } from "../wire/frames.ts";
import { decodeHello, encodeHello, type Hello } from "../wire/messages.ts";
import { ClosingSocket } from "./closing-socket.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { PeerConnection } from "./peer-stream.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";

/** How long the answer to a PING may take, in milliseconds. */
const PONG_TIMEOUT = 5_000;

/**
 * A TLS connection between two gateways that speak `clusterlink/2`, as such: HELLO, PING, DRAIN, the other side's
 * certificate, and the end. Streams are the subclass's.
 */
export abstract class TunnelConnection implements PeerConnection, SocketUser, FrameSink, Expiring {
  /** What the other side's HELLO says of the gateway; undefined until it has come. */
  hello: Pick<Hello, "instance" | "relay" | "relays"> | undefined;
  /** The other side wants no new streams here. */
  draining = false;
  /** This side wants no new streams here: its certificates have changed, or the pool is too large. */
  retired = false;
  stopped = false;
  protected readonly writer: FrameWriter;
  readonly #reader = new FrameReader();
  /** Which side opens streams, as this one has said it. */
  #opener: Hello["opener"] | undefined;
  /** What the other side must say before the deadline. */
  #awaited: string | undefined;

  constructor(
    readonly socket: RelaySocket,
    readonly identity: PeerIdentity,
    readonly address: string,
    private readonly role: TunnelReport["role"],
    private readonly deadlines: Deadlines,
  ) {
    this.writer = new FrameWriter(socket);
    socket.data = this;
  }

  /** Whether the other side has said HELLO. */
  get proven(): boolean {
    return this.hello !== undefined;
  }

  /** Whether the next stream can be opened now. */
  abstract get idle(): boolean;

  /** Whether there is no stream, or none any more. */
  protected abstract get streamOver(): boolean;

  /** Says HELLO and waits for the other's, `timeout` ms at most. */
  start(hello: Hello, timeout: number): void {
    this.#opener = hello.opener;
    this.writer.frame(encodeHello(hello));
    this.expect("HELLO", timeout);
  }

  /** Asks an idle tunnel whether the other side is still there. */
  ping(): void {
    if (!this.idle || this.#awaited !== undefined) return;
    this.sendPing();
    this.expect("PONG", PONG_TIMEOUT);
  }

  /** Acceptor: asks the opener for no new streams. */
  drain(): void {
    if (this.stopped || this.draining) return;
    this.draining = true;
    this.writer.frame(frame(FrameType.drain, new Uint8Array(0)));
  }

  /** Ends an idle tunnel in good order. */
  close(reason: string): void {
    if (this.stopped) return;
    this.writer.leave();
    this.#leave();
    // The last FIN may still be waiting to be taken.
    new ClosingSocket(this.socket, this.deadlines, this.writer.drained ? undefined : this.writer);
    this.onGone(reason);
  }

  /** Tears the tunnel down at once; the far side sees a reset. A stream on it is reset. */
  terminate(reason: string): void {
    if (this.stopped) return;
    this.writer.leave();
    this.#leave();
    this.writer.clear();
    this.socket.terminate();
    this.onGone(reason);
  }

  verify(ca: string, now: number): string | undefined {
    const verdict = verifyChain(this.identity.chain, ca, now, this.role === "opener" ? "server" : "client");
    return verdict.valid ? undefined : verdict.reason;
  }

  report(): TunnelReport {
    return { peer: this.identity.name, address: this.address, role: this.role, state: this.#describe() };
  }

  onData(_socket: RelaySocket, chunk: Uint8Array): boolean {
    try {
      return this.#reader.push(chunk, this);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.terminate(`protocol error: ${error.message}`);
      return false;
    }
  }

  abstract onPayload(chunk: Uint8Array, start: number, end: number): boolean;

  onFrame(type: FrameType, payload: Uint8Array): void {
    if (this.hello === undefined && type !== FrameType.hello) throw new ProtocolError("a frame before HELLO");
    switch (type) {
      case FrameType.hello:
        this.#onHello(decodeHello(payload));
        break;
      case FrameType.ping:
        this.#onPing(payload);
        break;
      case FrameType.pong:
        this.stopAwaiting();
        this.onProof();
        break;
      case FrameType.drain:
        this.draining = true;
        this.onDrainAsked();
        break;
      default:
        this.onStreamFrame(type, payload);
    }
  }

  abstract onDrain(): void;

  /** Only FIN ends a direction: an end of the connection in the middle of a stream is its reset. */
  onEnd(): void {
    if (this.streamOver) this.close("closed by the other side");
    else this.terminate("the tunnel was closed in the middle of a stream");
  }

  onClose(_socket: RelaySocket, error: Error | undefined): void {
    this.terminate(error === undefined ? "closed" : `lost: ${error.message}`);
  }

  onExpired(): void {
    this.terminate(`no ${this.#awaited} in time`);
  }

  /** HELLO has come. The labels may be many, so no tunnel keeps them: whoever needs them does, once a site. */
  protected abstract onReady(labels: Hello["labels"]): void;
  /** The other side wants no new streams. */
  protected abstract onDrainAsked(): void;
  /** The other side has read everything up to a PING. */
  protected abstract onProof(): void;
  /** @throws ProtocolError */
  protected abstract onStreamFrame(type: FrameType, payload: Uint8Array): void;
  /** The tunnel is no more. Called once. */
  protected abstract onGone(reason: string): void;

  /** Asks for a PONG, without a deadline. */
  protected sendPing(): void {
    this.writer.frame(frame(FrameType.ping, new Uint8Array(8)));
  }

  /** Tears the tunnel down unless the other side says this within `timeout` ms. */
  protected expect(what: string, timeout: number): void {
    this.#awaited = what;
    this.deadlines.set(this, timeout);
  }

  protected stopAwaiting(): void {
    if (this.#awaited === undefined) return;
    this.#awaited = undefined;
    this.deadlines.clear(this);
  }

  #describe(): TunnelReport["state"] {
    if (this.hello === undefined) return "handshake";
    if (!this.streamOver) return "busy";
    return this.draining || this.retired ? "draining" : "idle";
  }

  #onHello(hello: Hello): void {
    if (this.hello !== undefined) throw new ProtocolError("HELLO twice");
    if (hello.opener !== this.#opener) {
      throw new ProtocolError(`HELLO says that the ${hello.opener} opens streams, here the ${this.#opener} does`);
    }
    this.stopAwaiting();
    const { instance, relay, relays, labels } = hello;
    this.hello = { instance, relay, relays };
    this.onReady(labels);
  }

  #onPing(payload: Uint8Array): void {
    if (payload.length !== 8) throw new ProtocolError("PING of another length than 8");
    if (!this.writer.mayAnswer()) throw new ProtocolError("PINGs come faster than their answers are taken");
    this.writer.frame(frame(FrameType.pong, payload));
  }

  #leave(): void {
    this.stopped = true;
    this.stopAwaiting();
    this.socket.data = NOBODY;
  }
}
