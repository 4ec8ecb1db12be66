import { wrk } from "../generators.ts";
import { CPU_TIME, withCpuTime } from "./cpu-time.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

/** Seconds. A relay's first ten thousand connections cost more, as its code is still being compiled. */
const WARM_UP = 15;

/** @returns how many connections a second are opened, used for one request and closed by that many clients at once. */
export function connections(atOnce: number): ProxyFigure {
  const run = ({ lab, running, quick }: Setting, long: number) =>
    wrk(lab.children, entryOf(running.entries, "http"), {
      connections: atOnce,
      seconds: quick ? Math.min(3, long) : long,
      close: true,
    });
  return {
    kind: "proxy",
    name: "connections",
    title: `new connections, ${atOnce} at once`,
    metrics: [{ name: "", unit: "1/s", better: "higher" }, { name: "p99", unit: "ms", better: "lower" }, CPU_TIME],
    service: "http",
    programs: ["wrk"],
    warmUp: (setting) => run(setting, WARM_UP),
    async measure(setting) {
      const load = () => run(setting, 5);
      const { result, cpuTime } = await withCpuTime(setting.running, load, ({ requests }) => requests);
      return { "": result.requestsPerSecond, p99: result.p99, ...cpuTime };
    },
  };
}
