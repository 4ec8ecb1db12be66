/** Counters that cost an addition: a label set is resolved to a handle once, and the handle is kept by what counts. */
import type { MetricFamily, MetricValue } from "../snapshot/metrics.ts";
import type { MetricDefinition, MetricType } from "./names.ts";

/** A number that only rises. */
export class Counter {
  value = 0;

  /** @param by - 0 or more. */
  inc(by = 1): void {
    this.value += by;
  }
}

/** A number that rises and falls. */
class Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  inc(by = 1): void {
    this.value += by;
  }

  dec(by = 1): void {
    this.value -= by;
  }
}

/** Counts of observations by size. */
export class Histogram {
  readonly bounds: readonly number[];
  /** By place in `bounds`; the last one counts what is above all of them. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let place = 0;
    while (place < this.bounds.length && value > (this.bounds[place] ?? Number.POSITIVE_INFINITY)) place++;
    this.counts[place] = (this.counts[place] ?? 0) + 1;
    this.sum += value;
  }
}

/** Label sets of one metric. */
export const MAX_LABEL_SETS = 2000;

/** Stands for every label of what comes after those. */
export const OVERFLOW = "other";

type Labels<Label extends string> = Readonly<Record<Label, string>>;

/**
 * The metrics of one process, cumulative since its start. Each metric has at most `limit` label sets; whatever comes
 * after those is counted together, with `other` as every label, so that no peer and no name can fill the memory.
 */
export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #collectors: (() => void)[] = [];
  readonly #limit: number;

  constructor(limit = MAX_LABEL_SETS) {
    this.#limit = limit;
  }

  /** @returns the counter of this label set, the same one for the same labels. */
  counter<Label extends string>(metric: MetricDefinition<"counter", Label>, labels: Labels<Label>): Counter {
    return this.#resolve(metric, labels, () => new Counter());
  }

  /** @returns the gauge of this label set, the same one for the same labels. */
  gauge<Label extends string>(metric: MetricDefinition<"gauge", Label>, labels: Labels<Label>): Gauge {
    return this.#resolve(metric, labels, () => new Gauge());
  }

  /** @returns the histogram of this label set, the same one for the same labels. */
  histogram<Label extends string>(metric: MetricDefinition<"histogram", Label>, labels: Labels<Label>): Histogram {
    return this.#resolve(metric, labels, () => new Histogram(metric.buckets ?? []));
  }

  /** Called before every reading: for gauges that are cheaper to count than to keep. */
  onCollect(collector: () => void): void {
    this.#collectors.push(collector);
  }

  /** Forgets the label sets of a gauge, so that those which are not set again by a collector disappear. */
  clear(metric: MetricDefinition<"gauge">): void {
    this.#families.get(metric.name)?.series.clear();
  }

  /** @returns what has been counted so far. */
  families(): MetricFamily[] {
    for (const collect of this.#collectors) collect();
    return [...this.#families.values()].map(({ metric, series }) => ({
      name: metric.name,
      help: metric.help,
      type: metric.type,
      values: [...series.values()].flatMap(({ labels, instrument }) => valuesOf(metric.name, labels, instrument)),
    }));
  }

  #resolve<I extends Instrument>(metric: MetricDefinition, labels: Readonly<Record<string, string>>, make: () => I): I {
    let family = this.#families.get(metric.name);
    if (family === undefined) {
      family = { metric, series: new Map() };
      this.#families.set(metric.name, family);
    }
    const key = JSON.stringify(metric.labels.map((label) => labels[label]));
    const known = family.series.get(key);
    if (known !== undefined) return known.instrument as I;
    if (family.series.size >= this.#limit && key !== overflowKey(metric)) {
      return this.#resolve(metric, Object.fromEntries(metric.labels.map((label) => [label, OVERFLOW])), make);
    }
    const instrument = make();
    family.series.set(key, { labels: pick(metric, labels), instrument });
    return instrument;
  }
}

type Instrument = Counter | Gauge | Histogram;

interface Family {
  metric: MetricDefinition<MetricType>;
  series: Map<string, { labels: Record<string, string>; instrument: Instrument }>;
}

function overflowKey(metric: MetricDefinition): string {
  return JSON.stringify(metric.labels.map(() => OVERFLOW));
}

function pick(metric: MetricDefinition, labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(metric.labels.map((label) => [label, labels[label] ?? ""]));
}

function valuesOf(name: string, labels: Record<string, string>, instrument: Instrument): MetricValue[] {
  if (!(instrument instanceof Histogram)) return [{ labels, value: instrument.value }];
  let total = 0;
  const buckets = [...instrument.bounds, "+Inf"].map((le, place) => {
    total += instrument.counts[place] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: instrument.sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
