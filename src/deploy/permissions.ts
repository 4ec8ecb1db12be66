/** What a gateway may do at the API server, and nothing more; the manifests and the operator grant exactly this. */

import { GATEWAY_LEASE, OPERATOR_NAME, TOKEN_KEY_SECRET } from "./names.ts";

/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

const CLUSTERLINK = "clusterlink.net";

const READ = ["get", "list", "watch"];

/** For what is followed only, never asked for by name. */
const FOLLOW = ["list", "watch"];

/** In every namespace that the gateway serves. */
export const SERVED_NAMESPACE_RULES: readonly PolicyRule[] = [
  { apiGroups: [CLUSTERLINK], resources: ["exports", "imports", "accesspolicies"], verbs: READ },
  {
    apiGroups: [CLUSTERLINK],
    resources: ["exports/status", "imports/status", "accesspolicies/status"],
    verbs: ["patch"],
  },
  { apiGroups: [""], resources: ["services"], verbs: [...FOLLOW, "create", "patch", "delete"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: [...FOLLOW, "create", "patch", "delete"] },
  { apiGroups: [""], resources: ["endpoints"], verbs: ["delete"] },
  { apiGroups: [""], resources: ["pods"], verbs: FOLLOW },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
];

/** For a gateway that serves every namespace, besides {@link SERVED_NAMESPACE_RULES}. */
export const CLUSTER_RULES: readonly PolicyRule[] = [
  { apiGroups: [CLUSTERLINK], resources: ["peers"], verbs: READ },
  { apiGroups: [CLUSTERLINK], resources: ["peers/status", "privilegedaccesspolicies/status"], verbs: ["patch"] },
];

/** For leader election by this Lease. A rule that names an object could not let it be created, so that another does. */
const leaseRules = (name: string): PolicyRule[] => [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "update"], resourceNames: [name] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
];

/** In the gateway's own namespace. */
export const OWN_NAMESPACE_RULES: readonly PolicyRule[] = [
  ...leaseRules(GATEWAY_LEASE),
  { apiGroups: [""], resources: ["secrets"], verbs: ["get"], resourceNames: [TOKEN_KEY_SECRET] },
  { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
];

/** In its own namespace, for a gateway that serves one namespace: its Peers, and where its own pods are. */
export const OWN_NAMESPACE_ONLY_RULES: readonly PolicyRule[] = [
  { apiGroups: [CLUSTERLINK], resources: ["peers"], verbs: READ },
  { apiGroups: [CLUSTERLINK], resources: ["peers/status"], verbs: ["patch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: FOLLOW },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
];

/** The administrators' policies: all that a gateway of one namespace needs of the whole cluster. */
export const PRIVILEGED_POLICY_RULES: readonly PolicyRule[] = [
  { apiGroups: [CLUSTERLINK], resources: ["privilegedaccesspolicies"], verbs: READ },
];

/** What the operator does itself in any namespace. It may grant no more than it has, so that a gateway's rules are added to these. */
export const OPERATOR_RULES: readonly PolicyRule[] = [
  { apiGroups: ["apps"], resources: ["deployments"], verbs: [...READ, "create", "patch", "delete"] },
  { apiGroups: [""], resources: ["nodes"], verbs: ["list"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["get", "create", "patch", "delete"] },
  { apiGroups: [""], resources: ["services"], verbs: ["get"] },
  { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "create", "patch", "delete"] },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
    verbs: ["get", "create", "patch", "delete"],
  },
];

/**
 * In the operator's own namespace. Instances of others it does not serve: they say which image runs with the gateway's
 * rights and certificates, which is for those who may write here.
 */
export const OPERATOR_NAMESPACE_RULES: readonly PolicyRule[] = [
  { apiGroups: [CLUSTERLINK], resources: ["instances"], verbs: [...FOLLOW, "patch"] },
  { apiGroups: [CLUSTERLINK], resources: ["instances/status"], verbs: ["patch"] },
  ...leaseRules(OPERATOR_NAME),
];
