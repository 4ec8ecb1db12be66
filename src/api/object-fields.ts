/** Parts of an object that is JSON still, and what of its metadata is whose. */
import type { KindName, ResourceOf } from "../resources/kinds.ts";
import { isObject, type JsonObject } from "./json.ts";

/** A resource of any kind. */
export type AnyResource = ResourceOf<KindName>;

/** @returns the metadata of an object; empty where it has none. */
export function metadataOf(object: JsonObject): JsonObject {
  return isObject(object["metadata"]) ? object["metadata"] : {};
}

/** @returns a copy without the field. */
export function without(object: JsonObject, field: string): JsonObject {
  const { [field]: _, ...rest } = object;
  return rest;
}

/** @returns a copy with the field set, or without it where the value is undefined. */
export function withField(object: JsonObject, field: string, value: JsonObject[string] | undefined): JsonObject {
  return value === undefined ? without(object, field) : { ...object, [field]: value };
}

/** @returns a copy without nulls: in an applied configuration a null says nothing, as with custom resources of Kubernetes. */
export function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, isObject(value) ? withoutNulls(value) : value]),
  );
}

/** @returns the object as JSON. A resource is JSON by its type; the compiler cannot see that of an interface. */
export function asJson(object: AnyResource): JsonObject {
  return object as unknown as JsonObject;
}

/** @returns the object as a resource. Only what `validate` has accepted may come here. */
export function asResource(object: JsonObject): AnyResource {
  return object as unknown as AnyResource;
}

/** Fields of metadata that only the server sets. */
export const SERVER_FIELDS = [
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "selfLink",
];

/** Fields of metadata that are the same empty and absent; only what is there is tracked. */
export const OMITTED_EMPTY = ["labels", "annotations", "finalizers", "ownerReferences"];

/** @returns the fields of metadata that a client may set. */
export function userMetadata(metadata: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !SERVER_FIELDS.includes(key)));
}

/** @returns what the client wants of metadata, with what the server has set before. */
export function keptMetadata(before: JsonObject, wanted: JsonObject): JsonObject {
  const stored = metadataOf(before);
  const kept = Object.entries(stored).filter(([key]) => SERVER_FIELDS.includes(key));
  return { ...userMetadata(wanted), ...Object.fromEntries(kept) };
}

/** @returns `managedFields` of an object's metadata, alone. */
export function managedFieldsOf(object: JsonObject): JsonObject {
  const { managedFields } = metadataOf(object);
  return managedFields === undefined ? {} : { managedFields };
}
