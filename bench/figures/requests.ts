import { wrk } from "../generators.ts";
import { CPU_TIME, withCpuTime } from "./cpu-time.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

/** @returns how many requests a second that many kept-alive connections carry, each with one request at a time. */
export function requests(connections: number): ProxyFigure {
  const run = ({ lab, running, quick }: Setting, long: number) =>
    wrk(lab.children, entryOf(running.entries, "http"), { connections, seconds: quick ? 2 : long });
  return {
    kind: "proxy",
    name: `requests-${connections}`,
    title: `kept-alive requests, ${connections} ${connections === 1 ? "connection" : "connections"}`,
    metrics: [
      { name: "", unit: "1/s", better: "higher" },
      { name: "p50", unit: "ms", better: "lower" },
      { name: "p99", unit: "ms", better: "lower" },
      CPU_TIME,
    ],
    service: "http",
    programs: ["wrk"],
    warmUp: (setting) => run(setting, 2),
    async measure(setting) {
      const load = () => run(setting, 5);
      const { result, cpuTime } = await withCpuTime(setting.running, load, ({ requests }) => requests);
      return { "": result.requestsPerSecond, p50: result.p50, p99: result.p99, ...cpuTime };
    },
  };
}
