/** Label selectors as Kubernetes has them, over connection attributes that may be unknown. */
import type { SelectorRequirement, WorkloadSelector } from "../resources/access-policy.ts";
import { type Attributes, CLIENT_PREFIX, PEER_LABEL_PREFIX, PEER_NAME } from "./attributes.ts";
import { MATCH, NO_MATCH, type Ternary, UNKNOWN } from "./ternary.ts";

/** Which keys become known together. */
export type AttributeGroup = "client" | "peer-labels" | "always-known";

type Operator = SelectorRequirement["operator"] | "Invalid";

/** One requirement, prepared for evaluation. */
export interface Requirement {
  readonly key: string;
  readonly group: AttributeGroup;
  readonly operator: Operator;
  readonly values: readonly string[];
  /** The only value, where there is one: comparing is faster than looking up. */
  readonly only: string | undefined;
  /** The values, where there are several. */
  readonly listed: ReadonlySet<string> | undefined;
}

/** A selector is the AND of its requirements; without any it matches everything. */
export type CompiledSelector = readonly Requirement[];

/** @returns the group that the attribute's being known depends on. */
function attributeGroup(key: string): AttributeGroup {
  if (key.startsWith(CLIENT_PREFIX)) return "client";
  return key.startsWith(PEER_LABEL_PREFIX) ? "peer-labels" : "always-known";
}

/**
 * A requirement that no Kubernetes server accepts (`In` without values, `Exists` with some) is not refused here but
 * stays unknown for every connection: it can never allow one, and a deny that holds it still denies.
 */
export function compileSelector(selector: WorkloadSelector): CompiledSelector {
  const labels = Object.entries(selector.matchLabels ?? {});
  return [
    ...labels.map(([key, value]) => requirement({ key, operator: "In", values: [value] })),
    ...(selector.matchExpressions ?? []).map(requirement),
  ];
}

/** The name of a site is a DNS name, in lower case wherever it comes from a certificate: RFC 4343. */
function requirement({ key, operator, values: written = [] }: SelectorRequirement): Requirement {
  const takesValues = operator === "In" || operator === "NotIn";
  const values = key === PEER_NAME ? written.map((name) => name.toLowerCase()) : written;
  return {
    key,
    group: attributeGroup(key),
    operator: takesValues === values.length > 0 ? operator : "Invalid",
    values,
    only: values.length === 1 ? values[0] : undefined,
    listed: values.length > 1 ? new Set(values) : undefined,
  };
}

/** No-match beats unknown: one requirement that surely fails settles the selector, whatever the others would say. */
export function evaluateSelector(selector: CompiledSelector, attributes: Attributes): Ternary {
  let result: Ternary = MATCH;
  for (let i = 0; i < selector.length; i++) {
    const outcome = evaluateRequirement(selector[i] as Requirement, attributes);
    if (outcome === NO_MATCH) return NO_MATCH;
    if (outcome === UNKNOWN) result = UNKNOWN;
  }
  return result;
}

/** `NotIn` and `DoesNotExist` match an absent key, as in Kubernetes; an unknown key is unknown to every operator. */
export function evaluateRequirement(requirement: Requirement, attributes: Attributes): Ternary {
  if (requirement.group === "client" && !attributes.clientKnown) return UNKNOWN;
  if (requirement.group === "peer-labels" && !attributes.peerLabelsKnown) return UNKNOWN;
  const value: unknown = attributes.values[requirement.key];
  // Not `in`: a plain object inherits "constructor" and its like, which are no strings.
  const present = typeof value === "string";
  switch (requirement.operator) {
    case "In":
      return present && isListed(requirement, value) ? MATCH : NO_MATCH;
    case "NotIn":
      return present && isListed(requirement, value) ? NO_MATCH : MATCH;
    case "Exists":
      return present ? MATCH : NO_MATCH;
    case "DoesNotExist":
      return present ? NO_MATCH : MATCH;
    case "Invalid":
      return UNKNOWN;
  }
}

function isListed(requirement: Requirement, value: string): boolean {
  return requirement.listed === undefined ? requirement.only === value : requirement.listed.has(value);
}
