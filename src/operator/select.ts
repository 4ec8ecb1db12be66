/** Which Instance is served: one at a time. Pure. */
import type { InstanceResource } from "../resources/kinds.ts";
import { keyOf } from "../resources/meta.ts";

/** Keeps an Instance until its gateway is removed; ClusterLink's operator writes the same. */
export const FINALIZER = "instance.clusterlink.net/finalizer";

export interface Selection {
  /** Deployed, or being removed. */
  served: InstanceResource | undefined;
  /** All others. */
  refused: InstanceResource[];
}

/**
 * @returns the Instance that is served: whoever is already, which its finalizer tells, and else the oldest that is not
 * being deleted. Every operator selects the same.
 */
export function selectInstance(instances: Iterable<InstanceResource>): Selection {
  const ordered = [...instances].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  const served = ordered.find(hasFinalizer) ?? ordered.find((instance) => !isDeleted(instance));
  return { served, refused: ordered.filter((instance) => instance !== served) };
}

/** @returns whether the Instance's gateway is deployed, or may be. */
export function hasFinalizer({ metadata }: InstanceResource): boolean {
  return metadata.finalizers?.includes(FINALIZER) === true;
}

/** @returns whether the Instance is being deleted. */
export function isDeleted({ metadata }: InstanceResource): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** By age, then by name: RFC 3339 times in UTC sort as texts. */
function orderOf(instance: InstanceResource): string {
  return `${instance.metadata.creationTimestamp} ${keyOf(instance)}`;
}
