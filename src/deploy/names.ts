/** What the objects of a deployed gateway are called, and how they are recognised. */

/** The gateway's Deployment, Service, ServiceAccount, PodDisruptionBudget and Role. */
export const GATEWAY_NAME = "clusterlink";

/** The Secret with the site's identity: `cert.pem`, `key.pem` and `ca.pem`. */
export const PEER_SECRET = "cl-peer";

/** The Secret with the key of the tokens, which the replicas share. The gateway makes it. */
export const TOKEN_KEY_SECRET = "jwk";

/** The Lease by which one of the gateway's replicas leads. */
export const GATEWAY_LEASE = "clusterlink-gateway";

/** The operator's Deployment, ServiceAccount, Role and Lease. */
export const OPERATOR_NAME = "clusterlink-operator";

/** On the Secret {@link PEER_SECRET}: the name of the site that it makes of the gateway. */
export const PEER_ANNOTATION = "clusterlink.net/peer";

/** On the Deployment: the Instance, as NAMESPACE/NAME, for which the operator keeps it. */
export const INSTANCE_ANNOTATION = "clusterlink.net/instance";

/** Selects the Services that a gateway made for its Imports: all three labels make one a gateway's. */
export const IMPORT_SERVICES =
  "app.kubernetes.io/managed-by=clusterlink.net,clusterlink.net/import-name,clusterlink.net/import-namespace";

/** Selects the EndpointSlices that a gateway made for its Imports: both labels make one a gateway's. */
export const IMPORT_SLICES = "endpointslice.kubernetes.io/managed-by=clusterlink.net,kubernetes.io/service-name";

/** On these EndpointSlices: the namespace of the gateway that made them. */
export const GATEWAY_NAMESPACE_LABEL = "clusterlink.net/gateway-namespace";

/** On every object that a deployment makes. */
export const PART_OF = { "app.kubernetes.io/part-of": "clusterlink" };

/** What selects the gateway's pods; it never changes, because a Deployment's selector cannot. */
export const GATEWAY_SELECTOR = { "app.kubernetes.io/name": "clusterlink", "app.kubernetes.io/component": "gateway" };

export const GATEWAY_LABELS = { ...GATEWAY_SELECTOR, ...PART_OF };

export const OPERATOR_SELECTOR = { "app.kubernetes.io/name": "clusterlink", "app.kubernetes.io/component": "operator" };

export const OPERATOR_LABELS = { ...OPERATOR_SELECTOR, ...PART_OF };

/** @returns the name of the ClusterRole, and its binding, that a gateway of this namespace has. */
export function clusterRoleName(namespace: string): string {
  return `clusterlink:gateway:${namespace}`;
}

/** @returns the name of the ClusterRole that lets a gateway of this namespace read the administrators' policies. */
export function privilegedRoleName(namespace: string): string {
  return `clusterlink:privileged-policies:${namespace}`;
}

/** The operator's ClusterRole and its binding. */
export const OPERATOR_ROLE = "clusterlink:operator";
