/** Everything that is a gateway in a cluster: what `deploy peer` and the operator apply, and manifests/gateway holds. */
import { CRD_KINDS, customResourceDefinition } from "../resources/crd.ts";
import { accessObjects } from "./access.ts";
import { deployment, disruptionBudget } from "./deployment.ts";
import type { ManifestObject } from "./manifest-object.ts";
import { PART_OF } from "./names.ts";
import type { GatewayOptions } from "./options.ts";
import { service } from "./service.ts";

/** @returns the CustomResourceDefinitions, which every gateway of a cluster shares. */
export function crdObjects(): ManifestObject[] {
  return CRD_KINDS.map((kind) => {
    const { apiVersion, kind: type, metadata, spec } = customResourceDefinition(kind);
    return { apiVersion, kind: type, metadata: { ...metadata, labels: PART_OF }, spec };
  });
}

/** @returns a namespace of ours. */
export function namespaceObject(name: string): ManifestObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: PART_OF } };
}

/**
 * @returns the gateway's objects, in the order in which they are applied: what others need comes first. Not among them
 * are the CRDs, its namespace and its Secret, which must be there before.
 */
export function gatewayObjects(options: GatewayOptions): ManifestObject[] {
  return [...accessObjects(options), service(options), disruptionBudget(options), deployment(options)];
}
