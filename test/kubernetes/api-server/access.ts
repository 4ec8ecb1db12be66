/** Who may do what: the roles and bindings that are stored, as RBAC has them. */
import { Failure } from "./failure.ts";
import { asObject, asText, type JsonObject, type Stored } from "./json.ts";
import type { Storage } from "./storage.ts";

export interface User {
  name: string;
  groups: string[];
}

export interface Action {
  verb: string;
  group: string;
  /** With its subresource: `imports/status`. */
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
}

/** @throws Failure 403 where no binding allows it */
export function authorize(storage: Storage, user: User, action: Action): void {
  if (user.groups.includes("system:masters")) return;
  const bindings = [
    ...objectsOf(storage, "clusterrolebindings"),
    ...objectsOf(storage, "rolebindings").filter(({ metadata }) => metadata["namespace"] === action.namespace),
  ];
  const allowed = bindings.some((binding) => {
    const subjects = Array.isArray(binding["subjects"]) ? binding["subjects"].map(asObject) : [];
    return (
      subjects.some((subject) => isUser(subject, user)) &&
      rulesOf(storage, binding).some((rule) => allows(rule, action))
    );
  });
  if (allowed) return;
  const { verb, group, resource, namespace, name = "" } = action;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const qualified = group === "" ? resource : `${resource.split("/")[0]}.${group}`;
  const message = `${qualified}${name === "" ? "" : ` "${name}"`} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  throw new Failure(403, "Forbidden", message, { name, group, kind: resource });
}

function objectsOf(storage: Storage, plural: string): Stored[] {
  return [...storage.table(`${plural}.rbac.authorization.k8s.io`).objects.values()];
}

function isUser({ kind, name, namespace }: JsonObject, user: User): boolean {
  if (kind === "User") return name === user.name;
  if (kind === "Group") return user.groups.includes(asText(name));
  return `system:serviceaccount:${namespace}:${name}` === user.name;
}

function rulesOf(storage: Storage, { roleRef, metadata }: Stored): JsonObject[] {
  const { kind, name } = asObject(roleRef);
  const role = objectsOf(storage, kind === "ClusterRole" ? "clusterroles" : "roles").find(
    (each) =>
      each.metadata.name === name && (kind === "ClusterRole" || each.metadata["namespace"] === metadata["namespace"]),
  );
  const rules = role?.["rules"];
  return Array.isArray(rules) ? rules.map(asObject) : [];
}

function allows(rule: JsonObject, { verb, group, resource, name }: Action): boolean {
  const lists = (field: string, wanted: string) => {
    const values = rule[field];
    return Array.isArray(values) && (values.includes(wanted) || values.includes("*"));
  };
  const names = rule["resourceNames"];
  const named = !Array.isArray(names) || names.length === 0 || (name !== undefined && names.includes(name));
  return lists("verbs", verb) && lists("apiGroups", group) && lists("resources", resource) && named;
}
