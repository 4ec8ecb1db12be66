/** What h2load's log of requests says about their latency at a constant rate. */

/** One request. */
export interface LoggedRequest {
  /** When it was sent, in microseconds since some moment. */
  readonly start: number;
  readonly status: number;
  /** Until the end of the answer, in microseconds. */
  readonly duration: number;
}

/**
 * @param text - of `h2load --log-file`: start, status and duration, separated by tabs
 * @throws {Error} on a line that is something else
 */
export function readH2loadLog(text: string): LoggedRequest[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [start, status, duration] = line.split("\t").map(Number);
      if (!(Number.isFinite(start) && Number.isFinite(status) && Number.isFinite(duration))) {
        throw new Error(`h2load logged: ${line}`);
      }
      return { start, status, duration } as LoggedRequest;
    });
}

/** A constant rate that was offered. */
export interface OfferedRun {
  /** All, those outside the time that counts included. */
  readonly requests: number;
  /** That were sent a second, so that it can be seen whether the rate was kept. */
  readonly requestsPerSecond: number;
  /** Milliseconds from when a request was due. */
  readonly p50: number;
  readonly p99: number;
}

/** Errors that a run may have, as a share of its requests. */
const MAX_ERRORS = 0.001;

/**
 * @param begun - from the first request until all clients send, in milliseconds
 * @param seconds - that count, from then on
 * @param interval - between two requests of one client, in milliseconds
 * @throws {Error} when more than a few requests were not answered well, or none was sent in that time
 */
export function summarizeLog(
  requests: readonly LoggedRequest[],
  { begun, seconds, interval }: { begun: number; seconds: number; interval: number },
): OfferedRun {
  const errors = requests.filter(({ status }) => status !== 200).length;
  if (errors > requests.length * MAX_ERRORS) throw new Error(`${errors} of ${requests.length} requests failed`);
  const from = requests.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY) + begun * 1000;
  const counted = requests.filter(({ start }) => start >= from && start < from + seconds * 1e6);
  if (counted.length === 0)
    throw new Error(`none of ${requests.length} requests was sent while all clients were at it`);
  const milliseconds = counted.map(({ duration }) => duration / 1000);
  const latencies = fromWhenDue(milliseconds, interval);
  return {
    requests: requests.length,
    requestsPerSecond: counted.length / seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

/**
 * Latencies counted from when each request was due. A client with a request under way for longer than `interval` cannot
 * send the next one when that is due; h2load sends it afterwards and times it from there. What it would have taken is
 * added for each such request, as HdrHistogram's recordValueWithExpectedInterval does.
 *
 * @param durations - in any unit of time
 * @param interval - between two requests of one client, in the same unit
 */
export function fromWhenDue(durations: readonly number[], interval: number): number[] {
  return durations.flatMap((duration) => {
    const missed = Math.max(0, Math.ceil(duration / interval) - 1);
    return [duration, ...Array.from({ length: missed }, (_, i) => duration - (i + 1) * interval)];
  });
}

/** @returns the smallest value that at least that share of all is not above. @throws {RangeError} without any value */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new RangeError("a percentile of nothing");
  return value;
}

/**
 * Clients that all begin at once would send all their requests at once. They begin `period` after one another instead;
 * what counts then is how evenly `period` times their number falls into the interval between a client's requests.
 *
 * @param interval - between two requests of one client, in milliseconds
 * @returns the whole number of milliseconds, of a few, that leaves the least time without any client's turn
 */
export function spreadingPeriod(clients: number, interval: number): number {
  const largestGap = (period: number) => {
    const turns = Array.from({ length: clients }, (_, i) => (i * period) % interval).sort((a, b) => a - b);
    const gaps = turns.map((turn, i) => (turns[i + 1] ?? interval) - turn);
    return Math.max(...gaps);
  };
  return [5, 6, 7, 8, 9].sort((a, b) => largestGap(a) - largestGap(b))[0] ?? 7;
}
