import { newRate, seenRate, workload } from "../policy-load.ts";
import { median } from "../stats.ts";
import type { OwnFigure } from "./figure.ts";

const COUNTS = [10, 1_000, 10_000];

const SLICES = 5;

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
    const milliseconds = quick ? 40 : 100;
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
        seen.push(seenRate(load, milliseconds));
        fresh.push(newRate(load, milliseconds / 5));
      }
    }
    return Object.fromEntries(
      loads.flatMap(({ count, seen, fresh }) => [
        [`${count} policies`, median(seen)],
        [`${count} policies, new connections`, median(fresh)],
      ]),
    );
  },
};
