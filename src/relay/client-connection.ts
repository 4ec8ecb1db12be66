import type { Decision } from "../policy/compiled-policy.ts";
import { canonicalAddress, formatHostPort } from "../resources/address.ts";
import type { ImportSource } from "../resources/import.ts";
import { objectKey } from "../resources/meta.ts";
import type { ConnectionReport } from "../snapshot/messages.ts";
import type { ImportEntry } from "../snapshot/tables.ts";
import type { TriedSource } from "../telemetry/access-log.ts";
import type { RefusalCode } from "../wire/messages.ts";
import type { RelayContext } from "./context.ts";
import type { Expiring } from "./deadlines.ts";
import { EarlyData } from "./early-data.ts";
import type { Endpoint } from "./endpoint.ts";
import type { DialError } from "./errors.ts";
import type { Link } from "./link.ts";
import type { LiveConnection } from "./live.ts";
import { type EndCode, ending } from "./metrics.ts";
import type { LinkWaiter } from "./peer-pool.ts";
import type { PeerStream, Refusal, StreamHandle, StreamOwner } from "./peer-stream.ts";
import type { RelaySocket } from "./socket.ts";
import type { SiteState, Source } from "./state.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";
import { newTrace } from "./trace.ts";

/** The source that is being tried or in use, and the decision that allows it. */
interface Candidate {
  source: ImportSource;
  decision: Decision;
}

/**
 * A connection of a local application to an Import, from accept to the end of both halves: who it is, where it may go,
 * the sources one after the other until one opens, then the relay.
 */
export class ClientConnection implements StreamOwner, LinkWaiter, Expiring, LiveConnection {
  readonly #app: TcpEndpoint;
  readonly #early = new EarlyData();
  readonly #started = Date.now();
  readonly #startedAt: number;
  readonly #key: string;
  /** `ADDRESS:PORT` of the application. */
  readonly #id: string;
  readonly #trace = newTrace();
  readonly #source: Source;
  /** Sources that have not been tried yet, the best first. */
  readonly #untried: ImportSource[];
  #candidate: Candidate | undefined;
  #stream: StreamHandle | undefined;
  /** Links to the same source that answered "not here, not now", or died before they answered. */
  #avoid: Set<StreamHandle> | undefined;
  #open = false;
  /** The balancer counts this connection for the candidate. */
  #counted = false;
  #openMs: number | undefined;
  #over = false;
  #streamFinished = false;
  readonly #tried: TriedSource[] = [];
  /** What the last source that was tried came to. */
  #failure: { code: EndCode; reason: string } | undefined;
  #denial: Decision | undefined;

