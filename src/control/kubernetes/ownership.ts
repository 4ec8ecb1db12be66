import { API_VERSION, type ObjectKey, objectKey } from "../../resources/meta.ts";
import type { EndpointSlice, KubeMeta, Service } from "../../store/kubernetes/resource.ts";

/** Kubernetes' label for the tool that manages an object. */
export const MANAGED_BY = "app.kubernetes.io/managed-by";

/** Our value of {@link MANAGED_BY} and of {@link SLICE_MANAGED_BY}; ClusterLink writes the same. */
export const MANAGER = "clusterlink.net";

/** Which Import an object was made for. */
export const IMPORT_NAME = "clusterlink.net/import-name";
export const IMPORT_NAMESPACE = "clusterlink.net/import-namespace";

/** Of an EndpointSlice: the namespace of the gateway that made it, for there may be several gateways in a cluster. */
export const GATEWAY_NAMESPACE = "clusterlink.net/gateway-namespace";

/** Which Service an EndpointSlice belongs to (discovery.k8s.io/v1). */
export const SERVICE_NAME = "kubernetes.io/service-name";

/** Which controller an EndpointSlice belongs to (discovery.k8s.io/v1). */
export const SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by";

/** @returns the key of the Import that a Service of ours, or one that ClusterLink left, is for; undefined for any other. */
export function importOfService({ metadata: { labels } }: Service): ObjectKey | undefined {
  const name = labels?.[IMPORT_NAME];
  const namespace = labels?.[IMPORT_NAMESPACE];
  if (labels?.[MANAGED_BY] !== MANAGER || name === undefined || namespace === undefined) return undefined;
  return objectKey(namespace, name);
}

/** @returns the key of the Import that an EndpointSlice of any gateway is for: it has the name of the Service. */
export function importOfSlice({ metadata }: EndpointSlice): ObjectKey | undefined {
  const name = metadata.labels?.[SERVICE_NAME];
  if (metadata.labels?.[SLICE_MANAGED_BY] !== MANAGER || name === undefined) return undefined;
  return objectKey(metadata.namespace, name);
}

/** @returns whether an EndpointSlice is that of the gateway in this namespace, or of one that did not say yet where it is. */
export function isOfGateway({ metadata: { labels } }: EndpointSlice, namespace: string): boolean {
  const { [GATEWAY_NAMESPACE]: of = namespace } = labels ?? {};
  return of === namespace;
}

/** @returns the key of the Service that an EndpointSlice belongs to, whoever manages it. */
export function serviceOfSlice({ metadata }: EndpointSlice): ObjectKey | undefined {
  const name = metadata.labels?.[SERVICE_NAME];
  return name === undefined ? undefined : objectKey(metadata.namespace, name);
}

/**
 * @returns whose a Service is, for people: its controller, else who is said to manage it, else who made it. An Import
 * that still stands among the owners of a Service which was ours does not count.
 */
export function describeOwner({ metadata }: { metadata: KubeMeta }): string {
  const owners = metadata.ownerReferences?.filter(
    ({ apiVersion, kind }) => apiVersion !== API_VERSION || kind !== "Import",
  );
  const owner = owners?.find(({ controller }) => controller) ?? owners?.[0];
  if (owner) return `it belongs to ${owner.kind} ${owner.name}`;
  const manager = metadata.labels?.[MANAGED_BY];
  if (manager !== undefined && manager !== MANAGER) return `it is managed by ${manager}`;
  const writer = metadata.managedFields?.[0]?.manager;
  return writer ? `it was made by ${writer}` : "it is not labelled as the gateway's";
}
