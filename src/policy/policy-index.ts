/**
 * Finds the few policies that a connection can trigger without looking at the others.
 *
 * A policy is filed under values that a connection must have to trigger it (see place.ts); one that has no such place is
 * looked at for every connection.
 */
import type { Attributes } from "./attributes.ts";
import { type Bucket, filedIn, insert, takenFrom, takeOut } from "./bucket.ts";
import { type CompiledPolicy, countsBefore, isTriggered } from "./compiled-policy.ts";
import type { Demand } from "./demand.ts";
import { choosePlace, type Place } from "./place.ts";
import type { Requirement } from "./selector.ts";
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
    const place = choosePlace(policy, this.#unknown, (end, demand) => this.#cost(end, demand));
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

  /** A key that is new costs every connection a look-up. */
  #cost(end: End, demand: Requirement): number {
    return this.#demand.of(end, demand) + (this.#byKey[end].has(demand.key) ? 0 : 0.5);
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
