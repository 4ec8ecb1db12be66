import { verifyChain } from "../pki/chain.ts";
import type { PeerIdentity } from "../pki/identity.ts";
import type { TunnelReport } from "../snapshot/messages.ts";
import { AUTHZ_PATH } from "../wire/http/authz.ts";
import { BodyReader } from "../wire/http/body-reader.ts";
import { CONTINUE, encodeResponse, encodeTextResponse } from "../wire/http/encode.ts";
import type { HttpFault } from "../wire/http/errors.ts";
import { encodePeerLabels, PEER_LABELS_FIELD } from "../wire/http/peer-labels.ts";
import type { RequestHead } from "../wire/http/request.ts";
import type { RelayContext } from "./context.ts";
import type { Caller, HttpAuthz } from "./http-authz.ts";
import { HttpStream } from "./http-stream.ts";
import { HttpVisitor } from "./http-visitor.ts";
import type { PeerConnection } from "./peer-stream.ts";
import { ServerConnection } from "./server-connection.ts";
import type { RelaySocket } from "./socket.ts";
import { validTrace } from "./trace.ts";

/** How long a peer may stay without a request, in milliseconds. */
const IDLE_TIMEOUT = 300_000;

/** A connection of a peer that speaks HTTP/1.1: `/healthz`, `/authz`, and CONNECT, which turns it into a stream. */
export class HttpPeer extends HttpVisitor implements PeerConnection {
  #body: { head: RequestHead; reader: BodyReader } | undefined;
  #requests = 0;

  constructor(
    context: RelayContext,
    socket: RelaySocket,
    readonly identity: PeerIdentity,
    private readonly address: string,
    private readonly authz: HttpAuthz,
    /** Those that carry no stream. */
    private readonly peers: Set<HttpPeer>,
    onGone: () => void,
  ) {
    super(context, socket, onGone);
    peers.add(this);
  }

  verify(ca: string, now: number): string | undefined {
    const verdict = verifyChain(this.identity.chain, ca, now, "client");
    return verdict.valid ? undefined : verdict.reason;
  }

  report(): TunnelReport {
    return { peer: this.identity.name, address: this.address, role: "acceptor", state: "idle" };
  }

  protected override get idleTimeout(): number {
    return IDLE_TIMEOUT;
  }

  protected override get reading(): boolean {
    return super.reading || this.#body !== undefined;
  }

  protected override serve(head: RequestHead, rest: Uint8Array): void {
    const { notAfter } = this.context.state.site.certificates;
    if (Math.min(this.identity.notAfter, notAfter) < Date.now()) {
      this.terminate();
      return;
    }
    if (head.method === "CONNECT") this.#connect(head, rest);
    else if (head.method === "POST" && head.path === AUTHZ_PATH) this.#expectBody(head, rest);
    else if (head.method === "GET" && head.path === "/healthz" && head.framing.type === "none") {
      const fields = { [PEER_LABELS_FIELD]: encodePeerLabels(this.context.state.site.labels) };
      const kept = this.keeps(head);
      this.answer(encodeResponse({ status: 200, fields, close: !kept }), kept);
    } else super.serve(head, rest);
  }

  protected override readBody(chunk: Uint8Array): number | undefined {
    if (this.#body === undefined) return undefined;
    const { head, reader } = this.#body;
    const { consumed, body } = reader.push(chunk);
    if (body !== undefined) {
      this.#body = undefined;
      this.#authorize(head, body);
    }
    return consumed;
  }

  protected override unknown(): void {
    this.answer(encodeTextResponse(404, "there is nothing here", true), false);
  }

  protected override refuse({ status, message }: HttpFault): void {
    this.answer(encodeTextResponse(status, message, true), false);
  }

  protected override leave(): void {
    super.leave();
    this.peers.delete(this);
  }

  #expectBody(head: RequestHead, rest: Uint8Array): void {
    const reader = new BodyReader(head.framing);
    if (head.framing.type === "none") {
      this.#authorize(head, new Uint8Array());
      return;
    }
    if (head.expectsContinue && rest.length === 0) this.write(CONTINUE);
    this.#body = { head, reader };
  }

  #authorize(head: RequestHead, body: Uint8Array): void {
    const kept = this.keeps(head);
    this.answer(this.authz.authorize(this.#caller(head), body, !kept), kept);
  }

  /** `rest` is the stream's first. */
  #connect(head: RequestHead, rest: Uint8Array): void {
    const redeemed = this.authz.redeem(this.#caller(head), head.fields);
    if ("status" in redeemed) {
      this.answer(encodeTextResponse(redeemed.status, redeemed.reason, true), false);
      return;
    }
    const onGone = this.handAway();
    const stream = new HttpStream(this.context, this.socket, this.identity, "acceptor", this.address, onGone);
    new ServerConnection(this.context, stream, redeemed);
    if (rest.length > 0 && stream.stream !== undefined) stream.onData(this.socket, rest);
  }

  #caller({ fields }: RequestHead): Caller {
    this.#requests += 1;
    return {
      name: this.identity.name,
      id: `${this.address}#${this.#requests}`,
      trace: validTrace(fields.get("traceparent") ?? ""),
    };
  }
}
