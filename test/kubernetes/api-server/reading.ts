/** Get and list, with pages that are all of one version. */
import { badRequest, Failure, notFound } from "./failure.ts";
import type { JsonObject, Stored } from "./json.ts";
import { apiVersionOf, type Resource, resourceName } from "./resources.ts";
import { selectionOf } from "./selection.ts";
import { type Storage, storageKey } from "./storage.ts";

export function getObject(storage: Storage, resource: Resource, namespace: string | undefined, name: string): Stored {
  const found = storage.table(resourceName(resource)).objects.get(storageKey(namespace, name));
  if (!found) throw notFound(resource, name);
  return found;
}

interface Place {
  revision: number;
  /** The last key of the page before. */
  after: string;
}

export function listObjects(
  storage: Storage,
  resource: Resource,
  namespace: string | undefined,
  query: URLSearchParams,
): JsonObject {
  const place = placeOf(storage, query);
  const selects = selectionOf(resource, namespace, query);
  const state = storage.stateAt(resourceName(resource), place.revision);
  const rest = [...state]
    .filter(([key, object]) => key > place.after && selects(object))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const limit = query.get("resourceVersion") === "0" ? 0 : Number(query.get("limit") ?? 0);
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const more = rest.length - page.length;
  const selective = Boolean(query.get("labelSelector") || query.get("fieldSelector"));
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(place.revision),
      ...(more === 0 ? {} : { continue: encode({ revision: place.revision, after: page.at(-1)?.[0] ?? "" }) }),
      ...(more === 0 || selective ? {} : { remainingItemCount: more }),
    },
    items: page.map(([, object]) => (resource.schema ? object : untyped(object))),
  };
}

/** The items of a built-in list say neither kind nor version. */
function untyped({ kind, apiVersion, ...object }: Stored): JsonObject {
  return object;
}

function placeOf(storage: Storage, query: URLSearchParams): Place {
  const token = query.get("continue");
  const version = query.get("resourceVersion") ?? "";
  if (token) {
    if (version !== "" && version !== "0")
      throw badRequest("specifying resource version is not allowed when using continue");
    return decode(token);
  }
  const wanted = numberOf(version);
  if (wanted > storage.revision) throw tooLarge(wanted, storage.revision);
  return { revision: query.get("resourceVersionMatch") === "Exact" ? wanted : storage.revision, after: "" };
}

/** @throws Failure 400 for a version that no server gave out */
export function numberOf(version: string): number {
  if (!/^\d*$/.test(version)) throw badRequest(`Invalid value: "${version}": strconv.ParseUint: invalid syntax`);
  return Number(version);
}

export function tooLarge(wanted: number, current: number): Failure {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  const details = { retryAfterSeconds: 1, causes };
  return new Failure(504, "Timeout", `Timeout: Too large resource version: ${wanted}, current: ${current}`, details);
}

function encode(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function decode(token: string): Place {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString()) as Place;
  } catch {
    throw badRequest("continue key is not valid");
  }
}
