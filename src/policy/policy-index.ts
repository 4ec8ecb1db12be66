/**
 * Finds the few policies that a connection can trigger without looking at the others.
 *
 * A policy that demands `key = value` of one end can only be triggered by a connection with that very value, so it is
 * filed under it: one such demand for each selector of that end. Where several demands would do, the one with the
 * emptiest bucket is taken, which keeps buckets small whatever it is that tells the policies of a site apart. Policies
 * that demand no value of either end (empty selectors, `NotIn`, `Exists`) are looked at for every connection.
 */
import type { Attributes } from "./attributes.ts";
import { type CompiledPolicy, isTriggered } from "./compiled-policy.ts";
import type { AttributeGroup, CompiledSelector, Requirement } from "./selector.ts";

/** Counts the policies that decisions looked at. */
export interface EvaluationCounter {
  evaluated: number;
}

type End = "from" | "to";

/** The groups that are unknown in the connections that an index is for: nothing can be filed under their keys. */
export type UnknownGroups = Readonly<Record<End, ReadonlySet<AttributeGroup>>>;

/** Sorted by name. */
type Bucket = CompiledPolicy[];

interface KeyBuckets {
  readonly key: string;
  readonly byValue: Map<string, Bucket>;
}

interface Place {
  readonly end: End;
  readonly key: string;
  readonly value: string;
}

/** Above this many keys, the attributes of the connection are gone through instead of the keys. */
const MANY_KEYS = 16;

export class PolicyIndex {
  readonly #unknown: UnknownGroups;
  readonly #counter: EvaluationCounter;
  readonly #keys: Readonly<Record<End, KeyBuckets[]>> = { from: [], to: [] };
  readonly #byKey: Readonly<Record<End, Map<string, KeyBuckets>>> = { from: new Map(), to: new Map() };
  readonly #unfiled: Bucket = [];
  readonly #places = new Map<CompiledPolicy, Place[]>();

  constructor(unknown: UnknownGroups, counter: EvaluationCounter) {
    this.#unknown = unknown;
    this.#counter = counter;
  }

  /** Policies of one index have different names. */
  add(policy: CompiledPolicy): void {
    const places = this.#choosePlaces(policy);
    this.#places.set(policy, places);
    if (places.length === 0) insert(this.#unfiled, policy);
    for (const place of places) insert(this.#openBucket(place), policy);
  }

  /** The object that was added; one that was not is ignored. */
  remove(policy: CompiledPolicy): void {
    const places = this.#places.get(policy);
    if (places === undefined) return;
    this.#places.delete(policy);
    if (places.length === 0) takeOut(this.#unfiled, policy);
    for (const place of places) this.#unfile(place, policy);
  }

  /** @returns of the policies that the connection triggers the first by name. */
  find(from: Attributes, to: Attributes): CompiledPolicy | undefined {
    let best = this.#first(this.#unfiled, from, to, undefined);
    best = this.#firstOfEnd("to", to, from, to, best);
    return this.#firstOfEnd("from", from, from, to, best);
  }

  #firstOfEnd(
    end: End,
    attributes: Attributes,
    from: Attributes,
    to: Attributes,
    found: CompiledPolicy | undefined,
  ): CompiledPolicy | undefined {
    const keys = this.#keys[end];
    let best = found;
    if (keys.length <= MANY_KEYS) {
      for (let i = 0; i < keys.length; i++) {
        const { key, byValue } = keys[i] as KeyBuckets;
        const bucket = bucketOf(byValue, attributes.values[key]);
        if (bucket !== undefined) best = this.#first(bucket, from, to, best);
      }
      return best;
    }
    const byKey = this.#byKey[end];
    for (const key in attributes.values) {
      const buckets = byKey.get(key);
      if (buckets === undefined) continue;
      const bucket = bucketOf(buckets.byValue, attributes.values[key]);
      if (bucket !== undefined) best = this.#first(bucket, from, to, best);
    }
    return best;
  }

  /** @returns the first of the bucket that is triggered, or `best` where that comes before it by name. */
  #first(
    bucket: Bucket,
    from: Attributes,
    to: Attributes,
    best: CompiledPolicy | undefined,
  ): CompiledPolicy | undefined {
    for (let i = 0; i < bucket.length; i++) {
      const policy = bucket[i] as CompiledPolicy;
      if (best !== undefined && policy.name >= best.name) return best;
      this.#counter.evaluated++;
      if (isTriggered(policy, from, to)) return policy;
    }
    return best;
  }

  #choosePlaces(policy: CompiledPolicy): Place[] {
    const to = this.#placesOfEnd("to", policy.to);
    const from = this.#placesOfEnd("from", policy.from);
    if (to === undefined) return from?.places ?? [];
    return from !== undefined && from.cost < to.cost ? from.places : to.places;
  }

  /** @returns undefined when one selector of that end demands no value, so that any connection could meet it. */
  #placesOfEnd(end: End, selectors: readonly CompiledSelector[]): { places: Place[]; cost: number } | undefined {
    const places: Place[] = [];
    let cost = 0;
    for (const selector of selectors) {
      let chosen: Requirement | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (const requirement of selector) {
        if (requirement.operator !== "In" || this.#unknown[end].has(requirement.group)) continue;
        const price = this.#cost(end, requirement);
        if (price < least) {
          chosen = requirement;
          least = price;
        }
      }
      if (chosen === undefined) return undefined;
      const { key } = chosen;
      for (const value of chosen.values) {
        if (!places.some((place) => place.key === key && place.value === value)) places.push({ end, key, value });
      }
      cost = Math.max(cost, least);
    }
    return { places, cost };
  }

  /** Policies that a connection with that value would have to look at already; a key that is new costs a look-up more. */
  #cost(end: End, requirement: Requirement): number {
    const buckets = this.#byKey[end].get(requirement.key);
    if (buckets === undefined) return 0.5;
    let largest = 0;
    for (const value of requirement.values) largest = Math.max(largest, buckets.byValue.get(value)?.length ?? 0);
    return largest;
  }

  #openBucket({ end, key, value }: Place): Bucket {
    let buckets = this.#byKey[end].get(key);
    if (buckets === undefined) {
      buckets = { key, byValue: new Map() };
      this.#byKey[end].set(key, buckets);
      this.#keys[end].push(buckets);
    }
    let bucket = buckets.byValue.get(value);
    if (bucket === undefined) {
      bucket = [];
      buckets.byValue.set(value, bucket);
    }
    return bucket;
  }

  #unfile({ end, key, value }: Place, policy: CompiledPolicy): void {
    const buckets = this.#byKey[end].get(key);
    const bucket = buckets?.byValue.get(value);
    if (buckets === undefined || bucket === undefined) return;
    takeOut(bucket, policy);
    if (bucket.length > 0) return;
    buckets.byValue.delete(value);
    if (buckets.byValue.size > 0) return;
    this.#byKey[end].delete(key);
    this.#keys[end].splice(this.#keys[end].indexOf(buckets), 1);
  }
}

function bucketOf(byValue: Map<string, Bucket>, value: unknown): Bucket | undefined {
  return typeof value === "string" ? byValue.get(value) : undefined;
}

function insert(bucket: Bucket, policy: CompiledPolicy): void {
  bucket.splice(placeByName(bucket, policy.name), 0, policy);
}

function takeOut(bucket: Bucket, policy: CompiledPolicy): void {
  const at = placeByName(bucket, policy.name);
  if (bucket[at] === policy) bucket.splice(at, 1);
}

/** @returns the index of the first policy whose name is not before this one. */
function placeByName(bucket: Bucket, name: string): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bucket[middle] as CompiledPolicy).name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
