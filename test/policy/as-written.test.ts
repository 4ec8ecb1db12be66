/** A policy that comes into force selects as it is written: nothing is left out of its selectors without a word. */
import { expect, test } from "bun:test";
import { reconcilePolicies } from "../../src/control/reconcile/policies.ts";
import type { AccessPolicyResource } from "../../src/resources/kinds.ts";
import { validate } from "../../src/resources/validate.ts";

/** As a parser makes it, with `__proto__` as a property like any other. */
function policyWith(matchLabels: string): AccessPolicyResource {
  const selector = `[{"workloadSelector": {"matchLabels": ${matchLabels}}}]`;
  return JSON.parse(`{
    "apiVersion": "clusterlink.net/v1alpha1",
    "kind": "AccessPolicy",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"action": "allow", "from": ${selector}, "to": [{"workloadSelector": {}}]}
  }`);
}

const UNREADABLE = ['{"__proto__": "x"}', '{"export.clusterlink.net/name": "web", "__proto__": "x"}', '{"": "x"}'];

test.each(UNREADABLE)("in a cluster, a policy with the labels %s is not in force", (labels) => {
  const { rows, statuses } = reconcilePolicies([policyWith(labels)]);
  expect(rows).toEqual({});
  expect(statuses.get("shop/web")?.conditions).toMatchObject([
    { type: "PolicyValid", status: "False", reason: "Invalid" },
  ]);
});

test.each(UNREADABLE)("at a site of its own, a policy with the labels %s is refused", (labels) => {
  expect(validate("AccessPolicy", policyWith(labels)).ok).toBe(false);
});

test("names that objects inherit are keys like others", () => {
  const { rows } = reconcilePolicies([policyWith('{"constructor": "x", "toString": "y"}')]);
  expect(rows["regular/shop/web"]?.spec.from).toEqual([
    { workloadSelector: { matchLabels: { constructor: "x", toString: "y" } } },
  ]);
});
