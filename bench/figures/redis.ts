import { redisPing } from "../generators.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

const run = ({ lab, running, quick }: Setting, long: number) =>
  redisPing(lab.children, entryOf(running.entries, "redis"), quick ? 5_000 : long);

/** How many PINGs a second one Redis client gets answered, each sent after the answer to the last. */
export const redis: ProxyFigure = {
  kind: "proxy",
  name: "redis",
  title: "Redis PING, one client",
  metrics: [
    { name: "", unit: "1/s", better: "higher" },
    { name: "p99", unit: "ms", better: "lower" },
  ],
  service: "redis",
  programs: ["redis-server", "redis-benchmark"],
  warmUp: (setting) => run(setting, 5_000),
  async measure(setting) {
    const { requestsPerSecond, p99 } = await run(setting, 20_000);
    return { "": requestsPerSecond, p99 };
  },
};
