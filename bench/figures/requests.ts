import { wrk } from "../generators.ts";
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
    ],
    service: "http",
    programs: ["wrk"],
    warmUp: (setting) => run(setting, 2),
    async measure(setting) {
      const { requestsPerSecond, p50, p99 } = await run(setting, 5);
      return { "": requestsPerSecond, p50, p99 };
    },
  };
}
