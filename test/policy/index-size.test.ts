/** How many policies a decision looks at, counted, as the number of policies grows. */
import { describe, expect, test } from "bun:test";
import type { Attributes } from "../../src/policy/attributes.ts";
import { policyKey } from "../../src/policy/compiled-policy.ts";
import { destinationAttributes, sourceAttributes } from "../../src/policy/endpoints.ts";
import { PolicySet } from "../../src/policy/policy-set.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";

type Labels = Record<string, string>;

const select = (matchLabels: Labels) => [{ workloadSelector: { matchLabels } }];
const client = (i: number): Labels => ({ "client.clusterlink.net/labels.app": `app-${i}` });
const service = (i: number): Labels => ({ "export.clusterlink.net/name": `service-${i}` });

const SHAPES: Record<string, (i: number) => Pick<PolicyEntry["spec"], "from" | "to">> = {
  "one policy a service": (i) => ({ from: [{ workloadSelector: {} }], to: select(service(i)) }),
  "one policy a client label, all to one service": (i) => ({ from: select(client(i)), to: select(service(0)) }),
  "one policy a client label, to everything": (i) => ({ from: select(client(i)), to: [{ workloadSelector: {} }] }),
  "pairs of client and service": (i) => ({ from: select(client(i)), to: select(service(i % 10)) }),
  "the telling demand beside one that all share": (i) => ({
    from: [{ workloadSelector: {} }],
    to: select({ "export.clusterlink.net/namespace": "default", ...service(i) }),
  }),
  "one policy a peer": (i) => ({ from: select({ "peer.clusterlink.net/name": `peer-${i}` }), to: select(service(0)) }),
  "a label key of its own in each policy": (i) => ({
    from: select({ [`client.clusterlink.net/labels.key-${i}`]: "yes" }),
    to: [{ workloadSelector: {} }],
  }),
  "several alternatives, by In": (i) => ({
    from: [{ workloadSelector: {} }],
    to: [
      { workloadSelector: { matchLabels: service(i) } },
      {
        workloadSelector: {
          matchExpressions: [
            { key: "export.clusterlink.net/labels.app", operator: "In", values: [`x-${i}`, `y-${i}`] },
          ],
        },
      },
    ],
  }),
};

function policies(
  count: number,
  action: "allow" | "deny",
  shape: (i: number) => Pick<PolicyEntry["spec"], "from" | "to">,
) {
  return Array.from({ length: count }, (_, i): PolicyEntry => {
    const tier = i % 2 === 0 ? { tier: "privileged" as const } : { tier: "regular" as const, namespace: "default" };
    return { ...tier, name: `policy-${i}`, spec: { action, ...shape(i) } };
  });
}

/** The largest number of policies that one of these decisions looked at. */
function mostEvaluated(set: PolicySet, connections: [Attributes, Attributes][]): number {
  return Math.max(
    ...connections.map(([from, to]) => {
      const before = set.evaluated;
      set.decide("default", from, to);
      return set.evaluated - before;
    }),
  );
}

function connections(count: number, identified: boolean): [Attributes, Attributes][] {
  return Array.from({ length: 50 }, (_, n) => {
    const i = Math.floor((n * count) / 50);
    const entry = { namespace: "default", labels: { app: `app-${i}`, [`key-${i}`]: "yes" } };
    const from = sourceAttributes({ name: `peer-${i}`, labels: {} }, identified ? entry : undefined);
    const to = destinationAttributes(
      { name: "server", labels: {} },
      { name: `service-${i}`, namespace: "default", labels: { app: `x-${i}` } },
    );
    return [from, to];
  });
}

describe("a decision over 5,000 policies looks at a handful of them", () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    for (const action of ["allow", "deny"] as const) {
      test(`${name}, ${action}`, () => {
        const set = new PolicySet(policies(5000, action, shape));
        expect(mostEvaluated(set, connections(5000, true))).toBeLessThanOrEqual(8);
      });
    }
  }
});

describe("a client that cannot be identified costs no more, where the service tells the denies apart", () => {
  for (const name of ["one policy a service", "pairs of client and service"]) {
    test(name, () => {
      const shape = SHAPES[name]!;
      const set = new PolicySet(policies(5000, "deny", shape));
      // To services 0 to 9, each of which denies speak of.
      expect(mostEvaluated(set, connections(10, false))).toBeLessThanOrEqual(8);
    });
  }
});

test("policies of other namespaces are not looked at", () => {
  const elsewhere = policies(500, "allow", () => ({
    from: [{ workloadSelector: {} }],
    to: [{ workloadSelector: {} }],
  })).map((entry): PolicyEntry => ({ ...entry, tier: "regular", namespace: "other" }));
  const set = new PolicySet(elsewhere);
  expect(mostEvaluated(set, connections(500, true))).toBe(0);
});

describe("allows that select clients cost a client that cannot be identified nothing", () => {
  const shape = SHAPES["one policy a client label, to everything"]!;
  const denyAnother: PolicyEntry = {
    tier: "regular",
    namespace: "default",
    name: "deny",
    spec: { action: "deny", from: select(client(0)), to: select(service(0)) },
  };
  const cases: [string, PolicyEntry[], number][] = [
    ["among allows only", [], 0],
    ["beside a deny that selects clients, which is looked at", [denyAnother], 1],
  ];
  for (const [name, denies, most] of cases) {
    test(name, () => {
      const set = new PolicySet([...policies(5000, "allow", shape), ...denies]);
      expect(mostEvaluated(set, connections(5000, false))).toBe(most);
    });
  }
});

describe("a policy is filed under what is rare among all, whatever came first", () => {
  const pairs = policies(1000, "allow", SHAPES["pairs of client and service"]!);
  const arrivals: Record<string, () => PolicySet> = {
    "all of them before the first decision": () => new PolicySet(pairs),
    "one by one, with a decision after each": () => {
      const set = new PolicySet();
      for (const entry of pairs) {
        set.apply([entry]);
        mostEvaluated(set, connections(1, true));
      }
      return set;
    },
    "after twice as many that are gone again": () => {
      const others = policies(2_000, "allow", (i) => ({ from: select(client(0)), to: select(service(i)) }));
      const renamed = others.map((entry) => ({ ...entry, name: `gone-${entry.name}` }));
      const set = new PolicySet(renamed);
      set.apply(
        pairs,
        renamed.map((entry) => policyKey(entry)),
      );
      return set;
    },
  };
  for (const [name, arrive] of Object.entries(arrivals)) {
    test(name, () => {
      expect(mostEvaluated(arrive(), connections(1000, true))).toBeLessThanOrEqual(2);
    });
  }
});
