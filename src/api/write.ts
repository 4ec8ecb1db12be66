/** Creates, updates, patches and deletes of resources: what happens between a request's object and the store. */
import type { Fault } from "../resources/faults.ts";
import { KINDS, type KindName, type ResourceOf } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/meta.ts";
import { formatTimestamp } from "../resources/timestamp.ts";
import { validate } from "../resources/validate.ts";
import { conflict, invalid, notFound, StoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import { isObject, type JsonObject, jsonEqual } from "./json.ts";
import { applyConfig, trackUpdate, type Writer } from "./managed-fields.ts";
import type { WriteParameters } from "./parameters.ts";
import { ApiError } from "./status-error.ts";

/** Which object a request is about; without a name for a create. */
export interface Target {
  kind: KindName;
  namespace: string | undefined;
  name?: string;
  subresource?: "status";
}

export interface WriteContext extends WriteParameters {
  store: Store;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Called for every field that was left out under `fieldValidation=Warn`. */
  warn: (message: string) => void;
  fieldManager: string;
}

/** How often a patch is tried again when somebody else was faster. */
const ATTEMPTS = 8;

type Named = Target & { name: string };
type AnyResource = ResourceOf<KindName>;

/** Stores a new object. @throws {ApiError | StoreError} */
export async function createObject(context: WriteContext, target: Target, body: JsonObject): Promise<AnyResource> {
  requireType(target.kind, body);
  const metadata = metadataOf(body);
  if (metadata["resourceVersion"] !== undefined && metadata["resourceVersion"] !== "") {
    throw new ApiError("BadRequest", "resourceVersion should not be set on objects to be created");
  }
  for (let attempt = 1; ; attempt += 1) {
    const name = metadata["name"] ?? generatedName(metadata["generateName"]);
    const fresh = withNamespace(target, {
      ...body,
      metadata: { ...userMetadata(metadata), ...(name === undefined ? {} : { name }) },
    });
    const object = accept(context, target.kind, without(fresh, "status"));
    const tracked = trackUpdate(undefined, object, writerOf(context, target));
    try {
      return await context.store.create(target.kind, asResource(tracked), optionsOf(context));
    } catch (error) {
      const generated = metadata["name"] === undefined && attempt < ATTEMPTS;
      if (!generated || !(error instanceof StoreError) || error.code !== "AlreadyExists") throw error;
    }
  }
}

/** Replaces an object, or its status. @throws {ApiError | StoreError} */
export async function replaceObject(context: WriteContext, target: Named, body: JsonObject): Promise<AnyResource> {
  requireType(target.kind, body);
  const given = withNamespace(target, body);
  const metadata = metadataOf(given);
  if (metadata["name"] !== target.name) {
    const name = String(metadata["name"] ?? "");
    throw new ApiError(
      "BadRequest",
      `the name of the object (${name}) does not match the name on the URL (${target.name})`,
    );
  }
  const live = await readLive(context.store, target);
  const version = metadata["resourceVersion"];
  if (typeof version !== "string" || version === "" || version === "0") {
    throw invalidObject(
      target,
      "metadata.resourceVersion",
      "FieldValueInvalid",
      "Invalid value: must be specified for an update",
    );
  }
  return await storeUpdate(context, target, live, given);
}

/**
 * Patches an object or its status with what `change` makes of the stored one. Where somebody else writes meanwhile it
 * is done anew, unless the patch itself names a resourceVersion.
 * @throws {ApiError | StoreError}
 */
export async function patchObject(
  context: WriteContext,
  target: Named,
  change: (live: JsonObject) => unknown,
): Promise<AnyResource> {
  return await withRetries(
    async () => {
      const live = await readLive(context.store, target);
      const patched = change(asJson(live));
      if (!isObject(patched)) throw new ApiError("Invalid", "the patch leaves no object");
      requireSameIdentity(target, live, patched);
      return await storeUpdate(context, target, live, patched);
    },
    () => true,
  );
}

/** Server-side apply. @returns the object and whether it is new. @throws {ApplyConflict | ApiError | StoreError} */
export async function applyObject(
  context: WriteContext,
  target: Named,
  body: JsonObject,
): Promise<{ object: AnyResource; created: boolean }> {
  requireType(target.kind, body);
  const config = withNamespace(target, withoutNulls(body));
  const given = metadataOf(config);
  if (given["managedFields"] !== undefined) throw new ApiError("BadRequest", "metadata.managedFields must be nil");
  if (given["name"] !== target.name) {
    throw new ApiError("BadRequest", `metadata.name must be the name on the URL, ${target.name}`);
  }
  const writer = writerOf(context, target);
  return await withRetries(
    async () => {
      const live = await context.store.get(target.kind, target.namespace, target.name);
      if (live === undefined) {
        if (target.subresource !== undefined) throw notFound(target.kind, target.name);
        if (given["uid"] !== undefined || given["resourceVersion"] !== undefined) {
          throw conflict(
            target.kind,
            target.name,
            "the object to apply to does not exist (uid or resourceVersion is given)",
          );
        }
        const fields = applyConfig(undefined, without(config, "status"), writer, context.force);
        const object = asResource(accept(context, target.kind, fields));
        return { object: await context.store.create(target.kind, object, optionsOf(context)), created: true };
      }
      requireVersion(target, live, given);
      const before = asJson(live);
      const applied = applyConfig(before, config, writer, context.force);
      const metadata = { ...keptMetadata(before, metadataOf(applied)), ...managedFieldsOf(applied) };
      const accepted = accept(context, target.kind, { ...applied, metadata });
      return { object: await keep(context, target, before, accepted), created: false };
    },
    (error) => error.code === "Conflict" || error.code === "AlreadyExists",
  );
}

export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

/** Reads the preconditions of a DeleteOptions body. @throws {ApiError} 400 for another kind of body */
export function readDeleteOptions(body: JsonObject): { preconditions: Preconditions; dryRun: boolean } {
  if (body["kind"] !== undefined && body["kind"] !== "DeleteOptions") {
    throw new ApiError("BadRequest", `the body of a delete is a DeleteOptions, not a ${String(body["kind"])}`);
  }
  const { preconditions, dryRun } = body;
  const wanted = isObject(preconditions) ? preconditions : {};
  if (dryRun !== undefined && dryRun !== null && !jsonEqual(dryRun, ["All"]) && !jsonEqual(dryRun, [])) {
    throw new ApiError("Invalid", 'dryRun: Unsupported value: supported values: "All"');
  }
  return {
    preconditions: {
      ...(typeof wanted["uid"] === "string" ? { uid: wanted["uid"] } : {}),
      ...(typeof wanted["resourceVersion"] === "string" ? { resourceVersion: wanted["resourceVersion"] } : {}),
    },
    dryRun: jsonEqual(dryRun, ["All"]),
  };
}

async function withRetries<T>(attempt: () => Promise<T>, again: (error: StoreError) => boolean): Promise<T> {
  for (let left = ATTEMPTS; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      const raced = error instanceof LostRace && error.cause instanceof StoreError && again(error.cause);
      if (raced && left > 1) continue;
      throw error instanceof LostRace ? error.cause : error;
    }
  }
}

