import type { Decision } from "../policy/compiled-policy.ts";
import type { ConnectionReport, TunnelReport } from "../snapshot/messages.ts";
import type { MetricFamily } from "../snapshot/metrics.ts";
import type { AccessRecord } from "../telemetry/access-log.ts";
import { type Counter, type Histogram, Metrics } from "../telemetry/metrics.ts";
import { type ConnectionOutcome, METRICS } from "../telemetry/names.ts";

/** Why a connection ended, in a word, and what it counts as. */
const OUTCOMES = {
  finished: "closed",
  denied: "refused",
  "not-found": "refused",
  unreachable: "failed",
  overloaded: "refused",
  draining: "refused",
  timeout: "failed",
  malformed: "failed",
  internal: "failed",
  "no-source": "failed",
  "reset-by-client": "reset",
  "reset-by-service": "reset",
  "reset-by-peer": "reset",
  cut: "cut",
} as const satisfies Record<string, ConnectionOutcome>;

export type EndCode = keyof typeof OUTCOMES;

/** @returns the access log's words for an end: what it counts as, and the reason, which starts with the code. */
export function ending(end: EndCode, detail?: string): Pick<AccessRecord, "outcome" | "reason"> {
  return { outcome: OUTCOMES[end], reason: detail === undefined ? end : `${end}: ${detail}` };
}

interface Handles {
  bytesIn: Counter;
  bytesOut: Counter;
  results: Partial<Record<ConnectionOutcome, Counter>>;
}

/** The counters of a relay, with the handles of what is counted often resolved once. */
export class RelayMetrics {
  readonly #metrics = new Metrics();
  readonly #handles = new Map<string, Handles>();
  readonly #open: Record<AccessRecord["side"], Histogram> = {
    client: this.#metrics.histogram(METRICS.openSeconds, { side: "client" }),
    server: this.#metrics.histogram(METRICS.openSeconds, { side: "server" }),
  };
  readonly #decisions = new Map<string, Counter>();

  decided(side: AccessRecord["side"], { allowed, tier }: Decision): void {
    const key = `${side} ${allowed} ${tier}`;
    let counter = this.#decisions.get(key);
    if (counter === undefined) {
      counter = this.#metrics.counter(METRICS.decisions, { side, result: allowed ? "allow" : "deny", tier });
      this.#decisions.set(key, counter);
    }
    counter.inc();
  }

  ended(record: AccessRecord): void {
    const { side, import: imported = "", peer, outcome } = record;
    // A name that no Export has is the peer's invention: it must not become a label.
    const exported = side === "server" && record.decision === undefined ? "" : (record.export ?? "");
    const labels = { side, import: imported, export: exported, peer };
    const key = `${side} ${imported} ${exported} ${peer}`;
    let handles = this.#handles.get(key);
    if (handles === undefined) {
      handles = {
        bytesIn: this.#metrics.counter(METRICS.bytes, { ...labels, direction: "in" }),
        bytesOut: this.#metrics.counter(METRICS.bytes, { ...labels, direction: "out" }),
        results: {},
      };
      if (this.#handles.size < MAX_HANDLES) this.#handles.set(key, handles);
    }
    handles.bytesIn.inc(record.bytesIn);
    handles.bytesOut.inc(record.bytesOut);
    handles.results[outcome] ??= this.#metrics.counter(METRICS.connections, { ...labels, result: outcome });
    handles.results[outcome].inc();
    if (record.openMs !== undefined) this.#open[side].observe(record.openMs / 1000);
  }

  handshake(role: TunnelReport["role"], result: string): void {
    this.#metrics.counter(METRICS.handshakes, { role, result }).inc();
  }

  refusedAccept(reason: "descriptors" | "unauthenticated"): void {
    this.#metrics.counter(METRICS.refusedAccepts, { reason }).inc();
  }

  /** @returns all counters, with gauges as these reports have them. */
  families(connections: ConnectionReport[], tunnels: TunnelReport[], droppedLines: number): MetricFamily[] {
    const metrics = this.#metrics;
    metrics.clear(METRICS.activeConnections);
    for (const { side, import: imported = "", export: exported = "", peer } of connections) {
      metrics.gauge(METRICS.activeConnections, { side, import: imported, export: exported, peer }).inc();
    }
    metrics.clear(METRICS.tunnels);
    for (const { peer, role, state } of tunnels) metrics.gauge(METRICS.tunnels, { peer, role, state }).inc();
    metrics.counter(METRICS.accessLogDropped, {}).value = droppedLines;
    return metrics.families();
  }
}

const MAX_HANDLES = 2000;
