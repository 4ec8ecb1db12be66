import { join } from "node:path";
import { constantRate, wrk } from "../generators.ts";
import { CPU_TIME, withCpuTime } from "./cpu-time.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

/** Connections over which a peer's peak is taken. */
const PEAK_CONNECTIONS = 32;

/** As a share of the best peer's peak: a rate that every proxy should carry without a queue. */
const LOAD = 0.5;

function offer({ lab, subject, running, quick, bestPeak = 0 }: Setting, long: number) {
  const log = join(lab.folder(`h2load-${subject.name}`), "requests.tsv");
  const load = { rate: bestPeak * LOAD, seconds: quick ? Math.min(2, long) : long, log };
  return constantRate(lab.children, entryOf(running.entries, "http"), load);
}

/** How long requests take that come at half of the rate at which the best peer is at its limit. */
export const latency: ProxyFigure = {
  kind: "proxy",
  name: "latency",
  title: "requests at half of the best peer's peak",
  metrics: [
    { name: "p99", unit: "ms", better: "lower" },
    { name: "p50", unit: "ms", better: "lower" },
    { name: "rate", unit: "1/s", better: "higher" },
    CPU_TIME,
  ],
  service: "http",
  programs: ["wrk", "h2load"],
  async peak({ lab, running, quick }) {
    const load = { connections: PEAK_CONNECTIONS, seconds: quick ? 2 : 5 };
    const entry = entryOf(running.entries, "http");
    await wrk(lab.children, entry, { ...load, seconds: 2 });
    return (await wrk(lab.children, entry, load)).requestsPerSecond;
  },
  warmUp: (setting) => offer(setting, 1),
  async measure(setting) {
    const load = () => offer(setting, 5);
    const { result, cpuTime } = await withCpuTime(setting.running, load, ({ requests }) => requests);
    return { p99: result.p99, p50: result.p50, rate: result.requestsPerSecond, ...cpuTime };
  },
};
