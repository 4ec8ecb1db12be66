import type { Attributes } from "../policy/attributes.ts";
import type { Decision } from "../policy/compiled-policy.ts";
import { objectKey } from "../resources/meta.ts";
import type { ConnectionReport } from "../snapshot/messages.ts";
import type { Open, Refused } from "../wire/messages.ts";
import type { RelayContext } from "./context.ts";
import { Dial, type DialOwner } from "./dial.ts";
import { EarlyData } from "./early-data.ts";
import type { Endpoint } from "./endpoint.ts";
import type { DialError } from "./errors.ts";
import type { LiveConnection } from "./live.ts";
import { type EndCode, ending } from "./metrics.ts";
import type { RelaySocket } from "./socket.ts";
import type { SiteState } from "./state.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";
import type { StreamOwner, Tunnel } from "./tunnel.ts";

type Refusal = Omit<Refused, "stream">;

/**
 * A stream that a peer has opened to one of our exports: the decision by our own view of who asks, the dial, the answer,
 * then the relay.
 */
export class ServerConnection implements StreamOwner, DialOwner, LiveConnection {
  readonly #early = new EarlyData();
  readonly #started = Date.now();
  readonly #startedAt: number;
  /** The tunnel's address and the number of the stream on it. */
  readonly #id: string;
  readonly #trace: string;
  readonly #key: string;
  readonly #attributes: Attributes;
  #decision: Decision | undefined;
  #dial: Dial | undefined;
  #service: TcpEndpoint | undefined;
  #openMs: number | undefined;
  #streamFinished = false;
  #over = false;

  constructor(
    private readonly context: RelayContext,
    private readonly tunnel: Tunnel,
    open: Open,
  ) {
    this.#key = objectKey(open.exportNamespace, open.exportName);
    this.#id = `${tunnel.address}#${open.stream}`;
    this.#trace = open.trace;
    this.#startedAt = context.now();
    this.#attributes = context.state.remoteSource(tunnel.identity.name, open.attributes);
    tunnel.stream = this;
    tunnel.other = this.#early;
    context.live.add(this);
    this.#answer();
  }

  onDialled(socket: RelaySocket): void {
    const { tunnel } = this;
    const service = new TcpEndpoint(socket, tunnel, this);
    this.#dial = undefined;
    this.#service = service;
    this.#openMs = this.context.now() - this.#startedAt;
    tunnel.other = service;
    tunnel.accept();
    if (!this.#early.replay(service)) tunnel.pause();
  }

  onDialFailed(error: DialError): void {
    this.#dial = undefined;
    this.context.log.debug("export cannot be reached", { export: this.#key, error });
    this.#refuse({ code: "unreachable", retry: true, reason: "the exported service cannot be reached" }, error.message);
  }

  onOpened(): void {}
  onRefused(): void {}

  onFinished(endpoint: Endpoint): void {
    if (endpoint === this.tunnel) this.#streamFinished = true;
    if (this.#streamFinished && this.#service?.finished) this.#done("finished");
  }

  onReset(endpoint: Endpoint, reason: string): void {
    if (endpoint === this.tunnel) this.#leaveService();
    else if (this.tunnel.stream === this) this.tunnel.reset();
    if (endpoint === this.tunnel) this.#done("reset-by-peer", reason);
    else this.#done("reset-by-service");
  }

  judge(state: SiteState): string | undefined {
    const entry = state.export(this.#key);
    if (entry === undefined) return `export ${this.#key} was deleted`;
    const decision = state.policies.decide(entry.namespace, this.#attributes, state.localDestination(entry));
    return decision.allowed ? undefined : `no longer allowed: ${decision.policy}`;
  }

  cut(reason: string): void {
    this.#leaveService();
    if (this.tunnel.stream === this) this.tunnel.abort(reason);
    this.#done("cut", reason);
  }

  report(): ConnectionReport {
    return {
      id: this.#id,
      side: "server",
      export: this.#key,
      peer: this.tunnel.identity.name,
      attributes: { ...this.#attributes.values },
      policy: this.#decision?.policy ?? "",
      since: this.#started,
      bytesIn: this.#service?.sent ?? 0,
      bytesOut: this.#service?.received ?? 0,
    };
  }

  #answer(): void {
    const { context } = this;
    const { state } = context;
    const entry = state.export(this.#key);
    if (context.draining) {
      this.#refuse({ code: "draining", retry: true, reason: "this gateway is going away" });
    } else if (entry === undefined) {
      this.#refuse({ code: "not-found", retry: true, reason: `there is no export ${this.#key}` });
    } else {
      this.#decision = state.policies.decide(entry.namespace, this.#attributes, state.localDestination(entry));
      context.metrics.decided("server", this.#decision);
      if (!this.#decision.allowed) {
        const why = `denied by ${this.#decision.policy}`;
        this.#refuse({ code: "denied", retry: true, reason: "access is denied by the exporting site" }, why);
      } else if (!context.descriptors.available) {
        this.#refuse({ code: "overloaded", retry: true, reason: "this gateway has no room for more connections" });
      } else {
        this.#dial = new Dial({ host: entry.host, port: entry.port }, state.site.deadlines.dial, this, context);
      }
    }
  }

  #leaveService(): void {
    this.#dial?.cancel();
    this.#dial = undefined;
    this.#service?.reset();
  }

  #refuse(refusal: Refusal, why = refusal.reason): void {
    if (this.tunnel.stream === this) this.tunnel.refuse(refusal);
    this.#done(refusal.code, why);
  }

  #done(end: EndCode, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.context.live.delete(this);
    const decision = this.#decision;
    this.context.ended({
      started: this.#started,
      durationMs: this.context.now() - this.#startedAt,
      ...(this.#openMs === undefined ? {} : { openMs: this.#openMs }),
      id: this.#id,
      side: "server",
      export: this.#key,
      peer: this.tunnel.identity.name,
      attributes: this.#attributes.values,
      ...(decision === undefined ? {} : { decision: decision.allowed ? "allow" : "deny" }),
      policy: decision?.policy ?? "",
      bytesIn: this.#service?.sent ?? 0,
      bytesOut: this.#service?.received ?? 0,
      ...ending(end, reason),
      ...(this.#trace === "" ? {} : { trace: this.#trace }),
    });
  }
}
