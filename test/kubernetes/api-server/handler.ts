/** From requests to answers. */
import { type Action, authorize, type User } from "./access.ts";
import { badRequest, Failure } from "./failure.ts";
import type { Faults } from "./faults.ts";
import { asObject, asText, type JsonObject, type Stored } from "./json.ts";
import { getObject, listObjects } from "./reading.ts";
import { apiVersionOf, definedResources, type Resource, resourceName } from "./resources.ts";
import { Storage } from "./storage.ts";
import { Watch } from "./watching.ts";
import { createObject, deleteObject, patchObject, replaceObject, type WriteRequest } from "./writing.ts";

/** A request that came in. */
export interface Recorded extends Action {
  /** Of the RBAC verbs. */
  verb: string;
  user: string;
  /** The user had no right to it. */
  forbidden: boolean;
  query: URLSearchParams;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface HandlerDeps {
  users: Map<string, User>;
  faults: Faults;
  requests: Recorded[];
  resources: Resource[];
  bookmarkInterval: number;
}

export interface Handler {
  answer(request: Request): Promise<Response>;
  /** Everything that it has. */
  resources(): Resource[];
  /** Stores an object as an administrator would, status and all. */
  seed(resource: string, object: JsonObject): void;
  /** Removes everything but namespaces and CustomResourceDefinitions. */
  clear(): void;
}

const CRDS = "customresourcedefinitions.apiextensions.k8s.io";
const VERBS: Record<string, string> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };
const PATCHES = ["application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"];

interface Place {
  resource: Resource;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

export function handler(deps: HandlerDeps): Handler {
  const { users, faults, requests, bookmarkInterval } = deps;
  const storage = new Storage();
  faults.storage = storage;
  const known = () => [
    ...deps.resources,
    ...Array.from(storage.table(CRDS).objects.values()).flatMap(definedResources),
  ];

  async function answer(request: Request): Promise<Response> {
    try {
      return await route(request);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return Response.json(error.toStatus(), { status: error.code, headers: error.headers });
    }
  }

  async function route(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const user = users.get(/^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "");
    if (!user) throw new Failure(401, "Unauthorized", "Unauthorized");
    if (url.pathname === "/version") return Response.json({ major: "1", minor: "33", gitVersion: "v1.33.0" });
    const place = placeOf(known(), url.pathname);
    if (!place) return new Response("404 page not found\n", { status: 404 });
    const recorded = record(request.method, place, url.searchParams, user);
    requests.push(recorded);
    const delay = faults.delayOf(recorded);
    if (delay > 0) await Bun.sleep(delay);
    const fault = faults.take(recorded);
    if (fault) throw planned(fault);
    try {
      authorize(storage, user, recorded);
    } catch (error) {
      recorded.forbidden = true;
      throw error;
    }
    return perform(request, place, recorded);
  }

  async function perform(request: Request, place: Place, { verb, query }: Recorded): Promise<Response> {
    const { resource, namespace, name, subresource } = place;
    if (verb === "watch") {
      const watch = new Watch({
        storage,
        resource,
        namespace,
        query: nameQuery(query, name),
        bookmarkInterval,
        open: faults.watches,
      });
      return new Response(watch.stream(), { headers: { "Content-Type": "application/json" } });
    }
    if (verb === "list") return Response.json(listObjects(storage, resource, namespace, query));
    if (verb === "get" && name !== undefined) return Response.json(getObject(storage, resource, namespace, name));
    const body: unknown = await request.json().catch(() => undefined);
    const write: WriteRequest = { storage, resource, namespace, subresource, query, body };
    if (verb === "create" && subresource === "token") return Response.json(issueToken(place), { status: 201 });
    if (verb === "create" && name === undefined) return Response.json(createObject(write), { status: 201 });
    if (name === undefined) throw new Failure(405, "MethodNotAllowed", "the server does not allow this method");
    if (verb === "update") return Response.json(replaceObject(write, name));
    if (verb === "patch") return Response.json(patch(write, name, request));
    return Response.json(deletedAnswer(place, deleteObject(write, name)));
  }

  function patch(write: WriteRequest, name: string, request: Request): Stored {
    const type = (request.headers.get("content-type") ?? "").split(";")[0] ?? "";
    if (PATCHES.includes(type)) return patchObject(write, name, type);
    throw new Failure(415, "UnsupportedMediaType", `the body of the request was in an unknown format: ${type}`);
  }

  /** A token of a service account, as the TokenRequest API gives it. */
  function issueToken({ resource, namespace, name = "" }: Place): JsonObject {
    getObject(storage, resource, namespace, name);
    const token = crypto.randomUUID();
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
    users.set(token, { name: `system:serviceaccount:${namespace}:${name}`, groups });
    return { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", status: { token } };
  }

  return {
    answer,
    resources: known,
    seed(name, object) {
      const resource = known().find((each) => resourceName(each) === name);
      if (!resource) throw new Error(`there is no resource ${name}`);
      const namespace = asObject(object["metadata"])["namespace"];
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
      const query = new URLSearchParams();
      const place = { namespace: typeof namespace === "string" ? namespace : undefined, subresource: undefined };
      createObject({ storage, resource: { ...resource, hasStatus: false }, ...place, query, body });
    },
    clear() {
      for (const resource of known()) {
        const table = resourceName(resource);
        if (table === CRDS || table === "namespaces") continue;
        for (const key of [...storage.table(table).objects.keys()]) storage.write(table, key, undefined);
      }
    },
  };
}

function planned({ status, retryAfter }: { status: number; retryAfter: number | undefined }): Failure {
  const reasons: Record<number, string> = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
  };
  const headers = retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) };
  return new Failure(status, reasons[status] ?? "ServiceUnavailable", "failed on demand", {}, headers);
}