  constructor(
    private readonly context: RelayContext,
    entry: ImportEntry,
    socket: RelaySocket,
  ) {
    this.#key = objectKey(entry.namespace, entry.name);
    this.#startedAt = context.now();
    this.#app = new TcpEndpoint(socket, this.#early, this);
    const address = canonicalAddress(socket.remoteAddress) ?? socket.remoteAddress;
    this.#id = formatHostPort(address, socket.remotePort);
    this.#source = context.state.source(context.state.client(address));
    context.live.add(this);
    this.#untried = context.balancer.order(this.#key, entry.sources, entry.lbScheme, (source) =>
      context.state.standing(source),
    );
    this.#next();
  }

  onLink(link: Link): void {
    const { source } = this.#candidate as Candidate;
    this.#stream = link;
    this.#streamFinished = false;
    link.other = this.#app;
    link.open(this, { namespace: source.exportNamespace, name: source.exportName }, this.#source, this.#trace);
    if (link.sendsEarly) this.#early.replay(link);
  }

  /** What a link has answered before counts for more than that there is no other. */
  onNoLink(error: DialError): void {
    if (this.#avoid === undefined) this.#failed("unreachable", error.message);
    this.#next();
  }

  onOpened(stream: PeerStream): void {
    this.#open = true;
    this.context.deadlines.clear(this);
    this.#openMs = this.context.now() - this.#startedAt;
    this.#stream = stream;
    this.#app.other = stream;
    if (this.#early.through === undefined) this.#early.replay(stream);
    if (this.#early.complete(stream)) this.#app.resume();
  }

  onRefused(refused: Refusal): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#early.through = undefined;
    this.#failed(refused.code, `the exporting site: ${refused.reason.slice(0, MAX_REASON)}`);
    if (DETOUR.has(refused.code) && this.#detours(stream)) this.#acquire();
    else if (refused.retry) this.#next();
    else this.#giveUp();
  }

  onFinished(endpoint: Endpoint): void {
    if (endpoint !== this.#app) this.#streamFinished = true;
    if (this.#streamFinished && this.#app.finished) this.#done("finished");
  }

  onReset(endpoint: Endpoint, reason: string): void {
    if (endpoint === this.#app) {
      if (this.#stream?.stream === this) this.#stream.reset();
      this.#done("reset-by-client");
      return;
    }
    const { sent } = this.#early;
    const stream = this.#stream;
    this.#stream = undefined;
    this.#early.through = undefined;
    if (!this.#open && !sent) {
      this.#failed("unreachable", reason);
      if (this.#detours(stream)) this.#acquire();
      else this.#next();
      return;
    }
    this.#app.reset();
    this.#done("reset-by-peer", reason);
  }

  onExpired(): void {
    const stream = this.#stream;
    const { sent } = this.#early;
    this.#stream = undefined;
    this.#early.through = undefined;
    if (stream?.stream === this) stream.reset();
    const { source } = this.#candidate as Candidate;
    this.context.pools.of(source.peer).withdraw(this);
    this.#failed("timeout", `${source.peer} did not answer in time`);
    if (sent) this.#giveUp();
    else this.#next();
  }

  judge(state: SiteState): string | undefined {
    const entry = state.import(this.#key);
    if (entry === undefined) return `import ${this.#key} was deleted`;
    const chosen = this.#candidate?.source;
    if (chosen === undefined) return undefined;
    const source = entry.sources.find((other) => isSame(other, chosen));
    if (source === undefined) return "its source was removed from the import";
    if (state.peer(source.peer) === undefined) return `peer ${source.peer} was deleted`;
    const decision = this.#decide(state, entry, source);
    return decision.allowed ? undefined : `no longer allowed: ${decision.policy}`;
  }

  keepAlive(): void {
    this.#app.keepAlive();
  }

  cut(reason: string): void {
    this.#app.reset();
    if (this.#stream?.stream === this) this.#stream.abort(reason);
    this.#done("cut", reason);
  }

  report(): ConnectionReport {
    return {
      id: this.#id,
      side: "client",
      import: this.#key,
      ...this.#place(),
      client: this.#id,
      attributes: { ...this.#source.attributes.values },
      policy: this.#candidate?.decision.policy ?? "",
      since: this.#started,
      bytesIn: this.#app.received,
      bytesOut: this.#app.sent,
    };
  }

  /** Goes on to the next source that policy allows at this moment. */
  #next(): void {
    this.#release();
    const entry = this.context.state.import(this.#key);
    for (let untried = this.#untried.shift(); untried !== undefined; untried = this.#untried.shift()) {
      const source = entry?.sources.find((other) => isSame(other, untried));
      if (entry === undefined || source === undefined || this.context.state.peer(source.peer) === undefined) continue;
      const decision = this.#decide(this.context.state, entry, source);
      this.context.metrics.decided("client", decision);
      if (!decision.allowed) {
        this.#denial ??= decision;
        continue;
      }
      this.#candidate = { source, decision };
      this.#avoid = undefined;
      this.#counted = true;
      this.context.balancer.started(this.#key, source);
      this.#acquire();
      return;
    }
    this.#giveUp();
  }

  #failed(result: EndCode & (RefusalCode | "timeout"), reason: string): void {
    this.#tried.push({ export: "", ...this.#place(), result });
    this.#failure = { code: result, reason };
  }

  #decide(state: SiteState, entry: ImportEntry, source: ImportSource): Decision {
    return state.policies.decide(entry.namespace, this.#source.attributes, state.remoteDestination(entry, source));
  }

  #acquire(): void {
    const { pools, deadlines, state } = this.context;
    deadlines.set(this, state.site.deadlines.open);
    pools.of((this.#candidate as Candidate).source.peer).acquire(this, this.#avoid);
  }

  /** @returns whether another link to the same source may do better than this one, which is not asked again. */
  #detours(link: StreamHandle | undefined): boolean {
    if (link === undefined || this.#avoid?.size === MAX_DETOURS) return false;
    this.#avoid ??= new Set();
    this.#avoid.add(link);
    return true;
  }

  #release(): void {
    const { source } = this.#candidate ?? {};
    if (this.#counted && source !== undefined) this.context.balancer.finished(this.#key, source);
    this.#counted = false;
  }

  /** Where it goes, or was last tried: for people, so both are empty before the first source. */
  #place(): { peer: string; export?: string } {
    const { source } = this.#candidate ?? {};
    if (source === undefined) return { peer: "" };
    return { peer: source.peer, export: objectKey(source.exportNamespace, source.exportName) };
  }

  /** No source is left: tells the application, and the log why. */
  #giveUp(): void {
    this.#app.reset();
    if (this.#failure !== undefined) this.#done(this.#failure.code, this.#failure.reason);
    else if (this.#denial !== undefined) this.#done("denied", `no source is allowed: ${this.#denial.policy}`);
    else this.#done("no-source", "the import has no source that can be tried");
  }

  #done(end: EndCode, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    const { context } = this;
    context.deadlines.clear(this);
    context.live.delete(this);
    const place = this.#place();
    if (!this.#open && place.peer !== "") context.pools.of(place.peer).withdraw(this);
    const decision = this.#candidate?.decision ?? this.#denial;
    context.ended({
      started: this.#started,
      durationMs: context.now() - this.#startedAt,
      ...(this.#openMs === undefined ? {} : { openMs: this.#openMs }),
      id: this.#id,
      side: "client",
      import: this.#key,
      ...place,
      client: this.#id,
      attributes: this.#source.attributes.values,
      ...(decision === undefined ? {} : { decision: decision.allowed ? "allow" : "deny" }),
      policy: decision?.policy ?? "",
      ...(this.#tried.length === 0 ? {} : { tried: this.#tried }),
      bytesIn: this.#app.received,
      bytesOut: this.#app.sent,
      ...ending(end, reason),
      trace: this.#trace,
    });
    this.#release();
  }
}

/** What another link or gateway of the same source may not answer. */
const DETOUR: ReadonlySet<RefusalCode> = new Set(["draining", "overloaded"]);
/** Characters of a peer's reason that the access log has room for. */
const MAX_REASON = 256;
/** Links to one source that may turn a connection away, or die under it, before the next source is tried. */
const MAX_DETOURS = 4;

function isSame(a: ImportSource, b: ImportSource): boolean {
  return a.peer === b.peer && a.exportName === b.exportName && a.exportNamespace === b.exportNamespace;
}
