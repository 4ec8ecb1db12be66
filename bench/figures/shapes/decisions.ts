import { newRate, seenRate, workload } from "../../policy-load.ts";
import { median } from "../../stats.ts";
import type { OwnFigure } from "../figure.ts";
import { type Curve, nameAt, pointsOf } from "./curve.ts";

const COUNTS = [1, 10, 100, 1_000, 10_000, 100_000];

const SLICES = 5;

const SEEN: Curve = { title: "connection seen before", unit: "µs", better: "lower" };
const NEW: Curve = { title: "new connection", unit: "µs", better: "lower" };

/** How long a decision takes in one process, as the policies in force grow. */
export const decisionsShape: OwnFigure = {
  kind: "own",
  name: "shapes-decisions",
  title: "time of a policy decision",
  axis: { title: "policies", unit: "count" },
  metrics: pointsOf([SEEN, NEW], COUNTS),
  maxRounds: 1,
  async measure({ quick }) {
    const milliseconds = quick ? 20 : 100;
    const loads = COUNTS.map((count) => ({
      count,
      load: workload(count),
      seen: [] as number[],
      fresh: [] as number[],
    }));
    for (const { load } of loads) {
      seenRate(load, 100);
      newRate(load, 20);
    }
    // By turns, so that a slow spell of the machine falls on all of them.
    for (let slice = 0; slice < SLICES; slice++) {
      for (const { load, seen, fresh } of loads) {
        seen.push(1e6 / seenRate(load, milliseconds));
        fresh.push(1e6 / newRate(load, milliseconds / 5));
      }
    }
    return Object.fromEntries(
      loads.flatMap(({ count, seen, fresh }) => [
        [nameAt(SEEN.title, count), median(seen)],
        [nameAt(NEW.title, count), median(fresh)],
      ]),
    );
  },
};
