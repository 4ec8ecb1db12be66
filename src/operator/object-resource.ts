import type { ManifestObject } from "../deploy/manifest-object.ts";
import type { KubeObject, KubeResource, ObjectName } from "../store/kubernetes/resource.ts";

/** An object with the state that its controller keeps. */
export type LiveObject = KubeObject & {
  metadata: { generation?: number };
  spec?: unknown;
  status?: unknown;
};

/** The kinds that a deployment consists of: how their collections are called, and whether they are in namespaces. */
const KINDS: Record<string, [plural: string, namespaced: boolean]> = {
  ClusterRole: ["clusterroles", false],
  ClusterRoleBinding: ["clusterrolebindings", false],
  CustomResourceDefinition: ["customresourcedefinitions", false],
  Deployment: ["deployments", true],
  Instance: ["instances", true],
  Namespace: ["namespaces", false],
  PodDisruptionBudget: ["poddisruptionbudgets", true],
  Role: ["roles", true],
  RoleBinding: ["rolebindings", true],
  Secret: ["secrets", true],
  Service: ["services", true],
  ServiceAccount: ["serviceaccounts", true],
};

/** @returns where the API has objects of this one's kind. @throws RangeError for a kind that no deployment has. */
export function resourceOf({
  apiVersion,
  kind,
}: Pick<ManifestObject, "apiVersion" | "kind">): KubeResource<LiveObject> {
  const known = KINDS[kind];
  if (known === undefined) throw new RangeError(`a deployment has no ${kind}`);
  const [plural, namespaced] = known;
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  return { group, version, plural, kind, namespaced };
}

/** @returns what names the object within its kind. */
export function nameOf({ metadata: { name, namespace } }: ManifestObject): ObjectName {
  return { name, namespace };
}

/** @returns how the object is called in messages, as kubectl does: `deployment.apps/clusterlink`. */
export function shownName(object: ManifestObject): string {
  const { group, kind } = resourceOf(object);
  return `${kind.toLowerCase()}${group === "" ? "" : `.${group}`}/${object.metadata.name}`;
}
