import { iperf3There, LOSS, ROUND_TRIP, timesThere } from "../wan-generators.ts";
import { entryOf, type ProxyFigure } from "./figure.ts";

/** Bulk streams are under way by then, in seconds. */
const HEAD_START = 2;

/**
 * How long the messages of interactive streams take while others carry all they can, over a link of 100 Mbit/s with a
 * round trip of 50 ms that loses every hundredth packet each way.
 */
export function wanPing(bulk: number): ProxyFigure {
  return {
    kind: "proxy",
    name: "wan-ping",
    title: `1 % loss, 50 ms, messages beside ${bulk} streams that share 100 Mbit/s`,
    metrics: [
      { name: "p50", unit: "ms", better: "lower" },
      { name: "p99", unit: "ms", better: "lower" },
    ],
    service: "echo",
    besides: ["iperf3"],
    link: [ROUND_TRIP, LOSS, "rate=100"],
    programs: ["iperf3"],
    concerns: ({ role }) => role !== "variant",
    warmUp: ({ lab, running }) => timesThere(lab, "ping", entryOf(running.entries, "echo"), 2),
    async measure({ lab, running, quick }) {
      const seconds = quick ? 5 : 15;
      const [times] = await Promise.all([
        Bun.sleep(HEAD_START * 1000).then(() => timesThere(lab, "ping", entryOf(running.entries, "echo"), seconds)),
        iperf3There(lab, entryOf(running.entries, "iperf3"), bulk, seconds + 2 * HEAD_START),
      ]);
      const sorted = times.toSorted((a, b) => a - b);
      const quantile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
      return { p50: quantile(0.5), p99: quantile(0.99) };
    },
  };
}
