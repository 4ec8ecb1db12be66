import type { Balancer } from "../balance/balancer.ts";
import type { AccessRecord } from "../telemetry/access-log.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Hello } from "../wire/messages.ts";
import type { ApiHandovers } from "./api-handovers.ts";
import type { Collector } from "./collector.ts";
import type { DialContext } from "./dial.ts";
import type { HttpStream } from "./http-stream.ts";
import type { LiveConnections } from "./live.ts";
import type { RelayMetrics } from "./metrics.ts";
import type { Pools } from "./pools.ts";
import type { SiteState } from "./state.ts";

/** What the parts of one relay share. */
export interface RelayContext extends DialContext {
  readonly state: SiteState;
  readonly pools: Pools;
  readonly balancer: Balancer;
  readonly live: LiveConnections;
  readonly collector: Collector;
  readonly handovers: ApiHandovers;
  /** Connections that CONNECT has turned into streams, in both directions. */
  readonly httpStreams: Set<HttpStream>;
  readonly metrics: RelayMetrics;
  readonly log: Logger;
  /** Counts a connection that has ended, and writes its line to the access log. */
  ended(record: AccessRecord): void;
  /** Logs what a handler of a socket has thrown; its connection is torn down. */
  onDefect(error: unknown): void;
  /** For `/readyz`. */
  readonly ready: boolean;
  /** Set once the relay has been told to end: new streams are refused. */
  readonly draining: boolean;
  /** Milliseconds of a clock that only rises. */
  now(): number;
  /** What this relay says of itself on a new tunnel. */
  hello(opener: Hello["opener"]): Hello;
}
