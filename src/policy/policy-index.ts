/**
 * Finds the few policies that a connection can trigger without looking at the others.
 *
 * A policy that demands `key = value` of one end can only be triggered by a connection with that very value, so it is
 * filed under it: one such demand for each selector of that end. Where several demands would do, the rarest is taken,
 * which keeps buckets small and keys few, whatever it is that tells the policies of a site apart. Policies that demand
 * no value of either end (empty selectors, `NotIn`, `Exists`) are looked at for every connection.
 */
import type { Attributes } from "./attributes.ts";
import { type Bucket, filedIn, insert, takenFrom, takeOut } from "./bucket.ts";
import { type CompiledPolicy, countsBefore, isTriggered } from "./compiled-policy.ts";
import type { Demand } from "./demand.ts";
import type { CompiledSelector, Requirement } from "./selector.ts";
import { type End, groupBit } from "./unknown-groups.ts";

/** Counts the policies that decisions looked at. */
export interface EvaluationCounter {
  evaluated: number;
}

interface KeyBuckets {
  readonly key: string;
  readonly end: End;
  /** The bit of the group that the key belongs to. */
  readonly group: number;
  readonly byValue: Map<string, Bucket>;
}

/** The demands that a policy is filed under. */
interface Place {
  readonly end: End;
  readonly demands: readonly Requirement[];
}

/** Above this many keys, the attributes of the connection are gone through instead of the keys. */
const MANY_KEYS = 16;

export class PolicyIndex {
  readonly #unknown: number;
  readonly #demand: Demand;
  readonly #counter: EvaluationCounter;
  readonly #keys: Readonly<Record<End, KeyBuckets[]>> = { from: [], to: [] };
  readonly #byKey: Readonly<Record<End, Map<string, KeyBuckets>>> = { from: new Map(), to: new Map() };
  readonly #unfiled: CompiledPolicy[] = [];
  readonly #places = new Map<CompiledPolicy, Place | undefined>();

  /**
   * @param unknown bits of the groups that are unknown in the connections that the index is for
   * @param demand of the whole tier, with every policy that is added here
   */
  constructor(unknown: number, demand: Demand, counter: EvaluationCounter) {
    this.#unknown = unknown;
    this.#demand = demand;
    this.#counter = counter;
  }

  /** Policies of one index have different names. */
  add(policy: CompiledPolicy): void {
    const place = this.#choosePlace(policy);
    this.#places.set(policy, place);
    if (place === undefined) insert(this.#unfiled, policy);
    else for (const demand of place.demands) this.#file(place.end, demand, policy);
  }

  /** The object that was added; one that was not is ignored. */
  remove(policy: CompiledPolicy): void {
    const place = this.#places.get(policy);
    if (!this.#places.delete(policy)) return;
    if (place === undefined) takeOut(this.#unfiled, policy);
    else for (const demand of place.demands) this.#unfile(place.end, demand, policy);
  }

  /**
   * @param unknown bits of the groups that are unknown in this connection, those of the index among them
   * @returns of the policies that the connection triggers the one that counts first
   */
  find(unknown: number, from: Attributes, to: Attributes): CompiledPolicy | undefined {
    let best = this.#first(this.#unfiled, from, to, undefined, undefined);
    best = this.#firstOfEnd("to", to, unknown, from, to, best);
    return this.#firstOfEnd("from", from, unknown, from, to, best);
  }

  #firstOfEnd(
    end: End,
    { values }: Attributes,
    unknown: number,
    from: Attributes,
    to: Attributes,
    found: CompiledPolicy | undefined,
  ): CompiledPolicy | undefined {
    const keys = this.#keys[end];
    let best = found;
    if (keys.length <= MANY_KEYS) {
      for (let i = 0; i < keys.length; i++) {
        const buckets = keys[i] as KeyBuckets;
        best = this.#firstOfKey(buckets, values[buckets.key], unknown, from, to, best);
      }
      return best;
    }
    const byKey = this.#byKey[end];
    for (const key in values) {
      const buckets = byKey.get(key);
      if (buckets !== undefined) best = this.#firstOfKey(buckets, values[key], unknown, from, to, best);
    }
    return best;
  }

  /** Under a key that is unknown only allows are filed, which need to know it. */
  #firstOfKey(
    { byValue, end, group }: KeyBuckets,
    value: unknown,
    unknown: number,
    from: Attributes,
    to: Attributes,
    best: CompiledPolicy | undefined,
  ): CompiledPolicy | undefined {
    if ((group & unknown) !== 0 || typeof value !== "string") return best;
    const bucket = byValue.get(value);
    if (bucket === undefined) return best;
    if (Array.isArray(bucket)) return this.#first(bucket, from, to, end, best);
    if (best !== undefined && !countsBefore(bucket, best)) return best;
    this.#counter.evaluated++;
    return isTriggered(bucket, from, to, end) ? bucket : best;
  }

  /** @returns the first of the policies that is triggered, or `best` where that counts before it. */
  #first(
    policies: readonly CompiledPolicy[],
    from: Attributes,
    to: Attributes,
    foundBy: End | undefined,
    best: CompiledPolicy | undefined,
  ): CompiledPolicy | undefined {
    for (let i = 0; i < policies.length; i++) {
      const policy = policies[i] as CompiledPolicy;
      if (best !== undefined && !countsBefore(policy, best)) return best;
      this.#counter.evaluated++;
      if (isTriggered(policy, from, to, foundBy)) return policy;
    }
    return best;
  }

