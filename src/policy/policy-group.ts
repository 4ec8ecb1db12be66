/** The policies of one tier, namespace and action, and the order in which they count: by name. */
import type { Attributes } from "./attributes.ts";
import type { CompiledPolicy } from "./compiled-policy.ts";
import { type EvaluationCounter, PolicyIndex, type UnknownGroups } from "./policy-index.ts";
import type { AttributeGroup } from "./selector.ts";

/** Which groups are unknown at the two ends, as bits, so that it can index an array. */
const FROM_CLIENT = 1;
const FROM_PEER_LABELS = 2;
const TO_CLIENT = 4;
const TO_PEER_LABELS = 8;

/** @returns 0 when everything is known, as it nearly always is. */
export function unknownMask(from: Attributes, to: Attributes): number {
  return (
    (from.clientKnown ? 0 : FROM_CLIENT) |
    (from.peerLabelsKnown ? 0 : FROM_PEER_LABELS) |
    (to.clientKnown ? 0 : TO_CLIENT) |
    (to.peerLabelsKnown ? 0 : TO_PEER_LABELS)
  );
}

function unknownGroups(mask: number): UnknownGroups {
  const groups = (client: number, peerLabels: number): ReadonlySet<AttributeGroup> => {
    const set = new Set<AttributeGroup>();
    if (mask & client) set.add("client");
    if (mask & peerLabels) set.add("peer-labels");
    return set;
  };
  return { from: groups(FROM_CLIENT, FROM_PEER_LABELS), to: groups(TO_CLIENT, TO_PEER_LABELS) };
}

/**
 * A deny is triggered by what is unknown, so it must not be filed under a value that such a connection does not have:
 * each combination of unknown groups gets an index of its own when it first occurs. An allow needs a definite match,
 * for which one index is enough.
 */
export class PolicyGroup {
  readonly #policies = new Set<CompiledPolicy>();
  readonly #indexes: (PolicyIndex | undefined)[] = [];
  readonly #unknownMatters: boolean;
  readonly #counter: EvaluationCounter;

  constructor(action: CompiledPolicy["action"], counter: EvaluationCounter) {
    this.#unknownMatters = action === "deny";
    this.#counter = counter;
  }

  get size(): number {
    return this.#policies.size;
  }

  add(policy: CompiledPolicy): void {
    this.#policies.add(policy);
    for (const index of this.#indexes) index?.add(policy);
  }

  remove(policy: CompiledPolicy): void {
    this.#policies.delete(policy);
    for (const index of this.#indexes) index?.remove(policy);
  }

  /** @param mask what {@link unknownMask} says of the two ends. */
  find(mask: number, from: Attributes, to: Attributes): CompiledPolicy | undefined {
    if (this.#policies.size === 0) return undefined;
    const variant = this.#unknownMatters ? mask : 0;
    return (this.#indexes[variant] ?? this.#build(variant)).find(from, to);
  }

  /** @returns the policies in the order in which they count. */
  inOrder(): CompiledPolicy[] {
    return [...this.#policies].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #build(mask: number): PolicyIndex {
    const index = new PolicyIndex(unknownGroups(mask), this.#counter);
    for (const policy of this.#policies) index.add(policy);
    this.#indexes[mask] = index;
    return index;
  }
}
