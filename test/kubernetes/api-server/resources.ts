import type { JsonObject } from "./json.ts";
import { asObject, asText } from "./json.ts";

/** A resource that the server knows. */
export interface Resource {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
  /** `status` is written through its subresource only. */
  hasStatus: boolean;
  /** `metadata.generation` counts the changes of what is wanted. */
  hasGeneration: boolean;
  /** Of a custom resource. */
  schema?: JsonObject;
}

type Row = [group: string, plural: string, kind: string, traits?: string];

/** Traits: `c` cluster-scoped, `s` with a status subresource, `g` with a generation. */
const BUILT_IN: Row[] = [
  ["", "namespaces", "Namespace", "cs"],
  ["", "services", "Service", "s"],
  ["", "pods", "Pod", "s"],
  ["", "secrets", "Secret"],
  ["", "configmaps", "ConfigMap"],
  ["", "serviceaccounts", "ServiceAccount"],
  ["", "events", "Event"],
  ["", "endpoints", "Endpoints"],
  ["discovery.k8s.io", "endpointslices", "EndpointSlice", "g"],
  ["coordination.k8s.io", "leases", "Lease"],
  ["apps", "deployments", "Deployment", "sg"],
  ["policy", "poddisruptionbudgets", "PodDisruptionBudget", "sg"],
  ["rbac.authorization.k8s.io", "roles", "Role"],
  ["rbac.authorization.k8s.io", "rolebindings", "RoleBinding"],
  ["rbac.authorization.k8s.io", "clusterroles", "ClusterRole", "c"],
  ["rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", "c"],
  ["apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", "csg"],
];

export function builtInResources(): Resource[] {
  return BUILT_IN.map(([group, plural, kind, traits = ""]) => ({
    group,
    version: "v1",
    plural,
    kind,
    namespaced: !traits.includes("c"),
    hasStatus: traits.includes("s"),
    hasGeneration: traits.includes("g"),
  }));
}

/** The resources that a CustomResourceDefinition defines, one a version. */
export function definedResources(definition: JsonObject): Resource[] {
  const { group, scope, names, versions } = asObject(definition["spec"]);
  return (Array.isArray(versions) ? versions.map(asObject) : []).map((version) => ({
    group: asText(group),
    version: asText(version["name"]),
    plural: asText(asObject(names)["plural"]),
    kind: asText(asObject(names)["kind"]),
    namespaced: scope === "Namespaced",
    hasStatus: asObject(version["subresources"])["status"] !== undefined,
    hasGeneration: true,
    schema: asObject(asObject(version["schema"])["openAPIV3Schema"]),
  }));
}

export function resourceName({ group, plural }: Resource): string {
  return group === "" ? plural : `${plural}.${group}`;
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}
