/** The rules of access policies written down as plainly as possible, to compare the indexed engine with. */
import type { Attributes } from "../../src/policy/attributes.ts";
import type { WorkloadSelector } from "../../src/resources/access-policy.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";

type Truth = "match" | "no-match" | "unknown";

function requirement(key: string, operator: string, values: string[], attributes: Attributes): Truth {
  if (key.startsWith("client.clusterlink.net/") && !attributes.clientKnown) return "unknown";
  if (key.startsWith("peer.clusterlink.net/labels.") && !attributes.peerLabelsKnown) return "unknown";
  const value = Object.entries(attributes.values).find(([name]) => name === key)?.[1];
  if (operator === "In") return value !== undefined && values.includes(value) ? "match" : "no-match";
  if (operator === "NotIn") return value === undefined || !values.includes(value) ? "match" : "no-match";
  if (operator === "Exists") return value === undefined ? "no-match" : "match";
  return value === undefined ? "match" : "no-match";
}

function selector(rules: WorkloadSelector, attributes: Attributes): Truth {
  const outcomes = [
    ...Object.entries(rules.matchLabels ?? {}).map(([key, value]) => requirement(key, "In", [value], attributes)),
    ...(rules.matchExpressions ?? []).map((e) => requirement(e.key, e.operator, e.values ?? [], attributes)),
  ];
  if (outcomes.includes("no-match")) return "no-match";
  return outcomes.includes("unknown") ? "unknown" : "match";
}

function side(items: PolicyEntry["spec"]["from"], attributes: Attributes): Truth {
  const outcomes = items.map((item) => selector(item.workloadSelector, attributes));
  if (outcomes.includes("match")) return "match";
  return outcomes.includes("unknown") ? "unknown" : "no-match";
}

/** The name of the policy that decides, or `default-deny`. */
export function referenceDecision(
  entries: readonly PolicyEntry[],
  namespace: string,
  from: Attributes,
  to: Attributes,
): { allowed: boolean; policy: string; tier: string } {
  for (const tier of ["privileged", "regular"] as const) {
    for (const action of ["deny", "allow"] as const) {
      const triggered = entries
        .filter((entry) => entry.tier === tier && entry.spec.action === action)
        .filter((entry) => tier === "privileged" || entry.namespace === namespace)
        .filter((entry) => {
          const outcomes = [side(entry.spec.from, from), side(entry.spec.to, to)];
          if (action === "allow") return outcomes.every((outcome) => outcome === "match");
          return outcomes.every((outcome) => outcome !== "no-match");
        })
        .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
      if (triggered === undefined) continue;
      const policy = tier === "privileged" ? `privileged/${triggered.name}` : `${namespace}/${triggered.name}`;
      return { allowed: action === "allow", policy, tier };
    }
  }
  return { allowed: false, policy: "default-deny", tier: "default" };
}
