/** One policy, prepared for evaluation. */
import type { PolicyEntry } from "../snapshot/tables.ts";
import type { Attributes } from "./attributes.ts";
import { type CompiledSelector, compileSelector, evaluateSelector } from "./selector.ts";
import { MATCH, NO_MATCH, type Ternary, UNKNOWN } from "./ternary.ts";

/** What a connection gets, and from which policy. */
export interface Decision {
  readonly allowed: boolean;
  /** `privileged/NAME`, `NAMESPACE/NAME`, or `default-deny`. */
  readonly policy: string;
  readonly tier: "privileged" | "regular" | "default";
}

export interface CompiledPolicy {
  readonly tier: PolicyEntry["tier"];
  /** The namespace of a regular policy. */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly action: "allow" | "deny";
  /** OR over selectors. */
  readonly from: readonly CompiledSelector[];
  readonly to: readonly CompiledSelector[];
  /** Made once, so that deciding allocates nothing. */
  readonly decision: Decision;
  /** Whether who the client is can change what it comes to. */
  readonly dependsOnClient: boolean;
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
  const policy = tier === "privileged" ? `privileged/${name}` : `${entry.namespace ?? ""}/${name}`;
  return {
    tier,
    namespace: tier === "regular" ? (entry.namespace ?? "") : undefined,
    name,
    action,
    from,
    to: entry.spec.to.map((item) => compileSelector(item.workloadSelector)),
    decision: Object.freeze({ allowed: action === "allow", policy, tier }),
    dependsOnClient: from.some((selector) => selector.some((requirement) => requirement.group === "client")),
  };
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

/** @returns whether the policy decides: an allow by a definite match of both ends, a deny also by an unknown. */
export function isTriggered(policy: CompiledPolicy, from: Attributes, to: Attributes): boolean {
  const least = policy.action === "allow" ? MATCH : UNKNOWN;
  return evaluateSide(policy.to, to) >= least && evaluateSide(policy.from, from) >= least;
}
