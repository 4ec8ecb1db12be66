import { Balancer } from "../balance/balancer.ts";
import type { Channel } from "../snapshot/channel.ts";
import type { ToControl, ToRelay } from "../snapshot/messages.ts";
import type { TableName } from "../snapshot/tables.ts";
import type { AccessLog, AccessRecord } from "../telemetry/access-log.ts";
import type { Logger } from "../telemetry/log.ts";
import { type Hello, PROTOCOL_VERSION } from "../wire/messages.ts";
import { ApiHandovers } from "./api-handovers.ts";
import { Collector } from "./collector.ts";
import type { RelayContext } from "./context.ts";
import { Deadlines } from "./deadlines.ts";
import { Descriptors } from "./descriptors.ts";
import { ListenError } from "./errors.ts";
import type { HttpStream } from "./http-stream.ts";
import { ImportPorts } from "./import-ports.ts";
import { firstOf, LiveConnections } from "./live.ts";
import { RelayMetrics } from "./metrics.ts";
import { PeerPort } from "./peer-port.ts";
import type { PeerConnection } from "./peer-stream.ts";
import { Pools } from "./pools.ts";
import { countedHandlers } from "./socket.ts";
import { SiteState } from "./state.ts";

export interface RelayOptions {
  index: number;
  /** How many relays share the ports. */
  count: number;
  log: Logger;
  accessLog: AccessLog;
  /** Milliseconds of a clock that only rises. Default: `performance.now`. */
  now?: () => number;
}

/** How often pools are looked after and certificates' ends are watched, in milliseconds. */
const SWEEP_INTERVAL = 250;
/** Sweeps between two calls of `keepAlive`. */
const KEEP_ALIVE_SWEEPS = 20;
const MAX_REPORTED = 10_000;
/** Characters of attributes that one report carries: what peers claim of their clients may be long. */
const MAX_REPORTED_ATTRIBUTES = 8 * 1024 * 1024;
/** How long the openers may take to let go of idle tunnels after DRAIN, in milliseconds. */
const LETTING_GO = 1_000;
const ALL_TABLES: ReadonlySet<TableName> = new Set(["site", "imports", "exports", "policies", "peers", "clients"]);

/**
 * One relay: listens, decides and moves bytes by the snapshot that control has given it. It binds nothing before the
 * first one and goes on with the last when control is gone.
 */
export class Relay implements RelayContext {
  readonly state = new SiteState();
  readonly deadlines: Deadlines;
  readonly descriptors = new Descriptors();
  readonly handlers = countedHandlers(this.descriptors, (error) => this.onDefect(error));
  readonly balancer = new Balancer();
  readonly live = new LiveConnections();
  readonly collector = new Collector();
  readonly handovers: ApiHandovers = new ApiHandovers(this);
  readonly httpStreams = new Set<HttpStream>();
  readonly metrics = new RelayMetrics();
  readonly pools = new Pools(this);
  readonly log: Logger;
  readonly #peerPort = new PeerPort(this);
  readonly #importPorts = new ImportPorts(this);
  readonly #end = Promise.withResolvers<number>();
  #peerPortBound = false;
  #peerPortFailure: ListenError | undefined;
  #draining = false;
  /** It has been told to end: it is not ready any more, even while it still accepts. */
  #leaving = false;
  #sweeper: Timer | undefined;
  #sweeps = 0;
  /** Peers have told new labels that no connection has been judged by. */
  #labelsChanged = false;
  /** Once for each sweep, connections are judged by new labels at once. */
  #mayJudgeLabels = true;
  /** When control went, until another one has published. */
  #alone: number | undefined;
  #drainTimer: Timer | undefined;
  #letGoTimer: Timer | undefined;
  #grace = 0;

  constructor(
    private readonly channel: Channel<ToControl, ToRelay>,
    private readonly options: RelayOptions,
  ) {
    this.log = options.log;
    this.deadlines = new Deadlines(() => this.now());
    this.state.onPeerLabels = () => this.#judgeLabels();
  }

