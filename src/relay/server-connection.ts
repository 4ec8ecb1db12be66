import type { ConnectionReport } from "../snapshot/messages.ts";
import type { RelayContext } from "./context.ts";
import { Dial, type DialOwner } from "./dial.ts";
import { EarlyData } from "./early-data.ts";
import type { Endpoint } from "./endpoint.ts";
import type { DialError } from "./errors.ts";
import { Ingress, type IngressRequest } from "./ingress.ts";
import type { LiveConnection } from "./live.ts";
import type { EndCode } from "./metrics.ts";
import type { AcceptedStream, Refusal, StreamOwner } from "./peer-stream.ts";
import type { RelaySocket } from "./socket.ts";
import type { SiteState } from "./state.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";

/**
 * A stream that a peer has opened to one of our exports: the decision by our own view of who asks, the dial, the answer,
 * then the relay.
 */
export class ServerConnection implements StreamOwner, DialOwner, LiveConnection {
  readonly #early = new EarlyData();
  readonly #ingress: Ingress;
  #dial: Dial | undefined;
  #service: TcpEndpoint | undefined;
  #openMs: number | undefined;
  #streamFinished = false;
  #over = false;

  constructor(
    private readonly context: RelayContext,
    private readonly stream: AcceptedStream,
    request: IngressRequest,
  ) {
    this.#ingress = new Ingress(context, request);
    stream.stream = this;
    stream.other = this.#early;
    context.live.add(this);
    this.#answer();
  }

  onDialled(socket: RelaySocket): void {
    const { stream } = this;
    const service = new TcpEndpoint(socket, stream, this);
    this.#dial = undefined;
    this.#service = service;
    this.#openMs = this.#ingress.age;
    stream.other = service;
    stream.accept();
    const free = this.#early.replay(service);
    if (this.#early.complete(service) && free) stream.resume();
    else stream.pause();
  }

  onDialFailed(error: DialError): void {
    this.#dial = undefined;
    this.context.log.debug("export cannot be reached", { export: this.#ingress.request.key, error });
    this.#refuse({ code: "unreachable", retry: true, reason: "the exported service cannot be reached" }, error.message);
  }

  onOpened(): void {}
  onRefused(): void {}

  onFinished(endpoint: Endpoint): void {
    if (endpoint === this.stream) this.#streamFinished = true;
    if (this.#streamFinished && this.#service?.finished) this.#done("finished");
  }

  onReset(endpoint: Endpoint, reason: string): void {
    if (endpoint === this.stream) this.#leaveService();
    else if (this.stream.stream === this) this.stream.reset();
    if (endpoint === this.stream) this.#done("reset-by-peer", reason);
    else this.#done("reset-by-service");
  }

  judge(state: SiteState): string | undefined {
    return this.#ingress.judge(state);
  }

  keepAlive(): void {
    this.#service?.keepAlive();
  }

  cut(reason: string): void {
    this.#leaveService();
    if (this.stream.stream === this) this.stream.abort(reason);
    this.#done("cut", reason);
  }

  report(): ConnectionReport {
    return this.#ingress.report(this.#traffic);
  }

  get #traffic() {
    const openMs = this.#openMs === undefined ? {} : { openMs: this.#openMs };
    return { bytesIn: this.#service?.sent ?? 0, bytesOut: this.#service?.received ?? 0, ...openMs };
  }

  #answer(): void {
    const admission = this.#ingress.admit();
    if ("refusal" in admission) {
      this.#refuse(admission.refusal, admission.why);
      return;
    }
    const { host, port } = admission.entry;
    const target = { host, port, asker: this.#ingress.request.peer };
    this.#dial = new Dial(target, this.context.state.site.deadlines.dial, this, this.context);
  }

  #leaveService(): void {
    this.#dial?.cancel();
    this.#dial = undefined;
    this.#service?.reset();
  }

  #refuse(refusal: Refusal, why: string): void {
    if (this.stream.stream === this) this.stream.refuse(refusal);
    this.#done(refusal.code, why);
  }

  #done(end: EndCode, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.context.live.delete(this);
    this.#ingress.end(end, reason, this.#traffic);
  }
}
