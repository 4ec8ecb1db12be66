import { verifyChain } from "../pki/chain.ts";
import type { PeerIdentity } from "../pki/identity.ts";
import type { TunnelReport } from "../snapshot/messages.ts";
import { ProtocolError } from "../wire/errors.ts";
import { FrameReader, type FrameSink } from "../wire/frame-reader.ts";
import { FrameType, frame, MAX_EARLY_DATA } from "../wire/frames.ts";
import {
  decodeHello,
  decodeOpen,
  decodeRefused,
  decodeReset,
  decodeStreamFrame,
  encodeHello,
  encodeOpen,
  encodeRefused,
  encodeReset,
  encodeStreamFrame,
  type Hello,
  type Open,
  type Refused,
} from "../wire/messages.ts";
import { LAST_STREAM, StreamState } from "../wire/stream-state.ts";
import { ClosingSocket } from "./closing-socket.ts";
import { waitForMoment, waitForTurn } from "./company.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import { NOWHERE, type Sink } from "./endpoint.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { LinkOwner } from "./link.ts";
import type { AcceptedStream, PeerConnection, Refusal, StreamOwner } from "./peer-stream.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";
import type { Source } from "./state.ts";

/** Whom a tunnel tells of itself. */
export interface TunnelOwner extends LinkOwner<Tunnel> {
  /** Acceptor only: the other side asks for a stream. Answer with `accept` or `refuse`. */
  onOpen(tunnel: Tunnel, open: Open): void;
}

/** How long the answer to a PING may take, in milliseconds. */
const PONG_TIMEOUT = 5_000;
/** Bytes that the far side always takes, whether its application reads or not: the socket's buffers have room for them. */
const SURELY_READ = 64 * 1024;
/** After RESET the far side proves that it still reads; if it is stuck, the tunnel's death is the RESET. */
const RESET_TIMEOUT = 1_000;

/**
 * One TLS connection between two gateways that carries one stream at a time (`clusterlink/2`). While a stream is
 * there, the tunnel is one {@link Endpoint} of its relay.
 */
export class Tunnel implements AcceptedStream, PeerConnection, SocketUser, FrameSink, Expiring {
  /** What is written after `open` is on its way at once: the far side holds it until it has reached the service. */
  readonly sendsEarly = true;
  other: Sink = NOWHERE;
  stream: StreamOwner | undefined;
  /** The other side's HELLO; undefined until it has come. */
  hello: Hello | undefined;
  /** The other side wants no new streams here. */
  draining = false;
  /** This side wants no new streams here: its certificates have changed, or the pool is too large. */
  retired = false;
  stopped = false;
  #paused = false;
  /** DATA that came before OPENED. */
  #early = 0;
  #awaitsPong = false;
  /** Bytes of DATA that were sent since the far side last proved that it reads. */
  #unconfirmed = 0;
  #settled = true;
  #waiting: string | undefined;
  /** FIN is still behind data that the socket has not taken. */
  #finWaits = false;
  readonly state: StreamState;
  readonly #reader = new FrameReader();
  readonly #writer: FrameWriter;

  constructor(
    readonly socket: RelaySocket,
    readonly identity: PeerIdentity,
    readonly address: string,
    role: "opener" | "acceptor",
    private readonly owner: TunnelOwner,
    private readonly deadlines: Deadlines,
  ) {
    this.state = new StreamState(role);
    this.#writer = new FrameWriter(socket);
    socket.data = this;
  }

  get finished(): boolean {
    return this.state.finSent;
  }

  /** Whether the other side has said HELLO. */
  get proven(): boolean {
    return this.hello !== undefined;
  }

  /** Whether the next stream can be opened now. */
  get idle(): boolean {
    return this.#settled && this.hello !== undefined && !this.stopped;
  }

  get usable(): boolean {
    if (!this.idle || this.draining || this.retired || this.state.number === LAST_STREAM) return false;
    return Date.now() <= this.identity.notAfter;
  }

  /** Says HELLO and waits for the other's, `timeout` ms at most. */
  start(hello: Hello, timeout: number): void {
    this.#writer.frame(encodeHello(hello));
    this.#expect("HELLO", timeout);
  }

