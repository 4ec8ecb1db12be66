import { wrk } from "../generators.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

/** @returns how many connections a second are opened, used for one request and closed by that many clients at once. */
export function connections(atOnce: number): ProxyFigure {
  const run = ({ lab, running, quick }: Setting, long: number) =>
    wrk(lab.children, entryOf(running.entries, "http"), {
      connections: atOnce,
      seconds: quick ? 2 : long,
      close: true,
    });
  return {
    kind: "proxy",
    name: "connections",
    title: `new connections, ${atOnce} at once`,
    metrics: [
      { name: "", unit: "1/s", better: "higher" },
      { name: "p99", unit: "ms", better: "lower" },
    ],
    service: "http",
    programs: ["wrk"],
    warmUp: (setting) => run(setting, 2),
    async measure(setting) {
      const { requestsPerSecond, p99 } = await run(setting, 5);
      return { "": requestsPerSecond, p99 };
    },
  };
}
