import { decisionRates } from "../policy-load.ts";
import type { OwnFigure } from "./figure.ts";

const COUNTS = [10, 1_000, 10_000];

/**
 * How many decisions a second the policy engine makes in one process, as the policies in force grow: on connections
 * that were decided before, whose policies are in the processor's caches, and on new ones, whose are not. Nothing of a
 * decision is kept for the next one.
 */
export const policy: OwnFigure = {
  kind: "own",
  name: "policy",
  title: "policy decisions",
  metrics: COUNTS.flatMap((count) => [
    { name: `${count} policies`, unit: "1/s", better: "higher" },
    { name: `${count} policies, new connections`, unit: "1/s", better: "higher" },
  ]),
  async measure({ quick }) {
    return Object.fromEntries(
      decisionRates(COUNTS, quick ? 40 : 100).flatMap(({ count, seen, fresh }) => [
        [`${count} policies`, seen],
        [`${count} policies, new connections`, fresh],
      ]),
    );
  },
};
