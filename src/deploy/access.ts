/** The gateway's account and what it may do. */
import type { ManifestObject } from "./manifest-object.ts";
import { clusterRoleName, GATEWAY_LABELS, GATEWAY_NAME, privilegedRoleName } from "./names.ts";
import type { GatewayOptions } from "./options.ts";
import {
  CLUSTER_RULES,
  OWN_NAMESPACE_ONLY_RULES,
  OWN_NAMESPACE_RULES,
  type PolicyRule,
  PRIVILEGED_POLICY_RULES,
  SERVED_NAMESPACE_RULES,
} from "./permissions.ts";

const RBAC = "rbac.authorization.k8s.io";

/** @returns the account and its roles. A gateway of one namespace has a Role in it, else a ClusterRole. */
export function accessObjects(options: Pick<GatewayOptions, "namespace" | "watchNamespace">): ManifestObject[] {
  const { namespace, watchNamespace } = options;
  const account = { namespace, name: GATEWAY_NAME };
  const wide = watchNamespace === undefined;
  const own = [
    ...OWN_NAMESPACE_RULES,
    ...(wide ? [] : OWN_NAMESPACE_ONLY_RULES),
    ...(watchNamespace === namespace ? SERVED_NAMESPACE_RULES : []),
  ];
  const elsewhere = watchNamespace !== namespace ? watchNamespace : undefined;
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: GATEWAY_NAME, namespace, labels: GATEWAY_LABELS },
    },
    ...(wide
      ? grantCluster(clusterRoleName(namespace), [...SERVED_NAMESPACE_RULES, ...CLUSTER_RULES], account, GATEWAY_LABELS)
      : []),
    ...grantCluster(privilegedRoleName(namespace), PRIVILEGED_POLICY_RULES, account, GATEWAY_LABELS),
    ...grantIn(namespace, GATEWAY_NAME, own, account, GATEWAY_LABELS),
    ...(elsewhere === undefined
      ? []
      : grantIn(elsewhere, clusterRoleName(namespace), SERVED_NAMESPACE_RULES, account, GATEWAY_LABELS)),
  ];
}

/** An account of a pod. */
interface Account {
  namespace: string;
  name: string;
}

type Labels = Record<string, string>;

/** @returns a ClusterRole and its binding to an account. */
export function grantCluster(
  name: string,
  rules: readonly PolicyRule[],
  account: Account,
  labels: Labels,
): ManifestObject[] {
  return [
    { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name, labels }, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name, labels },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
  ];
}

/** @returns a Role in a namespace and its binding to an account. */
export function grantIn(
  namespace: string,
  name: string,
  rules: readonly PolicyRule[],
  account: Account,
  labels: Labels,
): ManifestObject[] {
  const metadata = { name, namespace, labels };
  return [
    { apiVersion: `${RBAC}/v1`, kind: "Role", metadata, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: RBAC, kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
  ];
}
