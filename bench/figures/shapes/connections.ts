import { wrk } from "../../generators.ts";
import { hold } from "../../held.ts";
import { CPU_TIME, withCpuTime } from "../cpu-time.ts";
import { entryOf, type ProxyFigure, type Setting, type Values } from "../figure.ts";
import { type Curve, drawn, eachPoint, nameAt, pointsOf } from "./curve.ts";

const COUNTS = [1, 10, 100, 1_000, 5_000];
const QUICK_COUNTS = [1, 10, 100, 1_000];

/** Connections that carry requests. More of them would have their own opening counted among the requests' cost. */
const ACTIVE = 16;

const COST: Curve = { title: "CPU time of a request, both proxies", unit: "µs", better: "lower" };
const RATE: Curve = { title: "requests a second", unit: "1/s", better: "higher" };

const run = ({ lab, running, quick }: Setting) =>
  wrk(lab.children, entryOf(running.entries, "http"), { connections: ACTIVE, seconds: quick ? 1 : 2 });

async function beside(idle: number, setting: Setting): Promise<Values> {
  const { lab, running } = setting;
  const held = await hold(lab, entryOf(running.entries, "echo"), idle);
  try {
    const { result, cpuTime } = await withCpuTime(
      running,
      () => run(setting),
      ({ requests }) => requests,
    );
    const cost = cpuTime[CPU_TIME.name];
    const rate = { [nameAt(RATE.title, idle)]: result.requestsPerSecond };
    return cost === undefined ? rate : { ...rate, [nameAt(COST.title, idle)]: cost };
  } finally {
    await lab.children.end(held);
  }
}

/** What a request costs as the connections grow that are open beside those that carry requests. */
export const connectionsShape: ProxyFigure = {
  kind: "proxy",
  name: "shapes-connections",
  title: `requests over ${ACTIVE} connections, beside idle ones`,
  axis: { title: "idle connections beside", unit: "count" },
  metrics: pointsOf([COST, RATE], COUNTS),
  maxRounds: 2,
  service: "http",
  besides: ["echo"],
  programs: ["wrk"],
  concerns: drawn,
  warmUp: run,
  measure: (setting) => eachPoint(setting.quick ? QUICK_COUNTS : COUNTS, (count) => beside(count, setting)),
};
