/** The policies of one tier, the privileged ones or the regular ones of a namespace, and the order in which they count. */
import type { Attributes } from "./attributes.ts";
import { type CompiledPolicy, countsBefore } from "./compiled-policy.ts";
import { Demand } from "./demand.ts";
import { type EvaluationCounter, PolicyIndex } from "./policy-index.ts";
import { CLIENT_OF_SOURCE, GROUPS } from "./unknown-groups.ts";

/**
 * Deny and allow share an index: one look-up finds the policies of both. A deny is triggered by what is unknown, so
 * each combination of unknown groups that some deny speaks of gets an index of its own when it first occurs.
 */
export class PolicyTier {
  readonly #policies = new Set<CompiledPolicy>();
  readonly #demand = new Demand();
  readonly #counter: EvaluationCounter;
  readonly #indexes: (PolicyIndex | undefined)[] = [];
  /** How many denies speak of each group. */
  readonly #denying = new Uint32Array(GROUPS);
  /** The groups that some deny speaks of. */
  #deniedGroups = 0;
  #dependingOnClient = 0;

  constructor(counter: EvaluationCounter) {
    this.#counter = counter;
  }

  get size(): number {
    return this.#policies.size;
  }

  /** Whether some policy selects clients. */
  get dependsOnClient(): boolean {
    return this.#dependingOnClient > 0;
  }

  add(policy: CompiledPolicy): void {
    this.#policies.add(policy);
    this.#demand.add(policy);
    this.#count(policy, 1);
    for (const index of this.#indexes) index?.add(policy);
  }

  /** One that was added. */
  remove(policy: CompiledPolicy): void {
    this.#policies.delete(policy);
    this.#demand.remove(policy);
    this.#count(policy, -1);
    for (const index of this.#indexes) index?.remove(policy);
  }

  /**
   * @param unknown the bits of what is unknown of the two ends
   * @returns of the policies that the connection triggers the one that counts first
   */
  find(unknown: number, from: Attributes, to: Attributes): CompiledPolicy | undefined {
    if (this.#policies.size === 0) return undefined;
    const variant = unknown & this.#deniedGroups;
    return (this.#indexes[variant] ?? this.#build(variant)).find(unknown, from, to);
  }

  /** @returns the policies in the order in which they count. */
  inOrder(): CompiledPolicy[] {
    return [...this.#policies].sort((a, b) => (countsBefore(a, b) ? -1 : 1));
  }

  #build(unknown: number): PolicyIndex {
    const index = new PolicyIndex(unknown, this.#demand, this.#counter);
    for (const policy of this.#policies) index.add(policy);
    this.#indexes[unknown] = index;
    return index;
  }

  #count({ action, groups }: CompiledPolicy, by: 1 | -1): void {
    if ((groups & CLIENT_OF_SOURCE) !== 0) this.#dependingOnClient += by;
    if (action === "allow") return;
    for (let i = 0; i < GROUPS; i++) {
      const bit = 1 << i;
      if ((groups & bit) === 0) continue;
      const count = (this.#denying[i] as number) + by;
      this.#denying[i] = count;
      this.#deniedGroups = count === 0 ? this.#deniedGroups & ~bit : this.#deniedGroups | bit;
    }
  }
}
