/** The policies in force at a site, and the decisions that they make. */
import type { ConsideredPolicy } from "../snapshot/status.ts";
import type { PolicyEntry } from "../snapshot/tables.ts";
import type { Attributes } from "./attributes.ts";
import { type CompiledPolicy, compilePolicy, type Decision, policyKey } from "./compiled-policy.ts";
import { considerInOrder } from "./explain.ts";
import type { EvaluationCounter } from "./policy-index.ts";
import { PolicyTier } from "./policy-tier.ts";
import { unknownBits } from "./unknown-groups.ts";

/** What a connection gets that no policy speaks of. */
const DEFAULT_DENY: Decision = Object.freeze({ allowed: false, policy: "default-deny", tier: "default" });

/**
 * Decides in this order: privileged deny, privileged allow, regular deny, regular allow, default deny; within each of
 * these by name. Regular policies count in their own namespace only: that of the Import on the client's side, that of
 * the Export on the server's.
 */
export class PolicySet {
  readonly #counter: EvaluationCounter = { evaluated: 0 };
  readonly #policies = new Map<string, CompiledPolicy>();
  readonly #privileged = new PolicyTier(this.#counter);
  readonly #regular = new Map<string, PolicyTier>();

  constructor(entries: Iterable<PolicyEntry> = []) {
    for (const entry of entries) this.#set(entry);
  }

  get size(): number {
    return this.#policies.size;
  }

  /** How many policies the decisions since construction looked at, all together. */
  get evaluated(): number {
    return this.#counter.evaluated;
  }

  /**
   * Changes some policies and touches no other.
   *
   * @param set policies that are new or replace the one of the same tier, namespace and name
   * @param remove keys as {@link policyKey} makes them; unknown ones are ignored
   */
  apply(set: Iterable<PolicyEntry>, remove: Iterable<string> = []): void {
    for (const key of remove) this.#remove(key);
    for (const entry of set) this.#set(entry);
  }

  /**
   * Decides one connection at one side. Cheap enough for every connection and every re-judgement: its cost follows
   * the policies that speak of these two ends, not those in force, and it allocates nothing.
   *
   * @param namespace of the Import on the client's side, of the Export on the server's
   */
  decide(namespace: string, from: Attributes, to: Attributes): Decision {
    const unknown = unknownBits(from, to);
    const decisive = this.#privileged.find(unknown, from, to) ?? this.#regular.get(namespace)?.find(unknown, from, to);
    return decisive === undefined ? DEFAULT_DENY : decisive.decision;
  }

  /**
   * The way to the decision, for people: every policy up to the decisive one, in the order of evaluation, with what
   * it came to. It looks at the policies one by one, without the index, and is not for the path of a connection.
   */
  explain(namespace: string, from: Attributes, to: Attributes): ConsideredPolicy[] {
    return considerInOrder(this.#inOrder(namespace), from, to);
  }

  /** @returns whether a policy that counts in this namespace selects clients, so that knowing the client matters. */
  dependsOnClient(namespace: string): boolean {
    return this.#privileged.dependsOnClient || (this.#regular.get(namespace)?.dependsOnClient ?? false);
  }

  #inOrder(namespace: string): CompiledPolicy[] {
    return [...this.#privileged.inOrder(), ...(this.#regular.get(namespace)?.inOrder() ?? [])];
  }

  #set(entry: PolicyEntry): void {
    const key = policyKey(entry);
    this.#remove(key);
    const policy = compilePolicy(entry);
    this.#policies.set(key, policy);
    this.#tierOf(policy).add(policy);
  }

  #remove(key: string): void {
    const policy = this.#policies.get(key);
    if (policy === undefined) return;
    this.#policies.delete(key);
    const tier = this.#tierOf(policy);
    tier.remove(policy);
    if (policy.namespace !== undefined && tier.size === 0) this.#regular.delete(policy.namespace);
  }

  #tierOf(policy: CompiledPolicy): PolicyTier {
    if (policy.namespace === undefined) return this.#privileged;
    let tier = this.#regular.get(policy.namespace);
    if (tier === undefined) {
      tier = new PolicyTier(this.#counter);
      this.#regular.set(policy.namespace, tier);
    }
    return tier;
  }
}
