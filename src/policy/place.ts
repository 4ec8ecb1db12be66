/**
 * Where a policy is filed in an index.
 *
 * A policy that demands `key = value` of one end can only be triggered by a connection with that very value, so it is
 * filed under it: one such demand for each selector of that end. Where several demands would do, the rarest is taken,
 * which keeps buckets small and keys few, whatever it is that tells the policies of a site apart. A policy that demands
 * no value of either end (empty selectors, `NotIn`, `Exists`) has no place.
 */
import type { CompiledPolicy } from "./compiled-policy.ts";
import type { CompiledSelector, Requirement } from "./selector.ts";
import { type End, groupBit } from "./unknown-groups.ts";

/** The demands that a policy is filed under. */
export interface Place {
  readonly end: End;
  readonly demands: readonly Requirement[];
}

/** What it costs connections to find a policy by this demand; the lower, the better. */
export type Cost = (end: End, demand: Requirement) => number;

interface PricedPlace extends Place {
  readonly cost: number;
}

/**
 * @param unknown bits of the groups that are unknown in the connections that the index is for
 * @returns undefined when neither end of the policy demands values in all of its selectors
 */
export function choosePlace(policy: CompiledPolicy, unknown: number, cost: Cost): Place | undefined {
  const to = placeAtEnd("to", policy, unknown, cost);
  const from = placeAtEnd("from", policy, unknown, cost);
  if (to === undefined || from === undefined) return to ?? from;
  return from.cost < to.cost ? from : to;
}

/** @returns undefined when one selector of that end demands no value, so that any connection could meet it. */
function placeAtEnd(end: End, policy: CompiledPolicy, unknown: number, cost: Cost): PricedPlace | undefined {
  const demands: Requirement[] = [];
  let highest = 0;
  for (const selector of policy[end]) {
    const usable = usableDemands(end, selector, policy.action, unknown);
    const [first, ...others] = usable.map((demand) => ({ demand, cost: cost(end, demand) }));
    if (first === undefined) return undefined;
    const rarest = others.reduce((best, other) => (other.cost < best.cost ? other : best), first);
    demands.push(rarest.demand);
    highest = Math.max(highest, rarest.cost);
  }
  return { end, demands, cost: highest };
}

/**
 * A deny is triggered also by what is unknown, so it must not be filed under a value that such a connection does not
 * have. An allow needs a definite match.
 */
function usableDemands(
  end: End,
  selector: CompiledSelector,
  action: CompiledPolicy["action"],
  unknown: number,
): Requirement[] {
  return selector.filter(
    (demand) => demand.operator === "In" && (action === "allow" || (groupBit(end, demand) & unknown) === 0),
  );
}
