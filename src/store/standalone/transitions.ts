/**
 * What an object becomes by a write, as the Kubernetes API conventions have it: which metadata is the server's, when
 * `generation` rises, what finalizers do. Pure; clock and chance come in from outside.
 */
import { isDeepStrictEqual } from "node:util";
import type { Fault } from "../../resources/faults.ts";
import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import type { ObjectMeta } from "../../resources/meta.ts";
import { formatTimestamp } from "../../resources/timestamp.ts";
import { validate } from "../../resources/validate.ts";
import { invalid } from "../errors.ts";

export interface Surroundings {
  /** Milliseconds since the epoch. */
  now: number;
  uid: () => string;
  /** Characters that complete a `generateName`. */
  suffix: () => string;
}

/** @returns a copy of the object with its defaults, as plain as JSON has it, or throws `Invalid` with every fault. */
export function validated<K extends KindName>(kind: K, input: unknown): ResourceOf<K> {
  const result = validate(kind, input);
  if (!result.ok) throw invalid(kind, nameIn(input), result.faults);
  const plain: ResourceOf<K> = JSON.parse(JSON.stringify(result.object));
  return plain;
}

/** @returns the object as it is created: a name, the server's metadata, no status. Its version is still empty. */
export function created<K extends KindName>(object: ResourceOf<K>, surroundings: Surroundings): ResourceOf<K> {
  const { metadata } = object;
  const { generateName, deletionTimestamp, ...kept } = metadata;
  const name = metadata.name || `${generateName ?? ""}${surroundings.suffix()}`;
  const next: ObjectMeta = {
    ...kept,
    name,
    ...(generateName === undefined ? {} : { generateName }),
    uid: surroundings.uid(),
    resourceVersion: "",
    generation: 1,
    creationTimestamp: formatTimestamp(surroundings.now),
  };
  return without({ ...object, metadata: next }, "status");
}

/**
 * @returns the stored object with the spec and the user's metadata of the wanted one, or the stored object itself when
 * nothing changes but times in managedFields.
 * @throws `Invalid` when it adds a finalizer to an object that is being deleted
 */
export function updated<K extends KindName>(kind: K, stored: ResourceOf<K>, wanted: ResourceOf<K>): ResourceOf<K> {
  const old = stored.metadata;
  checkFinalizers(kind, old, wanted.metadata.finalizers);
  const changed = !isDeepStrictEqual(stored.spec, wanted.spec);
  const metadata: ObjectMeta = {
    ...serverMetadata(old),
    generation: old.generation + (changed ? 1 : 0),
    ...userMetadata(wanted.metadata),
  };
  const next: ResourceOf<K> = { ...stored, metadata, spec: wanted.spec };
  return isDeepStrictEqual(comparable(stored), comparable(next)) ? stored : next;
}

/**
 * @returns the stored object with the status of the wanted one, or the stored object itself when nothing changes but
 * times in managedFields. Who manages the status changes with it where the wanted object names the version that it rests
 * on; without one, its managedFields may be of any age.
 */
export function withStatus<K extends KindName>(stored: ResourceOf<K>, wanted: ResourceOf<K>): ResourceOf<K> {
  const { managedFields, resourceVersion } = wanted.metadata;
  const managed = resourceVersion !== "" && hasKeys(managedFields);
  const metadata = managed ? { ...stored.metadata, managedFields } : stored.metadata;
  const unchanged = isDeepStrictEqual(stored.status, wanted.status);
  if (unchanged && isDeepStrictEqual(comparable(stored), comparable({ ...stored, metadata }))) return stored;
  return wanted.status === undefined
    ? without({ ...stored, metadata }, "status")
    : { ...stored, metadata, status: wanted.status };
}

/** @returns the object marked for deletion, or `undefined` when nothing holds it any more. */
export function deleted<K extends KindName>(stored: ResourceOf<K>, now: number): ResourceOf<K> | undefined {
  const { metadata } = stored;
  if ((metadata.finalizers ?? []).length === 0) return undefined;
  if (metadata.deletionTimestamp !== undefined) return stored;
  const deletionTimestamp = formatTimestamp(now);
  return { ...stored, metadata: { ...metadata, generation: metadata.generation + 1, deletionTimestamp } };
}

/** @returns whether an object is to be removed: marked for deletion, and its last finalizer is gone. */
export function isFinished(object: { metadata: ObjectMeta }): boolean {
  return object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
}

function serverMetadata(old: ObjectMeta): ObjectMeta {
  const { labels, annotations, finalizers, ownerReferences, managedFields, ...kept } = old;
  return kept;
}

function userMetadata(wanted: ObjectMeta): Partial<ObjectMeta> {
  const { labels, annotations, finalizers, ownerReferences, managedFields } = wanted;
  return {
    ...(hasKeys(labels) ? { labels } : {}),
    ...(hasKeys(annotations) ? { annotations } : {}),
    ...(hasKeys(finalizers) ? { finalizers } : {}),
    ...(hasKeys(ownerReferences) ? { ownerReferences } : {}),
    ...(hasKeys(managedFields) ? { managedFields } : {}),
  };
}

function hasKeys<T extends object>(value: T | undefined): value is T {
  return value !== undefined && Object.keys(value).length > 0;
}

function checkFinalizers(kind: KindName, old: ObjectMeta, wanted: string[] | undefined): void {
  const added = (wanted ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
  if (old.deletionTimestamp === undefined || added.length === 0) return;
  const fault: Fault = {
    path: "metadata.finalizers",
    type: "FieldValueForbidden",
    message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
  };
  throw invalid(kind, old.name, [fault]);
}

function comparable(object: { metadata: ObjectMeta; spec: unknown }): unknown {
  const { managedFields, ...metadata } = object.metadata;
  return { metadata, spec: object.spec, managedFields: (managedFields ?? []).map(({ time, ...entry }) => entry) };
}

function without<T extends object>(object: T, field: "status"): T {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== field)) as T;
}

function nameIn(input: unknown): string {
  const metadata = typeof input === "object" && input !== null && "metadata" in input ? input.metadata : undefined;
  const name = typeof metadata === "object" && metadata !== null && "name" in metadata ? metadata.name : undefined;
  return typeof name === "string" ? name : "";
}
