import { describe, expect, test } from "bun:test";
import type { Attributes } from "../../src/policy/attributes.ts";
import { evaluateSide } from "../../src/policy/compiled-policy.ts";
import { compileSelector, evaluateSelector } from "../../src/policy/selector.ts";
import { type TernaryName, ternaryName } from "../../src/policy/ternary.ts";
import type { SelectorRequirement, WorkloadSelector } from "../../src/resources/access-policy.ts";

const APP = "client.clusterlink.net/labels.app";
const REGION = "peer.clusterlink.net/labels.region";
const NAME = "peer.clusterlink.net/name";

const known: Attributes = {
  values: { [APP]: "web", [REGION]: "eu", [NAME]: "east" },
  clientKnown: true,
  peerLabelsKnown: true,
};
const bare: Attributes = { values: { [NAME]: "east" }, clientKnown: true, peerLabelsKnown: true };
const unknown: Attributes = { values: { [NAME]: "east" }, clientKnown: false, peerLabelsKnown: false };

function outcome(selector: WorkloadSelector, attributes: Attributes): TernaryName {
  return ternaryName(evaluateSelector(compileSelector(selector), attributes));
}

describe("one requirement, on a key that is present, absent or unknown", () => {
  const cases: [string, Omit<SelectorRequirement, "key">, TernaryName, TernaryName, TernaryName][] = [
    ["In with the value matches", { operator: "In", values: ["api", "web"] }, "match", "no-match", "unknown"],
    ["In without the value does not", { operator: "In", values: ["api"] }, "no-match", "no-match", "unknown"],
    ["NotIn with the value does not match", { operator: "NotIn", values: ["web"] }, "no-match", "match", "unknown"],
    [
      "NotIn matches an absent key, as in Kubernetes",
      { operator: "NotIn", values: ["a", "b"] },
      "match",
      "match",
      "unknown",
    ],
    ["Exists matches any value", { operator: "Exists" }, "match", "no-match", "unknown"],
    ["Exists may have an empty list of values", { operator: "Exists", values: [] }, "match", "no-match", "unknown"],
    ["DoesNotExist matches absence", { operator: "DoesNotExist" }, "no-match", "match", "unknown"],
    ["In without values is never settled", { operator: "In", values: [] }, "unknown", "unknown", "unknown"],
    ["NotIn without values is never settled", { operator: "NotIn" }, "unknown", "unknown", "unknown"],
    ["Exists with values is never settled", { operator: "Exists", values: ["x"] }, "unknown", "unknown", "unknown"],
  ];
  for (const [rule, requirement, present, absent, notKnown] of cases) {
    test(rule, () => {
      const selector = { matchExpressions: [{ key: APP, ...requirement }] };
      expect([known, bare, unknown].map((attributes) => outcome(selector, attributes))).toEqual([
        present,
        absent,
        notKnown,
      ]);
    });
  }
});

describe("a selector is the AND of its requirements", () => {
  const cases: [string, WorkloadSelector, Attributes, TernaryName][] = [
    ["an empty selector matches everything", {}, known, "match"],
    ["an empty selector matches unknown clients too", { matchLabels: {}, matchExpressions: [] }, unknown, "match"],
    ["all labels equal: match", { matchLabels: { [APP]: "web", [REGION]: "eu" } }, known, "match"],
    ["the name of a site is that of its certificate in any case", { matchLabels: { [NAME]: "East" } }, known, "match"],
    ["another value is itself in one case only", { matchLabels: { [APP]: "Web" } }, known, "no-match"],
    ["one label different: no match", { matchLabels: { [APP]: "web", [REGION]: "us" } }, known, "no-match"],
    ["match and unknown are unknown", { matchLabels: { [NAME]: "east", [APP]: "web" } }, unknown, "unknown"],
    ["no-match beats unknown", { matchLabels: { [APP]: "web", [NAME]: "west" } }, unknown, "no-match"],
    [
      "matchLabels and matchExpressions must both hold",
      { matchLabels: { [APP]: "web" }, matchExpressions: [{ key: REGION, operator: "NotIn", values: ["eu"] }] },
      known,
      "no-match",
    ],
    [
      "a key that every object inherits is absent",
      { matchExpressions: [{ key: "constructor", operator: "Exists" }] },
      known,
      "no-match",
    ],
  ];
  for (const [rule, selector, attributes, expected] of cases) {
    test(rule, () => expect(outcome(selector, attributes)).toBe(expected));
  }

  test("a group that is unknown hides values that stand there anyway", () => {
    expect(outcome({ matchLabels: { [APP]: "web" } }, { ...known, clientKnown: false })).toBe("unknown");
    expect(outcome({ matchLabels: { [REGION]: "eu" } }, { ...known, peerLabelsKnown: false })).toBe("unknown");
  });

  test("the client and the peer's labels become known apart from each other", () => {
    expect(outcome({ matchLabels: { [APP]: "web" } }, { ...known, peerLabelsKnown: false })).toBe("match");
    expect(outcome({ matchLabels: { [REGION]: "eu" } }, { ...known, clientKnown: false })).toBe("match");
  });
});

describe("alternatives are ORed", () => {
  const web = compileSelector({ matchLabels: { [APP]: "web" } });
  const east = compileSelector({ matchLabels: { [NAME]: "east" } });
  const west = compileSelector({ matchLabels: { [NAME]: "west" } });

  test("match beats unknown", () => expect(ternaryName(evaluateSide([web, east], unknown))).toBe("match"));
  test("unknown beats no-match", () => expect(ternaryName(evaluateSide([west, web], unknown))).toBe("unknown"));
  test("none matches: no match", () => expect(ternaryName(evaluateSide([west, west], unknown))).toBe("no-match"));
});
