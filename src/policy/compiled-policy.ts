/** One policy, prepared for evaluation. */
import type { PolicyEntry } from "../snapshot/tables.ts";
import type { Attributes } from "./attributes.ts";
import {
  type CompiledSelector,
  compileSelector,
  evaluateRequirement,
  evaluateSelector,
  type Requirement,
} from "./selector.ts";
import { MATCH, NO_MATCH, type Ternary, UNKNOWN } from "./ternary.ts";
import { type End, groupBits } from "./unknown-groups.ts";

/** What a connection gets, and from which policy. */
export interface Decision {
  readonly allowed: boolean;
  /** `privileged/NAME`, `NAMESPACE/NAME`, or `default-deny`. */
  readonly policy: string;
  readonly tier: "privileged" | "regular" | "default";
}

/** What decisions read comes first, so that it lies close together. */
export interface CompiledPolicy {
  /** The least that both ends must come to: a definite match for an allow, an unknown for a deny. */
  readonly least: Ternary;
  /** The whole of `to` and of `from` where that is one requirement, as it is in most policies. */
  readonly soleTo: Requirement | undefined;
  readonly soleFrom: Requirement | undefined;
  readonly action: "allow" | "deny";
  readonly name: string;
  /** Made once, so that deciding allocates nothing. */
  readonly decision: Decision;
  /** OR over selectors. */
  readonly to: readonly CompiledSelector[];
  readonly from: readonly CompiledSelector[];
  readonly tier: PolicyEntry["tier"];
  /** The namespace of a regular policy. */
  readonly namespace: string | undefined;
  /** The bits of the groups of attributes that it speaks of. */
  readonly groups: number;
}

/** @returns the key of the policy in the snapshot's table: `privileged/NAME` or `regular/NAMESPACE/NAME`. */
export function policyKey(entry: Pick<PolicyEntry, "tier" | "namespace" | "name">): string {
  return entry.tier === "privileged" ? `privileged/${entry.name}` : `regular/${entry.namespace ?? ""}/${entry.name}`;
}

/** @param entry a policy that has passed the validation of its kind. */
export function compilePolicy(entry: PolicyEntry): CompiledPolicy {
  const { tier, name } = entry;
  const { action } = entry.spec;
  const from = entry.spec.from.map((item) => compileSelector(item.workloadSelector));
  const to = entry.spec.to.map((item) => compileSelector(item.workloadSelector));
  const policy = tier === "privileged" ? `privileged/${name}` : `${entry.namespace ?? ""}/${name}`;
  return {
    least: action === "allow" ? MATCH : UNKNOWN,
    soleTo: soleRequirement(to),
    soleFrom: soleRequirement(from),
    action,
    name,
    decision: Object.freeze({ allowed: action === "allow", policy, tier }),
    to,
    from,
    tier,
    namespace: tier === "regular" ? (entry.namespace ?? "") : undefined,
    groups: groupBits("from", from) | groupBits("to", to),
  };
}

function soleRequirement([selector, ...otherSelectors]: readonly CompiledSelector[]): Requirement | undefined {
  return otherSelectors.length === 0 && selector?.length === 1 ? selector[0] : undefined;
}

/** @returns whether `a` counts before `b`, which is another policy of the same tier: deny before allow, then by name. */
export function countsBefore(a: CompiledPolicy, b: CompiledPolicy): boolean {
  return a.action === b.action ? a.name < b.name : a.action === "deny";
}

/** OR: match beats unknown, unknown beats no-match. */
export function evaluateSide(selectors: readonly CompiledSelector[], attributes: Attributes): Ternary {
  let result: Ternary = NO_MATCH;
  for (let i = 0; i < selectors.length; i++) {
    const outcome = evaluateSelector(selectors[i] as CompiledSelector, attributes);
    if (outcome === MATCH) return MATCH;
    if (outcome === UNKNOWN) result = UNKNOWN;
  }
  return result;
}

/**
 * @param foundBy the end by a demand of which the policy was found, of a group that is known: where that is all that it
 * asks of this end, it is met
 * @returns whether the policy decides
 */
export function isTriggered(policy: CompiledPolicy, from: Attributes, to: Attributes, foundBy?: End): boolean {
  const { least, soleTo, soleFrom } = policy;
  if (soleTo === undefined) {
    if (evaluateSide(policy.to, to) < least) return false;
  } else if (foundBy !== "to" && evaluateRequirement(soleTo, to) < least) return false;
  if (soleFrom === undefined) return evaluateSide(policy.from, from) >= least;
  return foundBy === "from" || evaluateRequirement(soleFrom, from) >= least;
}
