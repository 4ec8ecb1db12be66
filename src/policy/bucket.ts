/** A few policies of one tier in the order in which they count. */
import { type CompiledPolicy, countsBefore } from "./compiled-policy.ts";

/** Nearly every bucket holds one policy, which then stands for itself: an array apart would be one more cold read. */
export type Bucket = CompiledPolicy | CompiledPolicy[];

/** @returns the bucket with the policy in its place; the one that was given may have been changed. */
export function filedIn(bucket: Bucket | undefined, policy: CompiledPolicy): Bucket {
  if (bucket === undefined) return policy;
  const policies = Array.isArray(bucket) ? bucket : [bucket];
  insert(policies, policy);
  return policies;
}

/** @returns the bucket without the policy, or undefined when nothing is left. */
export function takenFrom(bucket: Bucket | undefined, policy: CompiledPolicy): Bucket | undefined {
  if (!Array.isArray(bucket)) return bucket === policy ? undefined : bucket;
  takeOut(bucket, policy);
  return bucket.length > 1 ? bucket : bucket[0];
}

/** Puts a policy into an array that is in order. */
export function insert(policies: CompiledPolicy[], policy: CompiledPolicy): void {
  policies.splice(placeOf(policies, policy), 0, policy);
}

/** Takes a policy out of an array that is in order; one that is not in it is ignored. */
export function takeOut(policies: CompiledPolicy[], policy: CompiledPolicy): void {
  const at = placeOf(policies, policy);
  if (policies[at] === policy) policies.splice(at, 1);
}

/** @returns the index of the first policy that does not count before this one. */
function placeOf(policies: readonly CompiledPolicy[], policy: CompiledPolicy): number {
  let low = 0;
  let high = policies.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (countsBefore(policies[middle] as CompiledPolicy, policy)) low = middle + 1;
    else high = middle;
  }
  return low;
}
