import { redisPing } from "../generators.ts";
import { CPU_TIME, withCpuTime } from "./cpu-time.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

const requestsOf = (quick: boolean, long: number) => (quick ? 5_000 : long);

const run = ({ lab, running, quick }: Setting, long: number) =>
  redisPing(lab.children, entryOf(running.entries, "redis"), requestsOf(quick, long));

/** How many PINGs a second one Redis client gets answered, each sent after the answer to the last. */
export const redis: ProxyFigure = {
  kind: "proxy",
  name: "redis",
  title: "Redis PING, one client",
  metrics: [{ name: "", unit: "1/s", better: "higher" }, { name: "p99", unit: "ms", better: "lower" }, CPU_TIME],
  service: "redis",
  programs: ["redis-server", "redis-benchmark"],
  warmUp: (setting) => run(setting, 5_000),
  async measure(setting) {
    const load = () => run(setting, 20_000);
    const { result, cpuTime } = await withCpuTime(setting.running, load, () => requestsOf(setting.quick, 20_000));
    return { "": result.requestsPerSecond, p99: result.p99, ...cpuTime };
  },
};
