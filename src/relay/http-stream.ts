import { verifyChain } from "../pki/chain.ts";
import type { PeerIdentity } from "../pki/identity.ts";
import type { TunnelReport } from "../snapshot/messages.ts";
import { CONNECT_ESTABLISHED, encodeTextResponse } from "../wire/http/encode.ts";
import type { RefusalCode } from "../wire/messages.ts";
import { ClosingSocket } from "./closing-socket.ts";
import type { RelayContext } from "./context.ts";
import { NOWHERE } from "./endpoint.ts";
import type { AcceptedStream, PeerConnection, Refusal, StreamOwner } from "./peer-stream.ts";
import type { RelaySocket } from "./socket.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";

/** How a CONNECT is answered that came with a good token and still cannot be served. */
const STATUS: Readonly<Record<RefusalCode, number>> = {
  "not-found": 404,
  denied: 403,
  unreachable: 502,
  overloaded: 503,
  draining: 503,
  malformed: 400,
  internal: 500,
};

/** A connection whose CONNECT was answered, or is about to be: from then on it is one stream of raw bytes. */
export class HttpStream extends TcpEndpoint implements AcceptedStream, PeerConnection {
  #stream: StreamOwner | undefined;

  constructor(
    private readonly context: RelayContext,
    socket: RelaySocket,
    readonly identity: PeerIdentity,
    private readonly role: TunnelReport["role"],
    private readonly address: string,
    /** Called once, when the connection is gone. */
    private readonly onGone: () => void = () => {},
  ) {
    super(socket, NOWHERE, NO_OWNER);
    context.httpStreams.add(this);
  }

  get stream(): StreamOwner | undefined {
    return this.#stream;
  }

  set stream(owner: StreamOwner | undefined) {
    this.#stream = owner;
    this.owner = owner ?? NO_OWNER;
  }

  /** The head goes in a TLS record of its own: Go's net/http would keep for itself what comes in the same one. */
  accept(): void {
    this.write(CONNECT_ESTABLISHED);
  }

  /** What follows the request is of an application, not of HTTP, so the connection ends with the answer. */
  refuse({ code, reason }: Refusal): void {
    if (this.write(encodeTextResponse(STATUS[code], reason, true))) {
      this.resume();
      new ClosingSocket(this.socket, this.context.deadlines);
      this.#leave();
    } else this.reset();
  }

  override reset(): void {
    super.reset();
    this.#leave();
  }

  abort(): void {
    this.reset();
  }

  terminate(reason: string): void {
    const owner = this.#stream;
    this.reset();
    owner?.onReset(this, reason);
  }

  override onClose(socket: RelaySocket, error: Error | undefined): void {
    super.onClose(socket, error);
    this.#leave();
  }

  verify(ca: string, now: number): string | undefined {
    const verdict = verifyChain(this.identity.chain, ca, now, this.role === "opener" ? "server" : "client");
    return verdict.valid ? undefined : verdict.reason;
  }

  report(): TunnelReport {
    return { peer: this.identity.name, address: this.address, role: this.role, state: "busy" };
  }

  #leave(): void {
    this.#stream = undefined;
    if (this.context.httpStreams.delete(this)) this.onGone();
  }
}

const NO_OWNER = { onFinished() {}, onReset() {} };
