/** Creates, updates, patches and deletes of resources: what happens between a request's object and the store. */
import type { KindName } from "../resources/kinds.ts";
import { API_VERSION } from "../resources/meta.ts";
import { formatTimestamp } from "../resources/timestamp.ts";
import { validate } from "../resources/validate.ts";
import { conflict, invalid, notFound, StoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import { generatedName } from "./generated-name.ts";
import { isObject, type JsonObject, jsonEqual } from "./json.ts";
import { applyConfig, trackUpdate, type Writer } from "./managed-fields.ts";
import {
  type AnyResource,
  asJson,
  asResource,
  keptMetadata,
  managedFieldsOf,
  metadataOf,
  OMITTED_EMPTY,
  SERVER_FIELDS,
  userMetadata,
  withField,
  without,
  withoutNulls,
} from "./object-fields.ts";
import type { WriteParameters } from "./parameters.ts";
import { ApiError } from "./status-error.ts";
import {
  invalidObject,
  type NamedTarget,
  requireSameIdentity,
  requireType,
  requireVersion,
  type Target,
  withNamespace,
} from "./target.ts";

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
      return answerOf(context, await context.store.create(target.kind, asResource(tracked), optionsOf(context)));
    } catch (error) {
      const generated = metadata["name"] === undefined && attempt < ATTEMPTS;
      if (!generated || !(error instanceof StoreError) || error.code !== "AlreadyExists") throw error;
    }
  }
}

/** Replaces an object, or its status. @throws {ApiError | StoreError} */
export async function replaceObject(
  context: WriteContext,
  target: NamedTarget,
  body: JsonObject,
): Promise<AnyResource> {
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
  target: NamedTarget,
  change: (live: JsonObject) => unknown,
): Promise<AnyResource> {
  return await withRetries(async () => {
    const live = await readLive(context.store, target);
    const patched = change(asJson(live));
    if (!isObject(patched)) throw new ApiError("Invalid", "the patch leaves no object");
    requireSameIdentity(target, live, patched);
    return await storeUpdate(context, target, live, patched);
  });
}

/** Server-side apply. @returns the object and whether it is new. @throws {ApplyConflict | ApiError | StoreError} */
export async function applyObject(
  context: WriteContext,
  target: NamedTarget,
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
  return await withRetries(async () => {
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
      return { object: await createApplied(context, target, fields), created: true };
    }
    requireVersion(target, live, given);
    const before = asJson(live);
    const applied = applyConfig(before, config, writer, context.force);
    const metadata = { ...keptMetadata(before, metadataOf(applied)), ...managedFieldsOf(applied) };
    const accepted = accept(context, target.kind, { ...applied, metadata });
    return { object: await keep(context, target, before, accepted), created: false };
  });
}

/** Stores what was not there a moment ago; where somebody was faster, it is applied to what is there now. */
async function createApplied(context: WriteContext, target: NamedTarget, fields: JsonObject): Promise<AnyResource> {
  const object = asResource(accept(context, target.kind, fields));
  try {
    return answerOf(context, await context.store.create(target.kind, object, optionsOf(context)));
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.code !== "AlreadyExists") throw cause;
    throw new LostRace("somebody else created it in between", { cause });
  }
}

async function withRetries<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof LostRace && left > 1) continue;
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
  target: NamedTarget,
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
async function keep(
  context: WriteContext,
  target: NamedTarget,
  before: JsonObject,
  after: JsonObject,
): Promise<AnyResource> {
  if (jsonEqual(after, before)) return asResource(before);
  const object = asResource(after);
  const options = optionsOf(context);
  try {
    const write = target.subresource === "status" ? "updateStatus" : "update";
    return answerOf(context, await context.store[write](target.kind, object, options), before);
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
    const raced = cause.code === "Conflict" && (await hasMoved(context.store, target, before));
    throw raced ? new LostRace("somebody else wrote in between", { cause }) : cause;
  }
}

/** @returns the written object; after a dry run with the version that is stored, or none, as on Kubernetes. */
function answerOf({ dryRun }: WriteContext, object: AnyResource, before: JsonObject = {}): AnyResource {
  if (!dryRun) return object;
  const metadata = withField(metadataOf(asJson(object)), "resourceVersion", metadataOf(before)["resourceVersion"]);
  return asResource({ ...asJson(object), metadata });
}

async function hasMoved(store: Store, target: NamedTarget, before: JsonObject): Promise<boolean> {
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

async function readLive(store: Store, target: NamedTarget): Promise<AnyResource> {
  const live = await store.get(target.kind, target.namespace, target.name);
  if (live === undefined) throw notFound(target.kind, target.name);
  return live;
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
