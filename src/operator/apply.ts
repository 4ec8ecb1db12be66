/** Brings objects into a cluster by server-side apply, and out of it. */
import type { ManifestObject } from "../deploy/manifest-object.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import type { DeleteOptions, RequestOptions } from "../store/kubernetes/requests.ts";
import { type LiveObject, nameOf, resourceOf } from "./object-resource.ts";

/** Who owns the fields: the same whether the command line or the operator applies, so that neither undoes the other. */
export const FIELD_MANAGER = "clusterlink-deploy";

export type ApplyOutcome = "created" | "configured" | "unchanged";

/**
 * Applies one object. Fields that others set are taken over; fields that are no longer ours are removed. Nothing is
 * written after the signal.
 *
 * @throws KubeApiError
 */
export async function applyObject(
  client: KubeClient,
  object: ManifestObject,
  { dryRun, signal }: Pick<RequestOptions, "dryRun" | "signal"> = {},
): Promise<{ outcome: ApplyOutcome; object: LiveObject }> {
  const resource = resourceOf(object);
  const before = await client.get(resource, nameOf(object), signal && { signal });
  const after = await client.apply(resource, object as LiveObject, {
    fieldManager: FIELD_MANAGER,
    force: true,
    dryRun,
    signal,
  });
  return { outcome: outcomeOf(before, after), object: after };
}

function outcomeOf(before: LiveObject | undefined, after: LiveObject): ApplyOutcome {
  if (before === undefined || before.metadata.uid !== after.metadata.uid) return "created";
  return before.metadata.resourceVersion === after.metadata.resourceVersion ? "unchanged" : "configured";
}

/**
 * Deletes one object, with what belongs to it.
 *
 * @returns whether it was there. @throws KubeApiError
 */
export function deleteObject(
  client: KubeClient,
  object: ManifestObject,
  options: Pick<DeleteOptions, "preconditions" | "signal"> = {},
): Promise<boolean> {
  return client.delete(resourceOf(object), nameOf(object), { ...options, propagationPolicy: "Background" });
}
