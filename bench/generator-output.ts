/** Reads what load generators print. Every reader throws an Error that shows the text when it is not what it should be. */

/** One run of wrk. */
export interface WrkRun {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const MILLISECONDS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Errors that a run may have, as a share of its requests; more would make its rate meaningless. */
const MAX_ERRORS = 0.001;

/** @param text - of `wrk --latency` */
export function readWrk(text: string): WrkRun {
  const requests = Number(field(text, /^\s*(\d+) requests in /m, "wrk"));
  const socketErrors = [...text.matchAll(/(?:connect|read|write|timeout) (\d+)/g)].map(([, count]) => Number(count));
  const statusErrors = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const errors = socketErrors.reduce((sum, count) => sum + count, statusErrors);
  if (requests === 0) throw new Error(`wrk got no answer: ${text}`);
  if (errors > requests * MAX_ERRORS) throw new Error(`wrk counted ${errors} errors in ${requests} requests`);
  return {
    requests,
    requestsPerSecond: Number(field(text, /^Requests\/sec:\s+([\d.]+)/m, "wrk")),
    p50: duration(field(text, /^\s*50%\s+(\S+)/m, "wrk")),
    p99: duration(field(text, /^\s*99%\s+(\S+)/m, "wrk")),
  };
}

function duration(text: string): number {
  const [, number, unit = ""] = /^([\d.]+)(us|ms|s|m|h)$/.exec(text) ?? [];
  return Number(number) * (MILLISECONDS[unit] ?? Number.NaN);
}

/** One run of iperf3, as its receiver saw it. */
export interface Iperf3Run {
  readonly bytes: number;
  readonly gigabitsPerSecond: number;
  /** Of each stream. */
  readonly streams: readonly number[];
}

interface Iperf3Report {
  readonly error?: string;
  readonly end?: {
    readonly sum_received?: Readonly<Record<string, unknown>>;
    readonly streams?: readonly { readonly receiver?: Readonly<Record<string, unknown>> }[];
  };
}

/** @param text - of `iperf3 --json` */
export function readIperf3(text: string): Iperf3Run {
  const report = JSON.parse(text) as Iperf3Report;
  const { bytes, bits_per_second: bits } = report.end?.sum_received ?? {};
  if (report.error !== undefined || typeof bytes !== "number" || typeof bits !== "number") {
    throw new Error(`iperf3 failed: ${report.error ?? "it reports no received bytes"}`);
  }
  const streams = (report.end?.streams ?? []).map(({ receiver }) => Number(receiver?.["bits_per_second"]) / 1e9);
  return { bytes, gigabitsPerSecond: bits / 1e9, streams };
}

/** One run of redis-benchmark. */
export interface RedisRun {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** @param text - of `redis-benchmark --csv` with one test */
export function readRedisBenchmark(text: string): RedisRun {
  const [header = [], values = []] = text
    .trim()
    .split("\n")
    .slice(-2)
    .map((line) => [...line.matchAll(/"([^"]*)"/g)].map(([, cell]) => cell ?? ""));
  const column = (name: string) => {
    const value = Number(values[header.indexOf(name)] ?? Number.NaN);
    if (Number.isNaN(value)) throw new Error(`redis-benchmark reports no ${name}: ${text}`);
    return value;
  };
  return { requestsPerSecond: column("rps"), p50: column("p50_latency_ms"), p99: column("p99_latency_ms") };
}

function field(text: string, pattern: RegExp, who: string): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`${who} did not say ${pattern}: ${text}`);
  return found;
}