/** A write that failed because of another one in between, not because of what the client sent. */
class LostRace extends Error {
  readonly code = "LostRace";
}

async function storeUpdate(
  context: WriteContext,
  target: Named,
  live: AnyResource,
  wanted: JsonObject,
): Promise<AnyResource> {
  requireVersion(target, live, metadataOf(wanted));
  const before = asJson(live);
  const { managedFields: requested, ...metadata } = metadataOf(wanted);
  const next =
    target.subresource === "status"
      ? withField(before, "status", wanted["status"])
      : withField({ ...wanted, metadata: keptMetadata(before, metadata) }, "status", before["status"]);
  const accepted = accept(context, target.kind, next);
  const after = { ...accepted, metadata: withField(metadataOf(accepted), "managedFields", requested) };
  return await keep(context, target, before, trackUpdate(before, after, writerOf(context, target)));
}

/** Writes what differs from what is stored, on the condition that nobody has written since. */
async function keep(context: WriteContext, target: Named, before: JsonObject, after: JsonObject): Promise<AnyResource> {
  if (jsonEqual(after, before)) return asResource(before);
  const object = asResource(after);
  const options = optionsOf(context);
  try {
    if (target.subresource === "status") return await context.store.updateStatus(target.kind, object, options);
    return await context.store.update(target.kind, object, options);
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
    const raced = cause.code === "Conflict" && (await hasMoved(context.store, target, before));
    throw raced ? new LostRace("somebody else wrote in between", { cause }) : cause;
  }
}

async function hasMoved(store: Store, target: Named, before: JsonObject): Promise<boolean> {
  const now = await store.get(target.kind, target.namespace, target.name);
  return now?.metadata.resourceVersion !== metadataOf(before)["resourceVersion"];
}

