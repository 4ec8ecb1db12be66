/** Policies and attributes over few keys and values, so that they often meet. */
import fc from "fast-check";
import type { Attributes } from "../../src/policy/attributes.ts";
import type { WorkloadSelector } from "../../src/resources/access-policy.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";

const KEYS = [
  "peer.clusterlink.net/name",
  "peer.clusterlink.net/labels.region",
  "client.clusterlink.net/namespace",
  "client.clusterlink.net/labels.app",
  "export.clusterlink.net/name",
  "export.clusterlink.net/namespace",
  "export.clusterlink.net/labels.app",
  "constructor",
];

const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom("a", "b", "c", "");
const values = fc.uniqueArray(value, { minLength: 1, maxLength: 3 });

const expression = fc.oneof(
  fc.record({ key, operator: fc.constantFrom("In" as const, "NotIn" as const), values }),
  fc.record({ key, operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const) }),
);

const selector: fc.Arbitrary<WorkloadSelector> = fc.record(
  {
    matchLabels: fc.dictionary(key, value, { maxKeys: 3 }),
    matchExpressions: fc.array(expression, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

const items = fc.array(
  selector.map((workloadSelector) => ({ workloadSelector })),
  { minLength: 1, maxLength: 3 },
);

const spec = fc.record({ action: fc.constantFrom("allow" as const, "deny" as const), from: items, to: items });
const name = fc.constantFrom(..."abcdefghijklmnop");

export const namespace = fc.constantFrom("blue", "green");

export const policy: fc.Arbitrary<PolicyEntry> = fc.oneof(
  fc.record({ tier: fc.constant("privileged" as const), name, spec }),
  fc.record({ tier: fc.constant("regular" as const), namespace, name, spec }),
);

/** With plain objects and objects without a prototype, and values that an unknown group must hide. */
export const attributes: fc.Arbitrary<Attributes> = fc.record({
  values: fc.dictionary(key, value, { maxKeys: 6 }),
  clientKnown: fc.boolean(),
  peerLabelsKnown: fc.boolean(),
});
