import { RESPONSE_SIZES } from "../../backends.ts";
import { wrk } from "../../generators.ts";
import { CPU_TIME, withCpuTime } from "../cpu-time.ts";
import { entryOf, type ProxyFigure, type Setting, type Values } from "../figure.ts";
import { type Curve, drawn, eachPoint, nameAt, pointsOf } from "./curve.ts";

const CONNECTIONS = 16;

const COST: Curve = { title: "CPU time of a request, both proxies", unit: "µs", better: "lower" };
const RATE: Curve = { title: "bytes of responses", unit: "Gbit/s", better: "higher" };

const run = ({ lab, running }: Setting, size: number, seconds: number) =>
  wrk(lab.children, entryOf(running.entries, "http"), { connections: CONNECTIONS, seconds, path: `/bytes/${size}` });

async function responsesOf(size: number, setting: Setting): Promise<Values> {
  const load = () => run(setting, size, setting.quick ? 1 : 2);
  const { result, cpuTime } = await withCpuTime(setting.running, load, ({ requests }) => requests);
  const cost = cpuTime[CPU_TIME.name];
  const rate = { [nameAt(RATE.title, size, "bytes")]: (result.requestsPerSecond * size * 8) / 1e9 };
  return cost === undefined ? rate : { ...rate, [nameAt(COST.title, size, "bytes")]: cost };
}

/** What a request and its response cost, as the response grows. */
export const sizesShape: ProxyFigure = {
  kind: "proxy",
  name: "shapes-sizes",
  title: `requests over ${CONNECTIONS} connections, small and large responses`,
  axis: { title: "size of the response", unit: "bytes" },
  metrics: pointsOf([COST, RATE], RESPONSE_SIZES, "bytes"),
  maxRounds: 2,
  service: "http",
  programs: ["wrk"],
  concerns: (subject) => drawn(subject) || subject.role === "direct",
  warmUp: (setting) => run(setting, 4096, 2),
  measure: (setting) => eachPoint(RESPONSE_SIZES, (size) => responsesOf(size, setting), "bytes"),
};