/** `/api/v1/…` and `/apis/GROUP/VERSION/…`, with `namespaces/NAME` in front of what is in one. */
function placeOf(resources: Resource[], path: string): Place | undefined {
  const [root, ...parts] = path.split("/").slice(1).map(decodeURIComponent);
  const group = root === "apis" ? parts.shift() : root === "api" ? "" : undefined;
  const version = parts.shift();
  const scoped = parts[0] === "namespaces" && parts.length > 2 && !["status", "finalize"].includes(parts[2] ?? "");
  const namespace = scoped ? parts.splice(0, 2)[1] : undefined;
  const [plural, name, subresource] = parts;
  const resource = resources.find((each) => each.group === group && each.version === version && each.plural === plural);
  if (!resource || parts.length > 3 || (scoped && !resource.namespaced)) return undefined;
  if (subresource === "status" ? !resource.hasStatus : subresource !== undefined && subresource !== "token")
    return undefined;
  return { resource, namespace, name, subresource };
}

function record(method: string, place: Place, query: URLSearchParams, user: User): Recorded {
  const { resource, namespace, name, subresource } = place;
  const watching = ["true", "1"].includes(query.get("watch") ?? "");
  const reading = watching ? "watch" : name === undefined ? "list" : "get";
  const verb = method === "GET" ? reading : VERBS[method];
  if (verb === undefined) throw badRequest(`${method} is no method of the API`);
  const plural = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
  const asked = { verb, group: resource.group, resource: plural, namespace, name, user: user.name, query };
  return { ...asked, forbidden: false, at: Date.now() };
}

function nameQuery(query: URLSearchParams, name: string | undefined): URLSearchParams {
  if (name !== undefined) query.set("fieldSelector", `metadata.name=${name}`);
  return query;
}

function deletedAnswer({ resource }: Place, object: Stored): JsonObject {
  if (object.metadata["deletionTimestamp"]) return object;
  const { name, uid } = object.metadata;
  const details = {
    name,
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: asText(resource.plural),
    uid,
  };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}
