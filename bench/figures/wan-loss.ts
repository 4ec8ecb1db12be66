import { median } from "../stats.ts";
import { iperf3There, LOSS, ROUND_TRIP } from "../wan-generators.ts";
import { entryOf, type ProxyFigure } from "./figure.ts";

const SLOWEST = "slowest of them to the median one";

/**
 * What that many streams carry together over a link with a round trip of 50 ms that loses every hundredth packet each
 * way, and how far the slowest of them falls behind.
 * @param rate - of the link in Mbit/s; without it, the machine is what limits several streams, not the link
 */
export function wanLoss(name: string, streams: number, rate?: number): ProxyFigure {
  const limit = rate === undefined ? "" : ` share ${rate} Mbit/s`;
  return {
    kind: "proxy",
    name,
    title: `1 % loss, 50 ms, ${streams} ${streams === 1 ? "stream" : "streams"}${limit}`,
    metrics: [
      { name: "", unit: "Mbit/s", better: "higher" },
      ...(streams === 1 ? [] : [{ name: SLOWEST, unit: "", better: "higher" } as const]),
    ],
    service: "iperf3",
    link: [ROUND_TRIP, LOSS, ...(rate === undefined ? [] : [`rate=${rate}`])],
    programs: ["iperf3"],
    concerns: ({ role }) => role !== "variant",
    warmUp: ({ lab, running }) => iperf3There(lab, entryOf(running.entries, "iperf3"), streams, 3),
    async measure({ lab, running, quick }) {
      const run = await iperf3There(lab, entryOf(running.entries, "iperf3"), streams, quick ? 5 : 15);
      const slowest = Math.min(...run.streams) / median(run.streams);
      return { "": run.gigabitsPerSecond * 1000, ...(streams > 1 && { [SLOWEST]: slowest }) };
    },
  };
}