  /** Opener: starts a stream for `owner`. The tunnel must be idle. */
  open(owner: StreamOwner, target: { namespace: string; name: string }, source: Source, trace: string): void {
    const number = this.state.sendOpen();
    this.#beginStream(owner);
    this.#writer.frameWithCompany(
      encodeOpen(number, target.namespace, target.name, source.encoded, trace),
      waitForTurn,
    );
  }

  /**
   * Acceptor: answers OPENED; what the stream has brought so far is in `other`. When that was something to answer, OPENED
   * waits for the answer, unless the stream brings more.
   */
  accept(): void {
    this.state.sendOpened();
    const opened = encodeStreamFrame(FrameType.opened, this.state.number);
    if (this.#early > 0) this.#writer.frameWithCompany(opened, waitForMoment);
    else this.#writer.frame(opened);
  }

  /** Acceptor: answers REFUSED. */
  refuse(refusal: Refusal): void {
    this.state.sendRefused();
    this.#writer.frame(encodeRefused({ stream: this.state.number, ...refusal }));
    this.#endStream();
  }

  write(chunk: Uint8Array): boolean {
    if (!this.state.maySend) return true;
    this.#unconfirmed += chunk.length;
    return this.#writer.data(chunk);
  }

  finish(): void {
    if (!this.state.maySend) return;
    this.state.sendFin();
    const fin = encodeStreamFrame(FrameType.fin, this.state.number);
    if (this.state.role === "opener" && this.state.idle) this.#writer.frameWithCompany(fin, waitForMoment);
    else this.#writer.frame(fin);
    if (this.#writer.drained) this.#onFinSent();
    else this.#finWaits = true;
  }

  pause(): void {
    if (this.#paused || this.stopped) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.stopped) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** Ends the present stream in both directions. A RESET that could be held up becomes the end of the tunnel. */
  reset(): void {
    if (this.stopped || this.#streamOver) return;
    this.stream = undefined;
    if (this.#paused || !this.#writer.drained) {
      this.terminate("reset");
      return;
    }
    this.#writer.frame(encodeReset(this.state.number, "reset"));
    this.state.sendReset();
    this.#writer.frame(frame(FrameType.ping, new Uint8Array(8)));
    this.#writer.leave();
    if (!this.#writer.drained) {
      this.terminate("reset");
      return;
    }
    this.#awaitsPong = true;
    this.#expect("PONG after RESET", RESET_TIMEOUT);
    this.#endStream();
  }

  /**
   * Ends the present stream so that the far side hears of it even when it is not reading: the tunnel goes with it. Before
   * OPENED nothing tells that the far side has read the last bytes of the stream before, which must not be lost: there
   * the end is an ordinary reset.
   */
  abort(reason: string): void {
    this.stream = undefined;
    if (this.state.role === "opener" && this.state.phase === "opening") this.reset();
    else this.terminate(reason);
  }

  /** Asks an idle tunnel whether the other side is still there. */
  ping(): void {
    if (!this.idle || this.#waiting !== undefined) return;
    this.#writer.frame(frame(FrameType.ping, new Uint8Array(8)));
    this.#expect("PONG", PONG_TIMEOUT);
  }

  /** Acceptor: asks the opener for no new streams. */
  drain(): void {
    if (this.stopped || this.draining) return;
    this.draining = true;
    this.#writer.frame(frame(FrameType.drain, new Uint8Array(0)));
  }

  /** Opener: ends an idle tunnel in good order. */
  close(reason: string): void {
    if (this.stopped) return;
    this.#writer.leave();
    this.#leave();
    // The last FIN may still be waiting to be taken.
    new ClosingSocket(this.socket, this.deadlines, this.#writer.drained ? undefined : this.#writer);
    this.owner.onClosed(this, reason);
  }

  /** Tears the tunnel down at once; the far side sees a reset. A stream on it is reset. */
  terminate(reason: string): void {
    if (this.stopped) return;
    const stream = this.stream;
    this.#writer.leave();
    this.#leave();
    this.#writer.clear();
    this.socket.terminate();
    this.owner.onClosed(this, reason);
    stream?.onReset(this, reason);
  }

  /** @returns why the other side's certificate is not good any more, or undefined when it is. */
  verify(ca: string, now: number): string | undefined {
    const verdict = verifyChain(this.identity.chain, ca, now, this.state.role === "opener" ? "server" : "client");
    return verdict.valid ? undefined : verdict.reason;
  }

  report(): TunnelReport {
    const { role } = this.state;
    return { peer: this.identity.name, address: this.address, role, state: this.#describe() };
  }

  onData(_socket: RelaySocket, chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk, this);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.terminate(`protocol error: ${error.message}`);
    }
  }

  onPayload(bytes: Uint8Array): void {
    if (this.hello === undefined) throw new ProtocolError("a frame before HELLO");
    if (!this.state.receiveData()) return;
    if (this.state.phase === "opening") {
      this.#early += bytes.length;
      if (this.#early > MAX_EARLY_DATA) throw new ProtocolError(`more than ${MAX_EARLY_DATA} bytes before OPENED`);
      this.other.write(bytes);
      return;
    }
    this.#writer.leave();
    if (!this.other.write(bytes)) this.pause();
  }

  onFrame(type: FrameType, payload: Uint8Array): void {
    if (this.hello === undefined && type !== FrameType.hello) throw new ProtocolError("a frame before HELLO");
    switch (type) {
      case FrameType.hello:
        this.#onHello(decodeHello(payload));
        break;
      case FrameType.open:
        this.#onOpen(decodeOpen(payload));
        break;
      case FrameType.opened:
        if (this.state.receiveOpened(decodeStreamFrame(payload))) this.#onOpened();
        break;
      case FrameType.refused:
        this.#onRefused(decodeRefused(payload));
        break;
      case FrameType.fin:
        if (this.state.receiveFin(decodeStreamFrame(payload))) this.#onFin();
        break;
      case FrameType.reset:
        if (this.state.receiveReset(decodeReset(payload).stream)) this.#onReset();
        break;
      case FrameType.ping:
        this.#onPing(payload);
        break;
      case FrameType.pong:
        this.#onPong();
        break;
      case FrameType.drain:
        this.draining = true;
        if (this.idle) this.owner.onIdle(this);
        break;
    }
  }

  onDrain(): void {
    if (this.#writer.drained || !this.#writer.flush()) return;
    if (this.#finWaits) this.#onFinSent();
    else if (this.state.idle) this.#settle();
    else this.other.resume();
  }

  /** Only FIN ends a direction: an end of the connection in the middle of a stream is its reset. */
  onEnd(): void {
    if (this.#streamOver) this.close("closed by the other side");
    else this.terminate("the tunnel was closed in the middle of a stream");
  }

  onClose(_socket: RelaySocket, error: Error | undefined): void {
    this.terminate(error === undefined ? "closed" : `lost: ${error.message}`);
  }

  onExpired(): void {
    this.terminate(`no ${this.#waiting} in time`);
  }

  /** Whether there is no stream, or none any more. */
  get #streamOver(): boolean {
    return this.state.idle && !this.#finWaits;
  }

  #describe(): TunnelReport["state"] {
    if (this.hello === undefined) return "handshake";
    if (!this.#streamOver) return "busy";
    return this.draining || this.retired ? "draining" : "idle";
  }

  #onHello(hello: Hello): void {
    if (this.hello !== undefined) throw new ProtocolError("HELLO twice");
    this.#stopWaiting();
    this.hello = hello;
    this.owner.onReady(this);
  }

  #onOpen(open: Open): void {
    this.state.receiveOpen(open.stream);
    this.#beginStream(undefined);
    this.owner.onOpen(this, open);
  }

  #onOpened(): void {
    this.#unconfirmed = 0;
    this.stream?.onOpened(this);
  }

  #onRefused(refused: Refused): void {
    if (!this.state.receiveRefused(refused.stream)) return;
    if (refused.code === "draining") this.draining = true;
    const owner = this.stream;
    this.#endStream();
    owner?.onRefused(refused);
  }

  #onFin(): void {
    const sink = this.other;
    if (this.#streamOver) this.#endStream();
    sink.finish();
  }

  /** Our FIN, and all that was before it, is on its way. */
  #onFinSent(): void {
    const owner = this.stream;
    this.#finWaits = false;
    if (this.#streamOver) this.#endStream();
    owner?.onFinished(this);
  }

  #onReset(): void {
    const owner = this.stream;
    this.#endStream();
    owner?.onReset(this, "reset by the far side");
  }

  #onPing(payload: Uint8Array): void {
    if (payload.length !== 8) throw new ProtocolError("PING of another length than 8");
    if (!this.#writer.pong(payload)) throw new ProtocolError("PINGs come faster than their answers are taken");
  }

  #onPong(): void {
    this.#awaitsPong = false;
    this.#unconfirmed = 0;
    if (this.hello === undefined) return;
    this.#stopWaiting();
    if (this.state.idle) this.#settle();
  }

  #beginStream(owner: StreamOwner | undefined): void {
    this.#stopWaiting();
    this.#settled = false;
    this.#early = 0;
    this.#awaitsPong = false;
    this.stream = owner;
  }

  #endStream(): void {
    this.stream = undefined;
    this.#finWaits = false;
    this.other = NOWHERE;
    this.resume();
    this.#askForProof();
    this.#settle();
  }

  /**
   * A far side whose application is slow has not read the end of the stream yet, however long ago it was sent. The next
   * stream would wait behind it, and a tunnel that is torn down meanwhile would take it along. So the opener waits for
   * the far side's word, as long as that takes.
   */
  #askForProof(): void {
    const { role, phase } = this.state;
    if (role !== "opener" || phase !== "closed" || this.#unconfirmed <= SURELY_READ || this.stopped) return;
    this.#awaitsPong = true;
    this.#writer.frame(frame(FrameType.ping, new Uint8Array(8)));
  }

  /** Becomes idle once what is left of the last stream has been written, and the far side has proved that it reads. */
  #settle(): void {
    if (this.#settled || this.stopped || this.#awaitsPong || !this.#writer.drained) return;
    this.#settled = true;
    this.owner.onIdle(this);
  }

  #expect(what: string, timeout: number): void {
    this.#waiting = what;
    this.deadlines.set(this, timeout);
  }

  #stopWaiting(): void {
    if (this.#waiting === undefined) return;
    this.#waiting = undefined;
    this.deadlines.clear(this);
  }

  #leave(): void {
    this.stopped = true;
    this.stream = undefined;
    this.other = NOWHERE;
    this.#stopWaiting();
    this.socket.data = NOBODY;
  }
}
