import { encodeTextResponse } from "../wire/http/encode.ts";
import { HttpFault } from "../wire/http/errors.ts";
import { type RequestHead, RequestParser } from "../wire/http/request.ts";
import { ClosingSocket } from "./closing-socket.ts";
import type { RelayContext } from "./context.ts";
import type { Expiring } from "./deadlines.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";
import { WriteQueue } from "./write-queue.ts";

/** How long a head, or a body, may take from its first byte to its last, in milliseconds. */
const MESSAGE_TIMEOUT = 5_000;
/** How long a stranger may stay without a request, in milliseconds. */
const STRANGER_IDLE_TIMEOUT = 10_000;

/**
 * A connection to the peer port that speaks HTTP/1.1, as anyone may use it: probes, and the exposed API. Requests are
 * answered one after the other, and none is read while the other side does not take an answer.
 */
export class HttpVisitor implements SocketUser, Expiring {
  readonly #parser = new RequestParser();
  readonly #queue = new WriteQueue();
  /** What has been read and waits for an answer to be taken. */
  #held: Uint8Array[] = [];
  /** The deadline of the first head runs from the handshake on, and nothing puts it off. */
  #greeted = false;
  /** The other side has finished. */
  #ended = false;
  #over = false;

  constructor(
    protected readonly context: RelayContext,
    protected readonly socket: RelaySocket,
    /** Called when the connection is gone, whoever had it last. */
    private readonly onGone: () => void,
    /** Called when the control API gets the connection. */
    private readonly onHandedOver: () => void = () => undefined,
  ) {
    socket.data = this;
    context.deadlines.set(this, MESSAGE_TIMEOUT);
  }

  /** Tears the connection down at once. */
  terminate(): void {
    if (this.#over) return;
    this.leave();
    this.onGone();
    this.socket.data = NOBODY;
    this.socket.terminate();
  }

  /** Ends the connection if it is between two requests; otherwise the next answer is the last. */
  drain(): void {
    if (!this.reading && this.#queue.empty) this.#close();
  }

  onData(_socket: RelaySocket, chunk: Uint8Array): boolean {
    if (this.#queue.empty) this.#read(chunk);
    else this.#held.push(chunk);
    return false;
  }

  onDrain(socket: RelaySocket): void {
    if (!this.#queue.empty && this.#queue.flush(socket)) this.#goOn();
  }

  /** The rest of what a peer has asked for is still answered. */
  onEnd(): void {
    this.#ended = true;
    if (this.#queue.empty) this.#close();
  }

  onClose(): void {
    if (this.#over) return;
    this.leave();
    this.onGone();
  }

  onExpired(): void {
    this.#close();
  }

  /** Milliseconds that the connection may stay without a request. */
  protected get idleTimeout(): number {
    return STRANGER_IDLE_TIMEOUT;
  }

  /** Whether a message has begun and not ended. */
  protected get reading(): boolean {
    return this.#parser.started;
  }

  /** Answers a request, or sees to it. `rest` is what has come behind the head. */
  protected serve(head: RequestHead, rest: Uint8Array): void {
    const plain = head.method === "GET" && head.framing.type === "none";
    if (plain && head.path === "/livez")
      this.answer(encodeTextResponse(200, "ok", !this.keeps(head)), this.keeps(head));
    else if (plain && head.path === "/readyz") this.answer(this.#readiness(this.keeps(head)), this.keeps(head));
    else if (this.context.state.site.exposedApi !== undefined && head.method !== "CONNECT") this.#handOver(head, rest);
    else this.unknown();
  }

  /** Whether the connection is kept for another request after this one. */
  protected keeps(head: RequestHead): boolean {
    return head.keepAlive && !this.context.draining;
  }

  /** Takes bytes that are no head. @returns how many of them; the base never expects any. */
  protected readBody(_chunk: Uint8Array): number | undefined {
    return undefined;
  }

  /** A request for what is not there. */
  protected unknown(): void {
    this.#close();
  }

  /** A request that breaks the rules. */
  protected refuse(_fault: HttpFault): void {
    this.#close();
  }

  /** Writes without concluding the request. */
  protected write(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    if (!this.#queue.flush(this.socket)) this.socket.pause();
  }

  protected answer(response: Uint8Array, keepAlive: boolean): void {
    this.#queue.push(response);
    if (!this.#queue.flush(this.socket)) this.socket.pause();
    if (!keepAlive) {
      this.#close();
      return;
    }
    this.context.deadlines.set(this, this.idleTimeout);
  }

  /** Somebody else takes the socket. @returns what to call when it is gone. */
  protected handAway(): () => void {
    this.leave();
    return this.onGone;
  }

  /** The connection is this object's no more. */
  protected leave(): void {
    this.#over = true;
    this.context.deadlines.clear(this);
  }

  #read(chunk: Uint8Array): void {
    let rest = chunk;
    let begun = this.#greeted && !this.reading;
    try {
      while (rest.length > 0 && !this.#over && this.#queue.empty) {
        const taken = this.readBody(rest);
        if (taken !== undefined) {
          rest = rest.subarray(taken);
          continue;
        }
        const { consumed, head } = this.#parser.push(rest);
        rest = rest.subarray(consumed);
        if (head === undefined) continue;
        begun = this.#greeted = true;
        this.serve(head, rest);
      }
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error;
      this.refuse(error);
    }
    if (this.#over) return;
    if (rest.length > 0) this.#held.push(rest);
    if (begun && this.reading) this.context.deadlines.set(this, MESSAGE_TIMEOUT);
  }

  #goOn(): void {
    if (this.#over) return;
    this.socket.resume();
    const held = this.#held;
    this.#held = [];
    // The first may hand the connection over: the others are for whoever has it then.
    for (const chunk of held) this.socket.data.onData(this.socket, chunk);
    if (this.#over && this.#ended) this.socket.data.onEnd(this.socket);
    else if (this.#ended && this.#queue.empty) this.#close();
  }

  #readiness(kept: boolean): Uint8Array {
    return this.context.ready ? encodeTextResponse(200, "ok", !kept) : encodeTextResponse(503, "not ready", !kept);
  }

  /** The control API takes the whole connection from here on, beginning with this request. */
  #handOver(head: RequestHead, rest: Uint8Array): void {
    const { handovers, state } = this.context;
    if (!handovers.admit()) {
      this.answer(encodeTextResponse(503, "too many connections to the control API", true), false);
      return;
    }
    this.onHandedOver();
    handovers.add(this.socket, state.site.exposedApi as string, [head.raw, rest], this.handAway());
  }

  /** Ends the connection after what has been written; it is torn down when the other side does not take that at once. */
  #close(): void {
    if (this.#over) return;
    if (!this.#queue.empty) {
      this.terminate();
      return;
    }
    this.leave();
    this.onGone();
    this.socket.resume();
    new ClosingSocket(this.socket, this.context.deadlines);
  }
}
