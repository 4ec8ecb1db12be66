/** Which object a request is about, and whether what it carries fits. */
import type { Fault } from "../resources/faults.ts";
import { KINDS, type KindName } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/meta.ts";
import { conflict, invalid, type StoreError } from "../store/errors.ts";
import { type JsonObject, jsonEqual } from "./json.ts";
import { type AnyResource, asJson, metadataOf } from "./object-fields.ts";
import { ApiError } from "./status-error.ts";

/** Which object a request is about; without a name for a create. */
export interface Target {
  kind: KindName;
  namespace: string | undefined;
  name?: string;
  subresource?: "status";
}

/** The object of a request that names one. */
export type NamedTarget = Target & { name: string };

/** @throws {ApiError} 400 unless the body is of the kind and version of the URL */
export function requireType(kind: KindName, body: JsonObject): void {
  const problems = [
    ["kind", body["kind"], kind],
    ["apiVersion", body["apiVersion"], API_VERSION],
  ]
    .filter(([, is, wanted]) => is !== wanted)
    .map(
      ([field, is, wanted]) =>
        `${field} is ${is === undefined ? "missing" : JSON.stringify(is)}, this URL takes "${wanted}"`,
    );
  if (problems.length > 0) throw new ApiError("BadRequest", `the object does not fit: ${problems.join("; ")}`);
}

/** @throws {StoreError} Conflict where the metadata names a uid or resourceVersion that is not the stored one's */
export function requireVersion(target: NamedTarget, live: AnyResource, metadata: JsonObject): void {
  const { uid, resourceVersion } = metadata;
  if (typeof uid === "string" && uid !== "" && uid !== live.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`;
    throw conflict(target.kind, target.name, why);
  }
  if (
    typeof resourceVersion === "string" &&
    resourceVersion !== "" &&
    resourceVersion !== live.metadata.resourceVersion
  ) {
    const why = "the object has been modified; please apply your changes to the latest version and try again";
    throw conflict(target.kind, target.name, why);
  }
}

/** @throws {StoreError} Invalid where a patch changes name, namespace or uid */
export function requireSameIdentity(target: NamedTarget, live: AnyResource, patched: JsonObject): void {
  const before = asJson(live);
  const changed = ["name", "namespace", "uid"].find(
    (field) => !jsonEqual(metadataOf(before)[field], metadataOf(patched)[field]),
  );
  if (changed !== undefined) {
    const value = JSON.stringify(metadataOf(patched)[changed] ?? null);
    throw invalidObject(
      target,
      `metadata.${changed}`,
      "FieldValueInvalid",
      `Invalid value: ${value}: field is immutable`,
    );
  }
}

/** @returns the error for one fault of the object */
export function invalidObject(target: NamedTarget, path: string, type: Fault["type"], message: string): StoreError {
  return invalid(target.kind, target.name, [{ path, type, message }]);
}

/** @returns the body with the namespace of the URL. @throws {ApiError} 400 where it names another one */
export function withNamespace(target: Target, body: JsonObject): JsonObject {
  const metadata = metadataOf(body);
  if (!KINDS[target.kind].namespaced || target.namespace === undefined) return body;
  const namespace = metadata["namespace"];
  if (namespace === undefined || namespace === "") {
    return { ...body, metadata: { ...metadata, namespace: target.namespace } };
  }
  if (namespace === target.namespace) return body;
  throw new ApiError(
    "BadRequest",
    `the namespace of the provided object (${String(namespace)}) does not match the namespace on the URL (${target.namespace})`,
  );
}
