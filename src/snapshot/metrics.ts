/** Counters as they travel from a relay to control: the JSON form that prom-client reads and writes. */
export interface MetricFamily {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  values: MetricValue[];
}

/** For a histogram `metricName` ends in `_bucket` (with the label `le`), `_sum` or `_count`. */
export interface MetricValue {
  metricName?: string;
  labels: Record<string, string | number>;
  value: number;
}
