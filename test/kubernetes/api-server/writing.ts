/** Create, update, patch, apply and delete, with what a server makes of an object on the way. */
import { applyTo, type Manager, trackUpdate } from "./applying.ts";
import { withDefaults } from "./defaults.ts";
import { alreadyExists, badRequest, type Cause, conflict, Failure, invalid, notFound } from "./failure.ts";
import { asObject, asText, type Json, type JsonObject, type Metadata, type Stored } from "./json.ts";
import { jsonPatch, mergePatch } from "./merging.ts";
import { getObject } from "./reading.ts";
import { apiVersionOf, type Resource, resourceName } from "./resources.ts";
import { judge, shape } from "./schema.ts";
import { type Storage, storageKey } from "./storage.ts";

export interface WriteRequest {
  storage: Storage;
  resource: Resource;
  namespace: string | undefined;
  /** Only `status` is one. */
  subresource: string | undefined;
  query: URLSearchParams;
  body: unknown;
}

/** An update without a version is refused for all but these. */
const UNCONDITIONAL = new Set(["services", "pods", "secrets", "namespaces", "endpointslices.discovery.k8s.io"]);

/** What stands behind the faults where there are CEL rules. */
const UNCHECKED: Cause = {
  field: "<nil>",
  reason: "FieldValueInvalid",
  message: `Invalid value: "null": some validation rules were not checked because the object was invalid`,
};

const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

