import { iperf3 } from "../generators.ts";
import { cpuSeconds } from "../processes.ts";
import { entryOf, type ProxyFigure } from "./figure.ts";

const GIBIBYTE = 2 ** 30;

/** User and system time of all processes of both proxies for each GiB that one stream carries. */
export const cpu: ProxyFigure = {
  kind: "proxy",
  name: "cpu",
  title: "CPU time a GiB, both proxies",
  metrics: [{ name: "", unit: "s", better: "lower" }],
  service: "iperf3",
  programs: ["iperf3"],
  unfit: (_, running) => (running.processes().length === 0 ? "it has no known processes" : undefined),
  warmUp: ({ lab, running }) => iperf3(lab.children, entryOf(running.entries, "iperf3"), { streams: 1, seconds: 1 }),
  async measure({ lab, running, quick }) {
    const before = cpuSeconds(running.processes());
    const load = { streams: 1, bytes: quick ? GIBIBYTE : 2 * GIBIBYTE };
    const { bytes } = await iperf3(lab.children, entryOf(running.entries, "iperf3"), load);
    return { "": (cpuSeconds(running.processes()) - before) / (bytes / GIBIBYTE) };
  },
};
