import type { PeerIdentity } from "../pki/identity.ts";
import { ProtocolError } from "../wire/errors.ts";
import { FrameType, MAX_EARLY_DATA } from "../wire/frames.ts";
import {
  decodeOpen,
  decodeRefused,
  decodeReset,
  decodeStreamFrame,
  encodeOpen,
  encodeRefused,
  encodeReset,
  encodeStreamFrame,
  type Hello,
  type Open,
  type Refused,
} from "../wire/messages.ts";
import { LAST_STREAM, StreamState } from "../wire/stream-state.ts";
import { waitForMoment, waitForTurn } from "./company.ts";
import type { Deadlines } from "./deadlines.ts";
import { NOWHERE, type Sink } from "./endpoint.ts";
import type { LinkOwner } from "./link.ts";
import type { AcceptedStream, Refusal, StreamOwner } from "./peer-stream.ts";
import type { RelaySocket } from "./socket.ts";
import type { Source } from "./state.ts";
import { TunnelConnection } from "./tunnel-connection.ts";

/** Whom a tunnel tells of itself. */
export interface TunnelOwner extends LinkOwner<Tunnel> {
  /** Acceptor only: the other side asks for a stream. Answer with `accept` or `refuse`. */
  onOpen(tunnel: Tunnel, open: Open): void;
}

/** Bytes that the far side always takes, whether its application reads or not: the socket's buffers have room for them. */
const SURELY_READ = 64 * 1024;
/** After RESET the far side proves that it still reads, within so many ms; if it is stuck, the tunnel's death is the RESET. */
const RESET_TIMEOUT = 1_000;

/**
 * A connection between two gateways that carries one stream at a time. While a stream is there, the tunnel is one
 * {@link Endpoint} of its relay.
 */
export class Tunnel extends TunnelConnection implements AcceptedStream {
  /** What is written after `open` is on its way at once: the far side holds it until it has reached the service. */
  readonly sendsEarly = true;
  readonly state: StreamState;
  other: Sink = NOWHERE;
  stream: StreamOwner | undefined;
  #paused = false;
  /** Bytes of DATA that came before OPENED. */
  #early = 0;
  /** The far side has been asked whether it reads. */
  #awaitsProof = false;
  /** Bytes of DATA that were sent since the far side last proved that it reads. */
  #unconfirmed = 0;
  /** Nothing of the last stream is left, here or on the far side. */
  #settled = true;
  /** FIN is still behind data that the socket has not taken. */
  #finWaits = false;

  constructor(
    socket: RelaySocket,
    identity: PeerIdentity,
    address: string,
    role: "opener" | "acceptor",
    private readonly owner: TunnelOwner,
    deadlines: Deadlines,
  ) {
    super(socket, identity, address, role, deadlines);
    this.state = new StreamState(role);
  }

  get finished(): boolean {
    return this.state.finSent;
  }

  override get idle(): boolean {
    return this.#settled && this.proven && !this.stopped;
  }

  get usable(): boolean {
    if (!this.idle || this.draining || this.retired || this.state.number === LAST_STREAM) return false;
    return Date.now() <= this.identity.notAfter;
  }

  /** Opener: starts a stream for `owner`. The tunnel must be idle. */
  open(owner: StreamOwner, target: { namespace: string; name: string }, source: Source, trace: string): void {
    const number = this.state.sendOpen();
    this.#beginStream(owner);
    this.writer.frameWithCompany(encodeOpen(number, target.namespace, target.name, source.encoded, trace), waitForTurn);
  }

