/** The parts that every resource shares, as the Kubernetes API conventions have them. */

export const GROUP = "clusterlink.net";
export const VERSION = "v1alpha1";
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Label of an Import that merges it into an existing Service of the same name. */
export const MERGE_LABEL = "import.clusterlink.net/merge";

/** One entry of server-side apply's bookkeeping: which manager set which fields. */
export interface ManagedFieldsEntry {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion: string;
  time?: string;
  fieldsType: "FieldsV1";
  fieldsV1: Record<string, unknown>;
  subresource?: string;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** `metadata` as a stored object has it. Times are RFC 3339 in UTC, to the second. */
export interface ObjectMeta {
  name: string;
  /** A prefix that the store completes to a unique name when an object without a name is created. */
  generateName?: string;
  /** Absent on cluster-scoped kinds. */
  namespace?: string;
  uid: string;
  resourceVersion: string;
  /** Rises when `spec` changes; labels and status leave it alone. */
  generation: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

/** metav1.Condition. `observedGeneration` is the `metadata.generation` that it was judged on. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  observedGeneration?: number;
  lastTransitionTime: string;
  /** CamelCase, for programs. */
  reason: string;
  /** For people. */
  message: string;
}

export interface Resource<Kind extends string = string, Spec = unknown, Status = unknown> {
  apiVersion: typeof API_VERSION;
  kind: Kind;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/** What names an object within its kind: `NAMESPACE/NAME`, or `NAME` for a cluster-scoped one. */
export type ObjectKey = string;

/** @returns the key of an object of that namespace and name. */
export function objectKey(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** @returns the key of this object. */
export function keyOf(object: { metadata: { name: string; namespace?: string } }): ObjectKey {
  return objectKey(object.metadata.namespace, object.metadata.name);
}
