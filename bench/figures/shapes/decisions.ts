import { decisionRates } from "../../policy-load.ts";
import type { OwnFigure } from "../figure.ts";
import { type Curve, nameAt, pointsOf } from "./curve.ts";

const COUNTS = [1, 10, 100, 1_000, 10_000, 100_000];

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
    return Object.fromEntries(
      decisionRates(COUNTS, quick ? 20 : 100).flatMap(({ count, seen, fresh }) => [
        [nameAt(SEEN.title, count), 1e6 / seen],
        [nameAt(NEW.title, count), 1e6 / fresh],
      ]),
    );
  },
};