  /** @returns undefined when neither end of the policy demands values in all of its selectors. */
  #choosePlace(policy: CompiledPolicy): Place | undefined {
    const to = this.#placeOfEnd("to", policy);
    const from = this.#placeOfEnd("from", policy);
    if (to === undefined || from === undefined) return to ?? from;
    return from.cost < to.cost ? from : to;
  }

  /** @returns undefined when one selector of that end demands no value, so that any connection could meet it. */
  #placeOfEnd(end: End, policy: CompiledPolicy): (Place & { cost: number }) | undefined {
    const demands: Requirement[] = [];
    let cost = 0;
    for (const selector of policy[end]) {
      const rarest = this.#rarest(end, selector, policy.action);
      if (rarest === undefined) return undefined;
      demands.push(rarest.demand);
      cost = Math.max(cost, rarest.cost);
    }
    return { end, demands, cost };
  }

  /**
   * A deny is triggered also by what is unknown, so it must not be filed under a value that such a connection does not
   * have. An allow needs a definite match.
   */
  #rarest(end: End, selector: CompiledSelector, action: CompiledPolicy["action"]) {
    let rarest: { demand: Requirement; cost: number } | undefined;
    for (const demand of selector) {
      if (demand.operator !== "In") continue;
      if (action === "deny" && (groupBit(end, demand) & this.#unknown) !== 0) continue;
      // A key that is new costs every connection a look-up.
      const cost = this.#demand.of(end, demand) + (this.#byKey[end].has(demand.key) ? 0 : 0.5);
      if (rarest === undefined || cost < rarest.cost) rarest = { demand, cost };
    }
    return rarest;
  }

  #file(end: End, demand: Requirement, policy: CompiledPolicy): void {
    const { key, values } = demand;
    let buckets = this.#byKey[end].get(key);
    if (buckets === undefined) {
      buckets = { key, end, group: groupBit(end, demand), byValue: new Map() };
      this.#byKey[end].set(key, buckets);
      this.#keys[end].push(buckets);
    }
    for (const value of values) buckets.byValue.set(value, filedIn(buckets.byValue.get(value), policy));
  }

  #unfile(end: End, { key, values }: Requirement, policy: CompiledPolicy): void {
    const buckets = this.#byKey[end].get(key);
    if (buckets === undefined) return;
    for (const value of values) {
      const left = takenFrom(buckets.byValue.get(value), policy);
      if (left === undefined) buckets.byValue.delete(value);
      else buckets.byValue.set(value, left);
    }
    if (buckets.byValue.size > 0) return;
    this.#byKey[end].delete(key);
    this.#keys[end].splice(this.#keys[end].indexOf(buckets), 1);
  }
}
