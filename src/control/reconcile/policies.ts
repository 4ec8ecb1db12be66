import { policyKey } from "../../policy/compiled-policy.ts";
import { accessPolicySpec } from "../../resources/access-policy.ts";
import type { AccessPolicyResource, PrivilegedAccessPolicyResource } from "../../resources/kinds.ts";
import { keyOf } from "../../resources/meta.ts";
import type { PolicyEntry } from "../../snapshot/tables.ts";
import { condition, type Outcome } from "./outcome.ts";
import { rememberRows } from "./remember.ts";

type Policy = AccessPolicyResource | PrivilegedAccessPolicyResource;

/** Either a row, or why the policy does not count. */
const judge = rememberRows((policy: Policy): { row: PolicyEntry } | { fault: string } => {
  const { data: spec, error } = accessPolicySpec.safeParse(policy.spec);
  if (!spec) return { fault: error.issues.map(({ path, message }) => `spec.${path.join(".")}: ${message}`).join("; ") };
  const { name, namespace } = policy.metadata;
  if (policy.kind === "PrivilegedAccessPolicy") return { row: { tier: "privileged", name, spec } };
  return { row: { tier: "regular", namespace: namespace ?? "", name, spec } };
});

/** Policies of either tier that are valid come into force; each says in `PolicyValid` whether it did. */
export function reconcilePolicies(policies: Iterable<Policy>): Outcome<PolicyEntry> {
  const outcome: Outcome<PolicyEntry> = { rows: {}, statuses: new Map() };
  for (const policy of policies) {
    const judged = judge(policy);
    if ("row" in judged) outcome.rows[policyKey(judged.row)] = judged.row;
    outcome.statuses.set(
      keyOf(policy),
      "row" in judged
        ? condition("PolicyValid", "True", "Valid", "The policy is in force.")
        : condition("PolicyValid", "False", "Invalid", `The policy is not in force: ${judged.fault}`),
    );
  }
  return outcome;
}