export function createObject(request: WriteRequest): Stored {
  const { resource, namespace } = request;
  const body = asObject(request.body);
  const given = asObject(body["metadata"]);
  checkType(request, body);
  if (given["resourceVersion"]) throw badRequest("resourceVersion should not be set on objects to be created");
  const prefix = asText(given["generateName"]);
  const name = asText(given["name"]) || (prefix === "" ? "" : prefix + crypto.randomUUID().slice(0, 5));
  checkName(resource, name);
  if (given["namespace"] && given["namespace"] !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  checkNamespace(request);
  if (find(request, name)) throw alreadyExists(resource, name);
  const { status, ...wanted } = body;
  const made = begin(request, resource.hasStatus ? wanted : body, name);
  return finish(request, undefined, trackUpdate(undefined, made, writerOf(request, "Update")));
}

export function replaceObject(request: WriteRequest, name: string): Stored {
  const body = asObject(request.body);
  checkType(request, body);
  const current = getObject(request.storage, request.resource, request.namespace, name);
  const { resourceVersion } = asObject(body["metadata"]);
  if (!resourceVersion && !UNCONDITIONAL.has(resourceName(request.resource))) {
    const message = "Invalid value: 0x0: must be specified for an update";
    throw invalid(request.resource, name, [
      { field: "metadata.resourceVersion", reason: "FieldValueInvalid", message },
    ]);
  }
  return update(request, current, body, "Update");
}

export function patchObject(request: WriteRequest, name: string, type: string): Stored {
  if (type === "application/apply-patch+yaml") return applyObject(request, name);
  const current = getObject(request.storage, request.resource, request.namespace, name);
  const patched =
    type === "application/json-patch+json"
      ? jsonPatch(current, request.body)
      : mergePatch(current, request.body as Json);
  return update(request, current, asObject(patched), "Update");
}

function applyObject(request: WriteRequest, name: string): Stored {
  const { resource, query } = request;
  const body = asObject(request.body);
  checkType(request, body);
  if (!query.get("fieldManager")) throw badRequest("fieldManager is required for apply patch");
  if (asObject(body["metadata"])["managedFields"]) throw badRequest("metadata.managedFields must be nil");
  const current = find(request, name);
  if (!current && request.subresource) throw notFound(resource, name);
  if (!current) checkNamespace(request);
  const by = writerOf(request, "Apply");
  const { status, ...wanted } = body;
  const config = request.subresource ? { metadata: {}, status: status ?? {} } : resource.hasStatus ? wanted : body;
  const merged = applyTo(current, config, by, query.get("force") === "true");
  if (current) return update(request, current, merged, "Apply");
  checkName(resource, name);
  const { managedFields = [] } = asObject(merged["metadata"]);
  const made = begin(request, merged, name);
  return finish(request, undefined, { ...made, metadata: { ...made.metadata, managedFields } });
}

export function deleteObject(request: WriteRequest, name: string): Stored {
  const { storage, resource, namespace, query } = request;
  const options = asObject(request.body);
  const current = getObject(storage, resource, namespace, name);
  const { uid, resourceVersion } = asObject(options["preconditions"]);
  for (const [field, wanted, actual] of [
    ["UID", uid, current.metadata.uid],
    ["ResourceVersion", resourceVersion, current.metadata.resourceVersion],
  ]) {
    if (wanted === undefined || wanted === actual) continue;
    throw conflict(
      resource,
      name,
      `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${actual}`,
    );
  }
  if (query.get("dryRun") || Array.isArray(options["dryRun"])) return current;
  const key = storageKey(namespace, name);
  const waits = waitsToGo(resource, current, options["gracePeriodSeconds"]);
  if (!waits) return storage.write(resourceName(resource), key, undefined);
  if (current.metadata["deletionTimestamp"]) return current;
  const metadata = { ...current.metadata, ...waits, deletionTimestamp: now() };
  const status = resourceName(resource) === "namespaces" ? { status: { phase: "Terminating" } } : {};
  return storage.write(resourceName(resource), key, { ...current, ...status, metadata });
}

/** A finalizer, a grace period, or (a namespace) a controller that nobody runs here. */
function waitsToGo(resource: Resource, { metadata, spec }: Stored, grace: Json | undefined): JsonObject | undefined {
  const { finalizers } = metadata;
  if (Array.isArray(finalizers) && finalizers.length > 0) return {};
  if (resourceName(resource) === "namespaces") return {};
  const seconds = grace ?? 30;
  if (resourceName(resource) === "pods" && asObject(spec)["nodeName"] && seconds !== 0) {
    return { deletionGracePeriodSeconds: seconds };
  }
  return undefined;
}

function update(request: WriteRequest, current: Stored, body: JsonObject, operation: Manager["operation"]): Stored {
  const { resource, subresource } = request;
  const { name } = current.metadata;
  const given = asObject(body["metadata"]);
  if (given["resourceVersion"] && given["resourceVersion"] !== current.metadata.resourceVersion) {
    throw conflict(resource, name, MODIFIED);
  }
  if (given["uid"] && given["uid"] !== current.metadata.uid) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${given["uid"]}, UID in object meta: ${current.metadata.uid}`,
    );
  }
  const written = subresource
    ? { ...current, status: body["status"] ?? {} }
    : { ...body, ...(resource.hasStatus ? { status: current["status"] ?? null } : {}) };
  const metadata = { ...(subresource ? current.metadata : given), ...identity(current.metadata) };
  const next = clean({ ...written, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata });
  const managed =
    operation === "Apply"
      ? { ...next, metadata: { ...next.metadata, managedFields: given["managedFields"] ?? [] } }
      : next;
  return finish(
    request,
    current,
    operation === "Apply" ? managed : trackUpdate(current, managed, writerOf(request, operation)),
  );
}

/** What no writer changes. */
function identity({
  name,
  namespace,
  uid,
  creationTimestamp,
  deletionTimestamp,
  generation,
  resourceVersion,
}: Metadata): JsonObject {
  return {
    name,
    uid,
    resourceVersion,
    ...(namespace === undefined ? {} : { namespace }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(generation === undefined ? {} : { generation }),
  };
}

/** Without nulls where Go leaves a field out. */
function clean(object: JsonObject): JsonObject & { metadata: JsonObject } {
  const kept = Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
  const metadata = Object.entries(asObject(object["metadata"])).filter(([, value]) => value !== null);
  return { ...kept, metadata: Object.fromEntries(metadata) };
}

function begin(
  { resource, namespace }: WriteRequest,
  body: JsonObject,
  name: string,
): JsonObject & { metadata: JsonObject } {
  const { managedFields, resourceVersion, generation, deletionTimestamp, ...given } = asObject(body["metadata"]);
  return clean({
    ...body,
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      ...given,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: crypto.randomUUID(),
      creationTimestamp: now(),
      ...(resource.hasGeneration ? { generation: 1 } : {}),
    },
  });
}

/** Defaults and judges an object, counts its generation, and stores it where it changed. */
function finish(request: WriteRequest, current: Stored | undefined, object: JsonObject): Stored {
  const { storage, resource, query } = request;
  const shaped = resource.schema ? shapeCustom(resource, object) : object;
  const next = withDefaults(resource, shaped, current, allottedIn(storage, resource)) as Stored;
  const generation =
    Number(current?.metadata["generation"] ?? 0) +
    (current && Bun.deepEquals(wantedOf(current), wantedOf(next)) ? 0 : 1);
  const counted: Stored = resource.hasGeneration ? { ...next, metadata: { ...next.metadata, generation } } : next;
  if (current && Bun.deepEquals(withoutTimes(current), withoutTimes(counted))) return current;
  if (query.get("dryRun") === "All") return counted;
  const { name, namespace, deletionTimestamp, finalizers } = counted.metadata;
  const gone =
    Boolean(deletionTimestamp) && (!Array.isArray(finalizers) || finalizers.length === 0) && !waitsForGrace(counted);
  const key = storageKey(namespace as string | undefined, name);
  const written = storage.write(resourceName(resource), key, counted);
  return gone ? storage.write(resourceName(resource), key, undefined) : written;
}

function waitsForGrace({ kind, metadata }: Stored): boolean {
  return kind === "Namespace" || Number(metadata["deletionGracePeriodSeconds"] ?? 0) > 0;
}

function shapeCustom(resource: Resource, object: JsonObject): JsonObject {
  const schema = asObject(resource.schema);
  const { metadata = {} } = object;
  const shaped = { ...asObject(shape(schema, { ...object, metadata: {} })), metadata };
  const causes = judge(schema, { ...shaped, metadata: {} }, "");
  if (causes.length === 0) return shaped;
  const unchecked = JSON.stringify(schema).includes("x-kubernetes-validations") ? [UNCHECKED] : [];
  throw invalid(resource, asText(asObject(metadata)["name"]), [...causes, ...unchecked]);
}

function wantedOf({ metadata, status, ...wanted }: JsonObject): JsonObject {
  return wanted;
}

/** A write that changes nothing but the times of managed fields is none. */
function withoutTimes(object: Stored): JsonObject {
  const { managedFields, resourceVersion, ...metadata } = object.metadata;
  const entries = (Array.isArray(managedFields) ? managedFields : []).map((entry) => {
    const { time, ...kept } = asObject(entry);
    return kept;
  });
  return { ...object, metadata: { ...metadata, managedFields: entries } };
}

/** What Services have been given so far: gathered once for a write, because there may be a thousand of them. */
function allottedIn(storage: Storage, resource: Resource) {
  const specs = () => Array.from(storage.table(resourceName(resource)).objects.values(), ({ spec }) => asObject(spec));
  const gather = {
    clusterIP: () => specs().map(({ clusterIP }) => clusterIP),
    nodePort: () =>
      specs().flatMap(({ ports }) => (Array.isArray(ports) ? ports : []).map((one) => asObject(one)["nodePort"])),
  };
  const taken: Partial<Record<keyof typeof gather, Set<Json | undefined>>> = {};
  return {
    takes(field: keyof typeof gather, value: Json): boolean {
      taken[field] ??= new Set(gather[field]());
      return taken[field].has(value);
    },
  };
}

function find({ storage, resource, namespace }: WriteRequest, name: string): Stored | undefined {
  return storage.table(resourceName(resource)).objects.get(storageKey(namespace, name));
}

function checkType({ resource }: WriteRequest, body: JsonObject): void {
  const { apiVersion, kind } = body;
  if (apiVersion !== apiVersionOf(resource) || kind !== resource.kind) {
    throw badRequest(`the object provided is ${apiVersion}/${kind}, not ${apiVersionOf(resource)}/${resource.kind}`);
  }
}

function checkName(resource: Resource, name: string): void {
  if (name === "") {
    const message = "Required value: name or generateName is required";
    throw invalid(resource, "", [{ field: "metadata.name", reason: "FieldValueRequired", message }]);
  }
  const pattern = resource.group.startsWith("rbac.") ? /^[^/%]+$/ : /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
  if (pattern.test(name) && name.length <= 253) return;
  const message = `Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`;
  throw invalid(resource, name, [{ field: "metadata.name", reason: "FieldValueInvalid", message }]);
}

function checkNamespace({ storage, resource, namespace }: WriteRequest): void {
  if (!resource.namespaced || namespace === undefined) return;
  const found = storage.table("namespaces").objects.get(storageKey(undefined, namespace));
  if (!found) {
    throw new Failure(404, "NotFound", `namespaces "${namespace}" not found`, { name: namespace, kind: "namespaces" });
  }
  if (!found.metadata["deletionTimestamp"]) return;
  const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw new Failure(403, "Forbidden", message, { kind: resource.plural });
}

function writerOf({ resource, subresource, query }: WriteRequest, operation: Manager["operation"]): Manager {
  return {
    manager: query.get("fieldManager") ?? "unknown",
    operation,
    apiVersion: apiVersionOf(resource),
    time: now(),
    ...(subresource ? { subresource } : {}),
  };
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
