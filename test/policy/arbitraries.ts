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

/** So many that an index goes through the connection's attributes instead of its own keys. */
const MANY_KEYS = [...KEYS, ...Array.from({ length: 24 }, (_, i) => `client.clusterlink.net/labels.key-${i}`)];

const value = fc.constantFrom("a", "b", "c", "");
const values = fc.uniqueArray(value, { minLength: 1, maxLength: 3 });
const name = fc.constantFrom(..."abcdefghijklmnop");

export const namespace = fc.constantFrom("blue", "green");

function policyOver(key: fc.Arbitrary<string>, most: number): fc.Arbitrary<PolicyEntry> {
  const expression = fc.oneof(
    fc.record({ key, operator: fc.constantFrom("In" as const, "NotIn" as const), values }),
    fc.record({ key, operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const) }),
  );
  const selector: fc.Arbitrary<WorkloadSelector> = fc.record(
    {
      matchLabels: fc.dictionary(key, value, { maxKeys: most }),
      matchExpressions: fc.array(expression, { maxLength: most - 1 }),
    },
    { requiredKeys: [] },
  );
  const items = fc.array(
    selector.map((workloadSelector) => ({ workloadSelector })),
    { minLength: 1, maxLength: most },
  );
  const spec = fc.record({ action: fc.constantFrom("allow" as const, "deny" as const), from: items, to: items });
  return fc.oneof(
    fc.record({ tier: fc.constant("privileged" as const), name, spec }),
    fc.record({ tier: fc.constant("regular" as const), namespace, name, spec }),
  );
}

export const policy = policyOver(fc.constantFrom(...KEYS), 3);

/** One that mostly demands a single value of each end. */
export const narrowPolicy = policyOver(fc.constantFrom(...MANY_KEYS), 1);

function attributesOver(keys: readonly string[], fewest: number): fc.Arbitrary<Attributes> {
  return fc.record({
    values: fc.dictionary(fc.constantFrom(...keys), value, { minKeys: fewest, maxKeys: Math.max(6, fewest) }),
    clientKnown: fc.boolean(),
    peerLabelsKnown: fc.boolean(),
  });
}

/** With plain objects and objects without a prototype, and values that an unknown group must hide. */
export const attributes = attributesOver(KEYS, 0);

export const manyAttributes = attributesOver(MANY_KEYS, 20);
