import { expect, test } from "bun:test";
import fc from "fast-check";
import { policyKey } from "../../src/policy/compiled-policy.ts";
import { PolicySet } from "../../src/policy/policy-set.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";
import { attributes, manyAttributes, namespace, narrowPolicy, policy } from "./arbitraries.ts";
import { referenceDecision } from "./reference.ts";

/** For a machine that does much else, in milliseconds. */
const SLOW = 30_000;

const policies = fc.uniqueArray(policy, { selector: policyKey, maxLength: 40 });
const narrowPolicies = fc.uniqueArray(narrowPolicy, { selector: policyKey, minLength: 30, maxLength: 60 });
const connections = fc.array(fc.record({ namespace, from: attributes, to: attributes }), {
  minLength: 1,
  maxLength: 10,
});

test(
  "the indexed engine decides as the plain reference does, and names the same policy",
  () => {
    fc.assert(
      fc.property(policies, connections, (entries, asked) => {
        const set = new PolicySet(entries);
        for (const { namespace, from, to } of asked) {
          expect(set.decide(namespace, from, to)).toEqual(referenceDecision(entries, namespace, from, to) as never);
        }
      }),
      { numRuns: 400 },
    );
  },
  SLOW,
);

test(
  "so it does when there are more keys than attributes, and policies that ask one thing of each end",
  () => {
    const wide = fc.array(fc.record({ namespace, from: manyAttributes, to: manyAttributes }), {
      minLength: 3,
      maxLength: 6,
    });
    fc.assert(
      fc.property(narrowPolicies, wide, (entries, asked) => {
        const set = new PolicySet(entries);
        for (const { namespace, from, to } of asked) {
          expect(set.decide(namespace, from, to)).toEqual(referenceDecision(entries, namespace, from, to) as never);
        }
      }),
      { numRuns: 60 },
    );
  },
  SLOW,
);

test(
  "after any sequence of changes the set decides as one made of what is left",
  () => {
    const change = fc.oneof(
      fc.record({ set: policies, remove: fc.constant<PolicyEntry[]>([]) }),
      fc.record({ set: fc.constant<PolicyEntry[]>([]), remove: fc.array(policy, { maxLength: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), connections, (changes, asked) => {
        const set = new PolicySet();
        const left = new Map<string, PolicyEntry>();
        for (const { set: added, remove } of changes) {
          // Deciding in between makes the set build its indexes, which the next change must keep right.
          for (const { namespace, from, to } of asked) set.decide(namespace, from, to);
          set.apply(added, remove.map(policyKey));
          for (const entry of remove) left.delete(policyKey(entry));
          for (const entry of added) left.set(policyKey(entry), entry);
        }
        expect(set.size).toBe(left.size);
        for (const { namespace, from, to } of asked) {
          expect(set.decide(namespace, from, to)).toEqual(
            referenceDecision([...left.values()], namespace, from, to) as never,
          );
        }
      }),
      { numRuns: 200 },
    );
  },
  SLOW,
);

test("the explanation ends with the policy that decides, and lists every policy in force when none does", () => {
  fc.assert(
    fc.property(policies, connections, (entries, asked) => {
      const set = new PolicySet(entries);
      for (const { namespace, from, to } of asked) {
        const decision = set.decide(namespace, from, to);
        const considered = set.explain(namespace, from, to);
        const decisive = considered.filter((one) => one.decisive).map((one) => one.policy);
        if (decision.tier === "default") {
          const inForce = entries.filter((entry) => entry.tier === "privileged" || entry.namespace === namespace);
          expect(decisive).toEqual([]);
          expect(considered).toHaveLength(inForce.length);
        } else {
          expect(decisive).toEqual([decision.policy]);
          expect(considered.at(-1)?.decisive).toBe(true);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test("whatever an unidentified client may do, any client may do", () => {
  fc.assert(
    fc.property(policies, connections, attributes, (entries, asked, other) => {
      const set = new PolicySet(entries);
      for (const { namespace, from, to } of asked) {
        const unidentified = { ...from, clientKnown: false };
        if (!set.decide(namespace, unidentified, to).allowed) continue;
        const rest = Object.entries(from.values).filter(([key]) => !key.startsWith("client."));
        const client = Object.entries(other.values).filter(([key]) => key.startsWith("client."));
        const identified = { ...from, values: Object.fromEntries([...rest, ...client]), clientKnown: true };
        expect(set.decide(namespace, identified, to).allowed).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
