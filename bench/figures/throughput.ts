import { iperf3 } from "../generators.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

/** @returns how many bits a second that many connections carry together, one way. */
export function throughput(streams: number): ProxyFigure {
  const run = ({ lab, running, quick }: Setting, long: number) =>
    iperf3(lab.children, entryOf(running.entries, "iperf3"), { streams, seconds: quick ? 2 : long });
  return {
    kind: "proxy",
    name: `throughput-${streams}`,
    title: `throughput, ${streams} ${streams === 1 ? "stream" : "streams"}`,
    metrics: [{ name: "", unit: "Gbit/s", better: "higher" }],
    service: "iperf3",
    programs: ["iperf3"],
    warmUp: (setting) => run(setting, 2),
    measure: async (setting) => ({ "": (await run(setting, 5)).gigabitsPerSecond }),
  };
}
