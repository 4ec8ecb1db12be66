import { describe, expect, test } from "bun:test";
import { destinationAttributes, sourceAttributes } from "../../src/policy/endpoints.ts";
import { unknownAttributes } from "../../src/policy/explain.ts";
import { PolicySet } from "../../src/policy/policy-set.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";

type Labels = Record<string, string>;

const select = (matchLabels: Labels) => [{ workloadSelector: { matchLabels } }];
const everything = [{ workloadSelector: {} }];
const APP_WEB = select({ "client.clusterlink.net/labels.app": "web" });

function policy(
  where: "privileged" | `${string}/`,
  name: string,
  action: "allow" | "deny",
  ends: Partial<Pick<PolicyEntry["spec"], "from" | "to">> = {},
): PolicyEntry {
  const spec = { action, from: everything, to: everything, ...ends };
  return where === "privileged"
    ? { tier: "privileged", name, spec }
    : { tier: "regular", namespace: where.slice(0, -1), name, spec };
}

const east = { name: "east", labels: { region: "eu" } };
const west = { name: "west", labels: {} };
const web = sourceAttributes(east, { namespace: "shop", serviceAccount: "web", labels: { app: "web" } });
const batch = sourceAttributes(east, { namespace: "shop", labels: { app: "batch" } });
const stranger = sourceAttributes(east, undefined);
const orders = destinationAttributes(west, { name: "orders", namespace: "shop", labels: { tier: "backend" } });

const clients = { web, batch, stranger };

describe("which policy decides", () => {
  const cases: [string, PolicyEntry[], keyof typeof clients, string][] = [
    ["no policy: denied", [], "web", "deny default-deny"],
    [
      "an allow that matches nothing: denied",
      [policy("shop/", "a", "allow", { from: APP_WEB })],
      "batch",
      "deny default-deny",
    ],
    ["a regular allow allows", [policy("shop/", "a", "allow", { from: APP_WEB })], "web", "allow shop/a"],
    ["deny over allow", [policy("shop/", "a", "allow"), policy("shop/", "z", "deny")], "web", "deny shop/z"],
    [
      "privileged allow over regular deny",
      [policy("privileged", "a", "allow"), policy("shop/", "a", "deny")],
      "web",
      "allow privileged/a",
    ],
    [
      "privileged deny over privileged allow",
      [policy("privileged", "a", "allow"), policy("privileged", "b", "deny")],
      "web",
      "deny privileged/b",
    ],
    [
      "regular policies of another namespace do not count",
      [policy("other/", "a", "allow")],
      "web",
      "deny default-deny",
    ],
    [
      "of several the first by name is named",
      [policy("shop/", "b", "allow"), policy("shop/", "a", "allow")],
      "web",
      "allow shop/a",
    ],
    [
      "the first by name, also when only the second is found by its label",
      [policy("shop/", "b", "allow"), policy("shop/", "a", "allow", { from: APP_WEB })],
      "web",
      "allow shop/a",
    ],
    ["an allow of everything allows unknown clients too", [policy("shop/", "a", "allow")], "stranger", "allow shop/a"],
    [
      "an allow needs a definite match",
      [policy("shop/", "a", "allow", { from: APP_WEB })],
      "stranger",
      "deny default-deny",
    ],
    [
      "a deny is triggered by an unknown",
      [policy("shop/", "a", "allow"), policy("shop/", "d", "deny", { from: APP_WEB })],
      "stranger",
      "deny shop/d",
    ],
    [
      "a deny that surely does not match is not triggered by an unknown",
      [
        policy("shop/", "a", "allow"),
        policy("shop/", "d", "deny", { from: APP_WEB, to: select({ "export.clusterlink.net/name": "users" }) }),
      ],
      "stranger",
      "allow shop/a",
    ],
    [
      "both ends must match",
      [
        policy("shop/", "a", "allow", {
          from: APP_WEB,
          to: select({ "export.clusterlink.net/labels.tier": "frontend" }),
        }),
      ],
      "web",
      "deny default-deny",
    ],
    [
      "one matching alternative is enough",
      [policy("shop/", "a", "allow", { from: [...select({ "client.clusterlink.net/namespace": "x" }), ...APP_WEB] })],
      "web",
      "allow shop/a",
    ],
    [
      "the peer's name selects its site",
      [policy("shop/", "a", "allow", { from: select({ "peer.clusterlink.net/name": "east" }) })],
      "stranger",
      "allow shop/a",
    ],
    [
      "client attributes in `to` are definitely absent",
      [policy("shop/", "a", "allow"), policy("shop/", "d", "deny", { to: APP_WEB })],
      "stranger",
      "allow shop/a",
    ],
  ];
  for (const [rule, policies, client, expected] of cases) {
    test(rule, () => {
      const decision = new PolicySet(policies).decide("shop", clients[client], orders);
      expect(`${decision.allowed ? "allow" : "deny"} ${decision.policy}`).toBe(expected);
    });
  }

  test("the tier is told", () => {
    const set = new PolicySet([policy("privileged", "p", "allow", { from: APP_WEB }), policy("shop/", "r", "allow")]);
    expect(set.decide("shop", web, orders).tier).toBe("privileged");
    expect(set.decide("shop", batch, orders).tier).toBe("regular");
    expect(set.decide("none", batch, orders).tier).toBe("default");
  });
});

