import { encodeResponse, encodeTextResponse } from "../wire/http/encode.ts";
import { HttpFault } from "../wire/http/errors.ts";
import { encodePeerLabels, PEER_LABELS_FIELD } from "../wire/http/peer-labels.ts";
import { type RequestHead, RequestParser } from "../wire/http/request.ts";
import { ApiHandover } from "./api-handover.ts";
import { ClosingSocket } from "./closing-socket.ts";
import type { RelayContext } from "./context.ts";
import type { Expiring } from "./deadlines.ts";
import type { Visitor } from "./peer-handshake.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";
import { WriteQueue } from "./write-queue.ts";

/** How long the first head may take, in milliseconds. */
const HEAD_TIMEOUT = 5_000;
/** How long a connection may stay without a request, in milliseconds. */
const IDLE_TIMEOUT = { stranger: 10_000, peer: 300_000 };

/** A connection to the peer port that speaks HTTP/1.1: probes for anyone, `/healthz` for peers, the exposed API. */
export class HttpVisitor implements SocketUser, Expiring {
  readonly #parser = new RequestParser();
  readonly #queue = new WriteQueue();
  #over = false;

  constructor(
    private readonly context: RelayContext,
    private readonly socket: RelaySocket,
    private readonly visitor: Exclude<Visitor, { kind: "tunnel" }>,
    /** Called when the connection is gone, whoever had it last. */
    private readonly onGone: () => void,
  ) {
    socket.data = this;
    context.deadlines.set(this, HEAD_TIMEOUT);
  }

  onData(_socket: RelaySocket, chunk: Uint8Array): void {
    let rest = chunk;
    try {
      while (rest.length > 0 && !this.#over) {
        const { consumed, head } = this.#parser.push(rest);
        rest = rest.subarray(consumed);
        if (head !== undefined) this.#serve(head, rest);
      }
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error;
      if (this.visitor.kind === "anonymous") this.#leave();
      else this.#answer(encodeTextResponse(error.status, error.message, true), false);
    }
  }

  onDrain(socket: RelaySocket): void {
    if (!this.#queue.empty && this.#queue.flush(socket)) socket.resume();
  }

  onEnd(): void {
    this.#leave();
  }

  onClose(): void {
    if (this.#over) return;
    this.#over = true;
    this.context.deadlines.clear(this);
    this.onGone();
  }

  onExpired(): void {
    this.#leave();
  }

  #serve(head: RequestHead, rest: Uint8Array): void {
    const plain = head.method === "GET" && head.framing.type === "none";
    if (plain && head.path === "/livez") this.#answer(encodeTextResponse(200, "ok"), head.keepAlive);
    else if (plain && head.path === "/readyz") this.#answer(this.#readiness(), head.keepAlive);
    else if (plain && head.path === "/healthz" && this.visitor.kind === "http") {
      this.#answer(this.#health(), head.keepAlive);
    } else if (this.context.state.site.exposedApi !== undefined) this.#handOver(head, rest);
    else if (this.visitor.kind === "anonymous") this.#leave();
    else this.#answer(encodeTextResponse(404, "there is nothing here", !head.keepAlive), false);
  }

  #readiness(): Uint8Array {
    return this.context.ready ? encodeTextResponse(200, "ok") : encodeTextResponse(503, "not ready");
  }

  #health(): Uint8Array {
    const fields = { [PEER_LABELS_FIELD]: encodePeerLabels(this.context.state.site.labels) };
    return encodeResponse({ status: 200, fields });
  }

  #answer(response: Uint8Array, keepAlive: boolean): void {
    this.#queue.push(response);
    if (!this.#queue.flush(this.socket)) this.socket.pause();
    if (!keepAlive) {
      this.#leave();
      return;
    }
    this.context.deadlines.set(this, this.visitor.kind === "http" ? IDLE_TIMEOUT.peer : IDLE_TIMEOUT.stranger);
  }

  /** The control API takes the whole connection from here on, beginning with this request. */
  #handOver(head: RequestHead, rest: Uint8Array): void {
    this.#over = true;
    this.context.deadlines.clear(this);
    const path = this.context.state.site.exposedApi as string;
    new ApiHandover(this.context, this.socket, path, [head.raw, rest], this.onGone);
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.context.deadlines.clear(this);
    this.onGone();
    if (this.#queue.empty) {
      new ClosingSocket(this.socket, this.context.deadlines);
      return;
    }
    this.socket.data = NOBODY;
    this.socket.terminate();
  }
}