  /**
   * Acceptor: answers OPENED; what the stream has brought so far is in `other`. When that was something to answer, OPENED
   * waits for the answer, unless the opener has more to say and may not before it.
   */
  accept(): void {
    this.state.sendOpened();
    const opened = encodeStreamFrame(FrameType.opened, this.state.number);
    if (this.#early > 0 && this.#early < MAX_EARLY_DATA) this.writer.frameWithCompany(opened, waitForMoment);
    else this.writer.frame(opened);
  }

  /** Acceptor: answers REFUSED. */
  refuse(refusal: Refusal): void {
    this.state.sendRefused();
    this.writer.frame(encodeRefused({ stream: this.state.number, ...refusal }));
    this.#endStream();
  }

  write(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    if (!this.state.maySend) return true;
    this.#unconfirmed += end - start;
    return this.writer.data(bytes, start, end);
  }

  finish(): void {
    if (!this.state.maySend) return;
    this.state.sendFin();
    const fin = encodeStreamFrame(FrameType.fin, this.state.number);
    if (this.state.role === "opener" && this.state.idle) this.writer.frameWithCompany(fin, waitForMoment);
    else this.writer.frame(fin);
    if (this.writer.drained) this.#onFinSent();
    else this.#finWaits = true;
  }

  /** After FIN no data can come, and what may come, a RESET, is not to wait. */
  pause(): void {
    if (this.#paused || this.stopped || this.state.finReceived) return;
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
    if (this.stopped || this.streamOver) return;
    this.stream = undefined;
    if (this.#paused || !this.writer.drained) {
      this.terminate("reset");
      return;
    }
    this.writer.frame(encodeReset(this.state.number, "reset"));
    this.state.sendReset();
    this.sendPing();
    if (!this.writer.drained) {
      this.terminate("reset");
      return;
    }
    this.#awaitsProof = true;
    this.expect("PONG after RESET", RESET_TIMEOUT);
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

  override onPayload(chunk: Uint8Array, start: number, end: number): boolean {
    if (!this.proven) throw new ProtocolError("a frame before HELLO");
    if (!this.state.receiveData()) return true;
    if (this.state.phase === "opening") {
      this.#early += end - start;
      if (this.#early > MAX_EARLY_DATA) throw new ProtocolError(`more than ${MAX_EARLY_DATA} bytes before OPENED`);
      return this.other.write(chunk, start, end);
    }
    this.writer.leave();
    const taken = this.other.write(chunk, start, end);
    if (!taken) this.pause();
    return taken;
  }

  override onDrain(): void {
    if (this.writer.drained || !this.writer.flush()) return;
    if (this.#finWaits) this.#onFinSent();
    else if (this.state.idle) this.#settle();
    else this.other.resume();
  }

  protected override get streamOver(): boolean {
    return this.state.idle && !this.#finWaits;
  }

  protected override onReady(labels: Hello["labels"]): void {
    this.owner.onReady(this, labels);
  }

  protected override onDrainAsked(): void {
    if (this.idle) this.owner.onIdle(this);
  }

  protected override onProof(): void {
    this.#awaitsProof = false;
    this.#unconfirmed = 0;
    if (this.state.idle) this.#settle();
  }

  protected override onStreamFrame(type: FrameType, payload: Uint8Array): void {
    switch (type) {
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
    }
  }

  protected override onGone(reason: string): void {
    const { stream } = this;
    this.stream = undefined;
    this.other = NOWHERE;
    this.owner.onClosed(this, reason);
    stream?.onReset(this, reason);
  }

  /** An opener that keeps to the protocol has read all of our answers to the stream before. */
  #onOpen(open: Open): void {
    if (this.#finWaits) throw new ProtocolError("OPEN before the FIN of the stream before was read");
    if (!this.writer.mayAnswer()) throw new ProtocolError("OPENs come faster than their answers are taken");
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
    this.resume();
    if (this.streamOver) this.#endStream();
    sink.finish();
  }

  /** Our FIN, and all that was before it, is on its way. */
  #onFinSent(): void {
    const owner = this.stream;
    this.#finWaits = false;
    if (this.streamOver) this.#endStream();
    owner?.onFinished(this);
  }

  #onReset(): void {
    const owner = this.stream;
    this.#endStream();
    owner?.onReset(this, "reset by the far side");
  }

  #beginStream(owner: StreamOwner | undefined): void {
    this.stopAwaiting();
    this.#settled = false;
    this.#early = 0;
    this.#awaitsProof = false;
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
    this.#awaitsProof = true;
    this.sendPing();
  }

  /** Becomes idle once what is left of the last stream has been written, and the far side has proved that it reads. */
  #settle(): void {
    if (this.#settled || this.stopped || this.#awaitsProof || !this.writer.drained) return;
    this.#settled = true;
    this.owner.onIdle(this);
  }
}
