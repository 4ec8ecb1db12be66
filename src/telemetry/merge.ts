/** Control's side of metrics: those of all relays as one, in Prometheus' text format. */
import { AggregatorRegistry } from "prom-client";
import type { MetricFamily, MetricValue } from "../snapshot/metrics.ts";
import { MAX_LABEL_SETS, Metrics, OVERFLOW } from "./metrics.ts";
import { METRICS } from "./names.ts";

/** What one relay reports: cumulative since the start of that process. */
export interface RelayFamilies {
  relay: number;
  pid: number;
  metrics: MetricFamily[];
}

/** The content type of {@link RelayMetricsMerger.text}. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Adds relays' metrics up. What a relay counted before it was replaced stays counted, so that counters never fall while
 * control lives; its gauges, which are added up too, go with it. Of relays that are gone as many label sets are kept as
 * of one that runs; those beyond are counted together.
 */
export class RelayMetricsMerger {
  readonly #live = new Map<number, RelayFamilies>();
  /** Sums of what relays counted that are gone. */
  readonly #retired = new Map<string, MetricFamily>();
  readonly #pids = new Map<number, number>();
  readonly #own = new Metrics();

  /** Notes which process a relay is: another one of the same index than before has taken its place. */
  follow({ relay, pid }: Pick<RelayFamilies, "relay" | "pid">): void {
    const former = this.#pids.get(relay);
    this.#pids.set(relay, pid);
    if (former === undefined || former === pid) return;
    this.#retire(relay);
    this.#own.counter(METRICS.relayRestarts, { relay: String(relay) }).inc();
  }

  /** Takes a relay's report. */
  update(report: RelayFamilies): void {
    this.follow(report);
    this.#live.set(report.relay, report);
  }

  /**
   * @param more - families of control itself and of processes; of the same name as a relay's, they are added.
   * @param isHere - whether a relay is there now: of one that is not, what it counted stays, and no gauge.
   * @returns everything in Prometheus' text format 0.0.4.
   */
  async text(more: readonly MetricFamily[] = [], isHere: (relay: number) => boolean = () => true): Promise<string> {
    const relays = [...this.#live.values()].map(({ relay, metrics }) => (isHere(relay) ? metrics : counted(metrics)));
    const sources = [...relays, [...this.#retired.values()], this.#own.families(), more];
    const summed = sources.map((families) => families.map((family) => ({ ...family, aggregator: "sum" })));
    return AggregatorRegistry.aggregate(summed).metrics();
  }

  /** Forgets a relay that is gone, and keeps what it counted. */
  #retire(relay: number): void {
    const report = this.#live.get(relay);
    if (report === undefined) return;
    this.#live.delete(relay);
    for (const family of counted(report.metrics)) {
      const kept = this.#retired.get(family.name);
      this.#retired.set(
        family.name,
        kept === undefined ? family : { ...family, values: addUp([...kept.values, ...family.values]) },
      );
    }
  }
}

function counted(families: readonly MetricFamily[]): MetricFamily[] {
  return families.filter(({ type }) => type !== "gauge");
}

function addUp(values: readonly MetricValue[]): MetricValue[] {
  const sums = new Map<string, MetricValue>();
  for (const given of values) {
    const value = sums.size < MAX_LABEL_SETS || sums.has(keyOf(given)) ? given : overflowing(given);
    const key = keyOf(value);
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? value : { ...sum, value: sum.value + value.value });
  }
  return [...sums.values()];
}

function keyOf({ metricName, labels }: MetricValue): string {
  return JSON.stringify([metricName, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** A bucket stays the bucket that it is. */
function overflowing(value: MetricValue): MetricValue {
  const labels = Object.entries(value.labels).map(([label, text]) => [label, label === "le" ? text : OVERFLOW]);
  return { ...value, labels: Object.fromEntries(labels) };
}
