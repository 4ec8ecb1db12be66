import { verifyChain } from "../pki/chain.ts";
import type { PeerIdentity } from "../pki/identity.ts";
import type { TunnelReport } from "../snapshot/messages.ts";
import { type Answer, AnswerReader } from "../wire/http/answer-reader.ts";
import { authzClaims, encodeAuthzRequest, readAuthzAnswer } from "../wire/http/authz.ts";
import { encodeConnect } from "../wire/http/connect.ts";
import { encodeRequest } from "../wire/http/encode.ts";
import { HttpFault } from "../wire/http/errors.ts";
import { ClosingSocket } from "./closing-socket.ts";
import type { RelayContext } from "./context.ts";
import type { Expiring } from "./deadlines.ts";
import { NOWHERE, type Sink } from "./endpoint.ts";
import { HttpStream } from "./http-stream.ts";
import type { LinkOwner } from "./link.ts";
import type { PeerConnection, Refusal, StreamHandle, StreamOwner } from "./peer-stream.ts";
import { NOBODY, type RelaySocket, type SocketUser } from "./socket.ts";
import type { Source } from "./state.ts";
import { WriteQueue } from "./write-queue.ts";

/** Whom a link tells of itself. */
export interface HttpLinkOwner extends LinkOwner<HttpLink> {
  /** A stream has taken the connection over: the link is no more. */
  onTaken(link: HttpLink): void;
}

/** How long the answer to `GET /healthz` may take, in milliseconds. */
const HEALTH_TIMEOUT = 5_000;
/**
 * A connection that has not been used for so long, in milliseconds, brings a first request: gateways close one that has
 * not brought any within some seconds (ClusterLink's: 2), but keep it for minutes when it has.
 */
const FIRST_REQUEST_AFTER = 1_000;
/** A gateway that refuses our certificate closes sooner than this, in milliseconds. */
const LATE_REFUSAL = 500;
/** The port in the target of CONNECT, which gateways ignore: the one that ClusterLink's own write. */
const CONNECT_PORT = 443;

const METHODS = { health: "GET", authz: "POST", connect: "CONNECT" } as const;

type Asked = keyof typeof METHODS;

interface Exchange {
  asked: Asked;
  answer: AnswerReader;
}

/**
 * One TLS connection to a gateway of a peer that speaks HTTP/1.1 only. It is kept for `/authz`, until a CONNECT on it is
 * answered with 200: then it becomes an {@link HttpStream}. Nothing of an application is sent before that.
 */
export class HttpLink implements StreamHandle, PeerConnection, SocketUser, Expiring {
  readonly sendsEarly = false;
  readonly hello = undefined;
  readonly draining = false;
  other: Sink = NOWHERE;
  stream: StreamOwner | undefined;
  /** No new streams here, please: certificates have changed, or the gateway speaks `clusterlink/2` now. */
  retired = false;
  stopped = false;
  /** The request that is under way, and the answer to it. */
  #exchange: Exchange | undefined;
  /** A request has been answered on this connection. */
  #answered = false;
  #trace = "";
  readonly #startedAt: number;
  readonly #queue = new WriteQueue();

  constructor(
    private readonly context: RelayContext,
    private readonly socket: RelaySocket,
    readonly identity: PeerIdentity,
    /** `HOST:PORT` of the gateway. */
    readonly address: string,
    private readonly owner: HttpLinkOwner,
  ) {
    socket.data = this;
    this.#startedAt = context.now();
  }

  get idle(): boolean {
    return this.#exchange === undefined && !this.stopped;
  }

  get usable(): boolean {
    return this.idle && !this.retired && Date.now() <= this.identity.notAfter;
  }

  /** Whether the other side has answered anything: a TLS 1.3 client hears late that its certificate is refused. */
  get proven(): boolean {
    return this.#answered;
  }

  /** The handshake is done: streams may be opened. */
  start(): void {
    this.context.deadlines.set(this, FIRST_REQUEST_AFTER);
    this.owner.onReady(this);
  }

  /** Asks for a token and connects with it, for `owner`. The link must be idle. */
  open(owner: StreamOwner, target: { namespace: string; name: string }, source: Source, trace: string): void {
    this.stream = owner;
    this.#trace = trace;
    this.context.deadlines.clear(this);
    const claims = authzClaims(source.attributes);
    const request = { exportName: target.name, exportNamespace: target.namespace, claims };
    this.#ask("authz", encodeAuthzRequest(this.address, request));
  }

  reset(): void {
    this.abort("reset");
  }

  abort(reason: string): void {
    this.stream = undefined;
    this.terminate(reason);
  }

