/** Resources for the tests of control, as a store would hold them. */
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import { KINDS, type KindName, type ResourceOf } from "../../src/resources/kinds.ts";
import { API_VERSION, type ObjectMeta } from "../../src/resources/meta.ts";

/** The gateway's own namespace in these tests. */
export const SYSTEM = "clusterlink-system";

type SpecOf<K extends KindName> = ResourceOf<K>["spec"];

let made = 0;

/** @returns an object of that kind, in namespace `default` unless `metadata` says otherwise. */
export function object<K extends KindName>(
  kind: K,
  name: string,
  spec: SpecOf<K>,
  metadata: Partial<ObjectMeta> = {},
  status?: ResourceOf<K>["status"],
): ResourceOf<K> {
  made++;
  const scope = KINDS[kind].namespaced ? { namespace: "default" } : {};
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      ...scope,
      uid: `uid-${String(made).padStart(6, "0")}`,
      resourceVersion: "",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...metadata,
    },
    spec,
    ...(status === undefined ? {} : { status }),
  } as ResourceOf<K>;
}

/** The same object as one that is yet to be created. */
export function draft<K extends KindName>(kind: K, name: string, spec: SpecOf<K>, metadata: Partial<ObjectMeta> = {}) {
  return object(kind, name, spec, { uid: "", creationTimestamp: "", generation: 0, ...metadata });
}

export const ALLOW_ALL: AccessPolicySpec = {
  action: "allow",
  from: [{ workloadSelector: {} }],
  to: [{ workloadSelector: {} }],
};

export const SOURCE = { peer: "west", exportName: "web", exportNamespace: "default" };

/** @returns the spec of an Import on that port. */
export function importOf(port: number, targetPort?: number): SpecOf<"Import"> {
  return { port, sources: [SOURCE], lbScheme: "round-robin", ...(targetPort === undefined ? {} : { targetPort }) };
}