/** Judges an object and fills in the defaults. @throws {StoreError} Invalid, with everything that is wrong */
function accept(context: WriteContext, kind: KindName, object: JsonObject): JsonObject {
  const unknownFields = context.fieldValidation === "Strict" ? "refuse" : "drop";
  const judged = validate(kind, object, { unknownFields });
  const name = metadataOf(object)["name"] ?? metadataOf(object)["generateName"] ?? "";
  if (!judged.ok) throw invalid(kind, String(name), judged.faults);
  if (context.fieldValidation === "Warn") for (const { message } of judged.unknown) context.warn(message);
  const accepted = asJson(judged.object);
  const metadata = Object.entries(metadataOf(accepted)).filter(([key, value]) => {
    if (OMITTED_EMPTY.includes(key)) return Object.keys(value ?? {}).length > 0;
    return !(SERVER_FIELDS.includes(key) && value === "");
  });
  return { ...accepted, metadata: Object.fromEntries(metadata) };
}

async function readLive(store: Store, target: Named): Promise<AnyResource> {
  const live = await store.get(target.kind, target.namespace, target.name);
  if (live === undefined) throw notFound(target.kind, target.name);
  return live;
}

function requireType(kind: KindName, body: JsonObject): void {
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

function requireVersion(target: Named, live: AnyResource, metadata: JsonObject): void {
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

function requireSameIdentity(target: Named, live: AnyResource, patched: JsonObject): void {
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

function invalidObject(target: Named, path: string, type: Fault["type"], message: string): StoreError {
  return invalid(target.kind, target.name, [{ path, type, message }]);
}

function withNamespace(target: Target, body: JsonObject): JsonObject {
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

/** Fields of metadata that only the server sets. */
const SERVER_FIELDS = ["uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "selfLink"];

/** Fields of metadata that are the same empty and absent; only what is there is tracked. */
const OMITTED_EMPTY = ["labels", "annotations", "finalizers", "ownerReferences"];

function userMetadata(metadata: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !SERVER_FIELDS.includes(key)));
}

function keptMetadata(before: JsonObject, wanted: JsonObject): JsonObject {
  const stored = metadataOf(before);
  const kept = Object.entries(stored).filter(([key]) => SERVER_FIELDS.includes(key));
  return { ...userMetadata(wanted), ...Object.fromEntries(kept) };
}

function managedFieldsOf(object: JsonObject): JsonObject {
  const { managedFields } = metadataOf(object);
  return managedFields === undefined ? {} : { managedFields };
}

const SUFFIX = "bcdfghjklmnpqrstvwxz2456789";
/** Kubernetes' own: generated names are at most 63 characters long, 5 of them random. */
const PREFIX_LENGTH = 58;

function generatedName(prefix: unknown): string | undefined {
  if (typeof prefix !== "string" || prefix === "") return undefined;
  const random = Array.from(crypto.getRandomValues(new Uint32Array(5)), (one) => SUFFIX[one % SUFFIX.length]);
  return `${prefix.slice(0, PREFIX_LENGTH)}${random.join("")}`;
}

function writerOf(context: WriteContext, target: Target): Writer {
  return {
    manager: context.fieldManager,
    apiVersion: API_VERSION,
    time: formatTimestamp(context.now()),
    ...(target.subresource === undefined ? {} : { subresource: target.subresource }),
  };
}

function optionsOf({ dryRun, fieldManager }: WriteContext) {
  return { dryRun, fieldManager };
}

function metadataOf(object: JsonObject): JsonObject {
  return isObject(object["metadata"]) ? object["metadata"] : {};
}

function without(object: JsonObject, field: string): JsonObject {
  const { [field]: _, ...rest } = object;
  return rest;
}

function withField(object: JsonObject, field: string, value: JsonObject[string] | undefined): JsonObject {
  return value === undefined ? without(object, field) : { ...object, [field]: value };
}

/** In an applied configuration a null says nothing, as with custom resources of Kubernetes. */
function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, isObject(value) ? withoutNulls(value) : value]),
  );
}

/** A resource is JSON by its type; the compiler cannot see that of an interface. */
function asJson(object: AnyResource): JsonObject {
  return object as unknown as JsonObject;
}

/** Only what {@link validate} has accepted comes here. */
function asResource(object: JsonObject): AnyResource {
  return object as unknown as AnyResource;
}