  /** Asks an idle link whether the other side is still there, which also keeps it from being closed for idleness. */
  ping(): void {
    if (!this.idle) return;
    this.context.deadlines.set(this, HEALTH_TIMEOUT);
    this.#ask("health", encodeRequest({ method: "GET", target: "/healthz", host: this.address }));
  }

  /** Ends an idle link in good order. */
  close(reason: string): void {
    if (this.stopped) return;
    this.#leave();
    new ClosingSocket(this.socket, this.context.deadlines);
    this.owner.onClosed(this, reason);
  }

  /** Tears the link down at once. A stream that was being opened on it is refused: nothing of it has been sent. */
  terminate(reason: string): void {
    if (this.stopped) return;
    const { stream } = this;
    // A kept connection that is gone when it is used says nothing about the gateway: another one may do.
    const kept = this.#answered || this.context.now() - this.#startedAt > LATE_REFUSAL;
    const stale = this.#exchange?.asked === "authz" && kept && !this.#exchange.answer.started;
    this.#leave();
    this.socket.data = NOBODY;
    this.socket.terminate();
    this.owner.onClosed(this, reason);
    stream?.onRefused({ code: stale ? "draining" : "unreachable", retry: true, reason });
  }

  verify(ca: string, now: number): string | undefined {
    const verdict = verifyChain(this.identity.chain, ca, now, "server");
    return verdict.valid ? undefined : verdict.reason;
  }

  report(): TunnelReport {
    const state = this.retired ? "draining" : this.idle ? "idle" : "busy";
    return { peer: this.identity.name, address: this.address, role: "opener", state };
  }

  onData(_socket: RelaySocket, chunk: Uint8Array): boolean {
    if (this.#exchange === undefined) {
      this.terminate("protocol error: an answer to no request");
      return true;
    }
    const { asked, answer } = this.#exchange;
    try {
      const whole = answer.push(chunk);
      if (whole?.stream !== undefined) this.#become(whole.stream);
      else if (whole !== undefined) this.#conclude(asked, whole);
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error;
      this.terminate(`protocol error: ${error.message}`);
    }
    return false;
  }

  onDrain(): void {
    if (!this.#queue.empty) this.#queue.flush(this.socket);
  }

  onEnd(): void {
    if (this.#exchange === undefined) this.close("closed by the other side");
    else this.terminate("closed by the other side before it answered");
  }

  onClose(_socket: RelaySocket, error: Error | undefined): void {
    this.terminate(error === undefined ? "closed" : `lost: ${error.message}`);
  }

  onExpired(): void {
    if (this.#exchange === undefined) this.ping();
    else this.terminate("no answer in time");
  }

  #ask(asked: Asked, request: Uint8Array): void {
    this.#exchange = { asked, answer: new AnswerReader(METHODS[asked]) };
    this.#queue.push(request);
    this.#queue.flush(this.socket);
  }

  /** The answer is complete. */
  #conclude(asked: Asked, { head, kept }: Answer): void {
    this.#answered = true;
    const answer = asked === "authz" ? readAuthzAnswer(head) : undefined;
    if (answer?.type === "granted" && kept) {
      this.#ask("connect", encodeConnect(this.identity.name, CONNECT_PORT, answer.token, this.#trace));
      return;
    }
    const owner = this.stream;
    this.stream = undefined;
    this.other = NOWHERE;
    this.#exchange = undefined;
    this.context.deadlines.clear(this);
    if (kept) this.owner.onIdle(this);
    else this.close("the other side keeps no connection");
    owner?.onRefused(answer?.type === "granted" ? UNKEPT : refusalOf(asked, head.status));
  }

  /** The CONNECT was accepted: hands the connection over, with what has followed the head. */
  #become(first: Uint8Array): void {
    const owner = this.stream as StreamOwner;
    const { other } = this;
    this.#leave();
    this.owner.onTaken(this);
    const stream = new HttpStream(this.context, this.socket, this.identity, "opener", this.address);
    stream.stream = owner;
    stream.other = other;
    owner.onOpened(stream);
    if (first.length > 0) stream.onData(this.socket, first);
  }

  #leave(): void {
    this.stopped = true;
    this.stream = undefined;
    this.other = NOWHERE;
    this.context.deadlines.clear(this);
    this.#queue.clear();
  }
}

const UNKEPT: Refusal = {
  code: "draining",
  retry: true,
  reason: "it closes the connection after it has given a token",
};

function refusalOf(asked: Asked, status: number): Refusal {
  if (status === 401 || status === 403) return { code: "denied", retry: true, reason: `${asked} is forbidden` };
  if (status === 404) return { code: "not-found", retry: true, reason: "there is no such export" };
  const code = status === 503 ? "overloaded" : "unreachable";
  return { code, retry: true, reason: `the answer to ${asked} has status ${status}` };
}