describe("a changed set", () => {
  test("a policy that comes back with another action counts in its new place only", () => {
    const set = new PolicySet([policy("shop/", "a", "allow")]);
    expect(set.decide("shop", web, orders).allowed).toBe(true);
    set.apply([policy("shop/", "a", "deny")]);
    expect(set.decide("shop", web, orders)).toEqual({ allowed: false, policy: "shop/a", tier: "regular" });
    expect(set.size).toBe(1);
  });

  test("a removed policy is gone, and an unknown key is ignored", () => {
    const set = new PolicySet([policy("privileged", "a", "allow"), policy("shop/", "a", "allow")]);
    set.apply([], ["privileged/a", "regular/shop/b"]);
    expect(set.decide("shop", web, orders).policy).toBe("shop/a");
    set.apply([], ["regular/shop/a"]);
    expect(set.decide("shop", web, orders).policy).toBe("default-deny");
  });
});

describe("whether knowing the client matters", () => {
  const set = new PolicySet([
    policy("shop/", "by-client", "allow", { from: APP_WEB }),
    policy("bank/", "by-peer", "allow", { from: select({ "peer.clusterlink.net/name": "east" }) }),
  ]);
  test("where a policy selects clients", () => expect(set.dependsOnClient("shop")).toBe(true));
  test("not where policies select peers only", () => expect(set.dependsOnClient("bank")).toBe(false));
  test("not where there is no policy", () => expect(set.dependsOnClient("none")).toBe(false));
  test("everywhere, once a privileged policy selects clients, and no more when it is gone", () => {
    set.apply([policy("privileged", "p", "deny", { from: APP_WEB })]);
    expect(set.dependsOnClient("none")).toBe(true);
    set.apply([], ["privileged/p", "regular/shop/by-client"]);
    expect([set.dependsOnClient("none"), set.dependsOnClient("shop")]).toEqual([false, false]);
  });
});

describe("the explanation", () => {
  const set = new PolicySet([
    policy("shop/", "web", "allow", { from: APP_WEB }),
    policy("shop/", "no-batch", "deny", { from: select({ "client.clusterlink.net/labels.app": "batch" }) }),
    policy("privileged", "z", "allow", { to: select({ "export.clusterlink.net/name": "users" }) }),
    policy("privileged", "y", "deny", { to: select({ "peer.clusterlink.net/name": "north" }) }),
  ]);

  test("goes through tiers and actions in their order and stops at the decisive policy", () => {
    expect(set.explain("shop", web, orders)).toEqual([
      { policy: "privileged/y", tier: "privileged", action: "deny", from: "match", to: "no-match", decisive: false },
      { policy: "privileged/z", tier: "privileged", action: "allow", from: "match", to: "no-match", decisive: false },
      { policy: "shop/no-batch", tier: "regular", action: "deny", from: "no-match", to: "match", decisive: false },
      { policy: "shop/web", tier: "regular", action: "allow", from: "match", to: "match", decisive: true },
    ]);
  });

  test("shows that a deny was triggered by an unknown", () => {
    expect(set.explain("shop", stranger, orders).at(-1)).toEqual({
      policy: "shop/no-batch",
      tier: "regular",
      action: "deny",
      from: "unknown",
      to: "match",
      decisive: true,
    });
  });

  test("names what is unknown", () => {
    expect(unknownAttributes(web, orders)).toEqual([]);
    expect(unknownAttributes(sourceAttributes({ name: "east" }, undefined), orders)).toEqual([
      "client.clusterlink.net/*",
      "peer.clusterlink.net/labels.* of the source",
    ]);
  });
});