  /** Resolves with the exit code when the relay has drained. */
  get finished(): Promise<number> {
    return this.#end.promise;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /**
   * For `/readyz`: a snapshot is in use, the peer port is bound, and no drain has begun. An Import whose port cannot be
   * bound says so in its own conditions; it must not take the others with it.
   */
  get ready(): boolean {
    return this.state.loaded && !this.#leaving && this.#peerPortBound;
  }

  onDefect(error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    this.log.error("a connection is torn down, because of a defect of this program", { error, stack });
  }

  now(): number {
    return this.options.now?.() ?? performance.now();
  }

  hello(opener: Hello["opener"]): Hello {
    const { instance, labels } = this.state.site;
    const { index, count } = this.options;
    return { version: PROTOCOL_VERSION, instance, relay: index, relays: count, opener, labels, features: [] };
  }

  ended(record: AccessRecord): void {
    this.metrics.ended(record);
    this.options.accessLog.write(record);
  }

  /** Control is gone: what it has told of clients grows old until another one publishes. */
  loseControl(): void {
    this.#alone ??= this.now();
  }

  /** Takes messages from control from now on. */
  start(): void {
    this.channel.onMessage((message) => this.#receive(message));
    this.channel.send({ type: "hello", relay: this.options.index, pid: process.pid });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL);
  }

  #receive(message: ToRelay): void {
    switch (message.type) {
      case "snapshot":
        this.#change(() => {
          this.state.load(message.version, message.tables);
          this.#alone = undefined;
          return ALL_TABLES;
        });
        return;
      case "delta":
        this.#change(() => this.state.apply(message.delta));
        return;
      case "report":
        this.#report(message.id, message.connections);
        return;
      case "drain":
        this.#drain(message.delay, message.grace);
        return;
    }
  }

  /** Takes new tables into use and acts on those that `change` says it touched. */
  #change(change: () => ReadonlySet<TableName> | undefined): void {
    const before = this.state.loaded ? this.state.site.certificates : undefined;
    const touched = change();
    if (touched === undefined) {
      this.channel.send({ type: "resync" });
      return;
    }
    const concerns = (...tables: TableName[]) => tables.some((table) => touched.has(table));
    if (before !== undefined && !Bun.deepEquals(before, this.state.site.certificates)) this.#renew();
    this.#bindPeerPort();
    if (concerns("imports")) this.#importPorts.update(this.state.tables.imports);
    if (concerns("clients")) this.#importPorts.reviewArrivals();
    if (concerns("imports", "peers")) this.pools.update(this.state);
    if (concerns("imports", "exports", "policies", "peers", "site")) this.#judge();
    if (concerns("imports")) this.balancer.forget((key) => this.state.import(key) === undefined);
    this.#tellApplied();
  }

  #tellApplied(): void {
    this.channel.send({
      type: "applied",
      version: this.state.version,
      failedListeners: [...this.#importPorts.failures, ...this.#peerPortFailures()],
    });
  }

  /** A port may have become free without any change of the tables. */
  #retryPorts(): void {
    const bound = this.#peerPortBound;
    this.#bindPeerPort();
    const freed = this.#importPorts.retry(this.state.tables.imports);
    if (freed || bound !== this.#peerPortBound) this.#tellApplied();
  }

  #judge(): void {
    const cut = this.live.judge(this.state);
    if (cut > 0) this.log.info("connections cut, because they are no longer allowed", { connections: cut });
  }

  /** A peer may tell other labels as often as it likes, and every time all connections would be judged. */
  #judgeLabels(): void {
    this.#labelsChanged = !this.#mayJudgeLabels;
    if (this.#labelsChanged) return;
    this.#mayJudgeLabels = false;
    this.#judge();
  }

  #bindPeerPort(): void {
    if (this.#peerPortBound || this.#draining) return;
    const { address, port } = this.state.site.listen;
    try {
      this.#peerPort.listen(address, port);
      this.#peerPortBound = true;
      this.#peerPortFailure = undefined;
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      if (this.#peerPortFailure === undefined) this.log.error("the peer port cannot be bound yet", { error });
      this.#peerPortFailure = error;
    }
  }

  #peerPortFailures() {
    const failure = this.#peerPortFailure;
    if (failure === undefined) return [];
    return [{ key: "peer", port: failure.port, code: failure.errno, message: failure.message }];
  }

  /** New certificates or CAs: idle tunnels go, busy ones stay while the peer's chain is still good. */
  #renew(): void {
    this.pools.retireAll("the certificates have changed");
    for (const tunnel of this.#peerPort.tunnels) tunnel.drain();
    for (const connection of this.#connections()) this.#verify(connection);
  }

  #verify(connection: PeerConnection): void {
    const { certificates } = this.state.site;
    const now = Date.now();
    if (certificates.notAfter <= now) connection.terminate("this site's certificate has expired");
    else {
      const fault = connection.verify(certificates.ca, now);
      if (fault !== undefined) connection.terminate(`the peer's certificate is not valid any more: ${fault}`);
    }
  }

  *#connections(): Iterable<PeerConnection> {
    yield* [...this.pools.links()];
    yield* [...this.#peerPort.tunnels];
    yield* [...this.#peerPort.httpPeers];
    yield* [...this.httpStreams];
  }

  #sweep(): void {
    if (!this.state.loaded) return;
    if (!this.#draining) this.#retryPorts();
    const { identityMaxAge = Number.POSITIVE_INFINITY } = this.state.site;
    if (this.#alone !== undefined && this.now() - this.#alone >= identityMaxAge) this.state.clientsExpired = true;
    this.#mayJudgeLabels = true;
    if (this.#labelsChanged) this.#judgeLabels();
    this.pools.sweep();
    if (++this.#sweeps % KEEP_ALIVE_SWEEPS === 0) this.live.keepAlive();
    const now = Date.now();
    const own = this.state.site.certificates.notAfter;
    for (const connection of this.#connections()) {
      if (connection.identity.notAfter <= now || own <= now) this.#verify(connection);
    }
  }

  #report(id: number, each: boolean): void {
    const tunnels = [...this.#connections()].map((connection) => connection.report());
    const connections = this.live.reports();
    this.channel.send({
      type: "report",
      id,
      report: {
        relay: this.options.index,
        pid: process.pid,
        version: this.state.version,
        metrics: this.metrics.families(connections, tunnels, this.options.accessLog.dropped),
        tunnels: tunnels.slice(0, MAX_REPORTED),
        connections: each ? firstOf(connections, MAX_REPORTED, MAX_REPORTED_ATTRIBUTES) : [],
        connectionCount: connections.length,
        peerLabels: this.state.peerLabels,
      },
    });
  }

  /** The last order counts: one that comes during a drain may shorten it. */
  #drain(delay: number, grace: number): void {
    this.#leaving = true;
    this.#grace = grace;
    clearTimeout(this.#drainTimer);
    if (this.#draining) this.#limit();
    else this.#drainTimer = setTimeout(() => this.#stopAccepting(), delay);
  }

  #stopAccepting(): void {
    this.#draining = true;
    this.#peerPort.close();
    this.#importPorts.close();
    this.#peerPort.drain();
    this.live.onEmpty = () => this.#letGo();
    this.#limit();
    if (this.live.size === 0) this.#letGo();
  }

  #limit(): void {
    const cut = () => {
      this.live.cutAll("the gateway is going away");
      this.#finish();
    };
    this.#drainTimer = setTimeout(cut, this.#grace);
  }

  /** An OPEN may have crossed our DRAIN: it is answered, and the openers close the idle tunnels themselves. */
  #letGo(): void {
    this.#peerPort.onEmpty = () => this.#finish();
    if (this.#peerPort.empty) this.#finish();
    else this.#letGoTimer ??= setTimeout(() => this.#finish(), LETTING_GO);
  }

  #finish(): void {
    clearInterval(this.#sweeper);
    clearTimeout(this.#drainTimer);
    clearTimeout(this.#letGoTimer);
    this.deadlines.stop();
    for (const link of [...this.pools.links(), ...this.#peerPort.tunnels]) link.close("the gateway is going away");
    this.#end.resolve(0);
  }
}
