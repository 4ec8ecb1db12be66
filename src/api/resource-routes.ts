/** The routes of `/apis/clusterlink.net/v1alpha1`. */
import { type Context, Hono } from "hono";
import { KIND_NAMES, KINDS, type KindName } from "../resources/kinds.ts";
import type { Store } from "../store/store.ts";
import { mediaType, parseText, readBody, readObject } from "./body.ts";
import { readDeleteOptions } from "./delete-options.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { jsonPatch } from "./json-patch.ts";
import { mergePatch } from "./merge-patch.ts";
import { chooseRepresentation, encodeBody, type Form } from "./negotiate.ts";
import {
  type IncludeObject,
  type ListParameters,
  readCollectionDelete,
  readDeleteParameters,
  readGetParameters,
  readListParameters,
  readWriteParameters,
  type WriteParameters,
} from "./parameters.ts";
import {
  deletedStatus,
  getObject,
  listObjects,
  selectionOf,
  showList,
  showObject,
  startWatch,
  type Viewer,
  watchView,
} from "./read.ts";
import { ApiError } from "./status-error.ts";
import type { NamedTarget, Target } from "./target.ts";
import { createWarner } from "./warnings.ts";
import { lineStream, watchLines } from "./watch.ts";
import { applyObject, createObject, patchObject, replaceObject, type WriteContext } from "./write.ts";

type ApiContext = Context<ApiEnv>;

const EVERY_FORM: readonly Form[] = ["object", "table", "metadata"];
/** A watch that asks for no end gets one anyway, as on Kubernetes: 30 to 60 minutes, spread. */
const WATCH_SECONDS = 1800;
const DEFAULT_MAX_WATCHES = 1000;

/** @returns the routes of every kind, relative to `/apis/clusterlink.net/v1alpha1`. */
export function resourceRoutes(deps: ApiDeps & { store: Store }): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  const handlers = createHandlers(deps);
  for (const kind of KIND_NAMES) {
    const { plural, namespaced } = KINDS[kind];
    const collection = namespaced ? `/namespaces/:namespace/${plural}` : `/${plural}`;
    const target = (c: ApiContext): Target => ({ kind, namespace: namespaced ? c.req.param("namespace") : undefined });
    const named = (c: ApiContext): NamedTarget => ({ ...target(c), name: c.req.param("name") ?? "" });
    const status = (c: ApiContext): NamedTarget => ({ ...named(c), subresource: "status" });

    if (namespaced) {
      routes.get(`/${plural}`, (c) => handlers.listOrWatch(c, kind, undefined));
      routes.all(`/${plural}`, refuseMethod("GET"));
    }
    routes.get(collection, (c) => handlers.listOrWatch(c, kind, target(c).namespace));
    routes.post(collection, (c) => handlers.create(c, target(c)));
    routes.delete(collection, (c) => handlers.deleteCollection(c, target(c)));
    routes.all(collection, refuseMethod("GET, POST, DELETE"));
    routes.delete(`${collection}/:name`, (c) => handlers.delete(c, named(c)));
    for (const [path, at, methods] of [
      [`${collection}/:name`, named, "GET, PUT, PATCH, DELETE"],
      [`${collection}/:name/status`, status, "GET, PUT, PATCH"],
    ] as const) {
      routes.get(path, (c) => handlers.get(c, at(c)));
      routes.put(path, (c) => handlers.replace(c, at(c)));
      routes.patch(path, (c) => handlers.patch(c, at(c)));
      routes.all(path, refuseMethod(methods));
    }
  }
  return routes;
}

/** @returns a handler that answers 405 and names what is allowed (RFC 9110, 15.5.6). */
export function refuseMethod(allowed: string) {
  return (c: ApiContext): never => {
    c.header("Allow", allowed);
    throw new ApiError("MethodNotAllowed", `${c.req.method} is not supported on this URL; it takes ${allowed}`);
  };
}

function createHandlers(deps: ApiDeps & { store: Store }) {
  const { store, closing } = deps;
  const now = deps.now ?? Date.now;
  const maxWatches = deps.maxWatches ?? DEFAULT_MAX_WATCHES;
  let watches = 0;

  const viewer = (c: ApiContext, kind: KindName, include: IncludeObject, yaml = true): Viewer => ({
    kind,
    representation: chooseRepresentation(c.req.header("accept"), { forms: EVERY_FORM, yaml }),
    include,
    now,
  });

  /** Decides how to answer before anything is written: a refusal then leaves nothing behind. */
  const answer = (c: ApiContext, kind: KindName) => {
    const view = viewer(c, kind, "Object");
    return (object: Parameters<typeof showObject>[1], status: 200 | 201 = 200) =>
      send(c, view, showObject(view, object), status);
  };

  const writing = (c: ApiContext, parameters: WriteParameters): WriteContext => {
    return {
      ...parameters,
      store,
      now,
      fieldManager: parameters.fieldManager ?? managerFrom(c.req.header("user-agent")),
      warn: createWarner((header) => c.header("Warning", header, { append: true })),
    };
  };

  async function watch(c: ApiContext, kind: KindName, namespace: string | undefined, parameters: ListParameters) {
    const view = viewer(c, kind, parameters.includeObject, false);
    if (c.req.method === "HEAD") {
      c.header("Allow", "GET");
      throw new ApiError("MethodNotAllowed", "a watch is all body: HEAD has nothing to tell of it; use GET");
    }
    if (watches >= maxWatches)
      throw new ApiError("TooManyRequests", "too many watches are open", { retryAfterSeconds: 1 });
    watches += 1;
    const over = new AbortController();
    const seconds = parameters.timeoutSeconds || WATCH_SECONDS * (1 + Math.random());
    const timer = setTimeout(() => over.abort(), seconds * 1000);
    const signal = AbortSignal.any([over.signal, c.req.raw.signal, ...(closing === undefined ? [] : [closing])]);
    let open = true;
    const end = () => {
      if (!open) return;
      open = false;
      watches -= 1;
      clearTimeout(timer);
      over.abort();
    };
    try {
      const start = await startWatch(store, kind, namespace, parameters);
      const selection = selectionOf(namespace, parameters);
      const lines = watchLines({
        ...start,
        events: store.watch(kind, { ...selection, resourceVersion: start.from, signal }),
        bookmarks: parameters.allowWatchBookmarks,
        ...watchView(view),
        signal,
        onDefect: (error) => deps.log.error("a watch failed", { kind, error }),
      });
      return c.body(lineStream(lines, end), 200, { "Content-Type": view.representation.contentType });
    } catch (error) {
      end();
      throw error;
    }
  }

  return {
    async get(c: ApiContext, { kind, namespace, name }: NamedTarget) {
      const { resourceVersion, includeObject } = readGetParameters(queryOf(c));
      const view = viewer(c, kind, includeObject);
      return send(c, view, showObject(view, await getObject(store, kind, namespace, name, resourceVersion)));
    },
    async listOrWatch(c: ApiContext, kind: KindName, namespace: string | undefined) {
      const parameters = readListParameters(queryOf(c));
      if (parameters.watch) return await watch(c, kind, namespace, parameters);
      const view = viewer(c, kind, parameters.includeObject);
      return send(c, view, showList(view, await listObjects(store, kind, namespace, parameters)));
    },
    async create(c: ApiContext, target: Target) {
      const context = writing(c, readWriteParameters(queryOf(c)));
      const reply = answer(c, target.kind);
      return reply(await createObject(context, target, await readObject(c.req.raw)), 201);
    },
    async replace(c: ApiContext, target: NamedTarget) {
      const context = writing(c, readWriteParameters(queryOf(c)));
      const reply = answer(c, target.kind);
      return reply(await replaceObject(context, target, await readObject(c.req.raw)));
    },
    async patch(c: ApiContext, target: NamedTarget) {
      const type = mediaType(c.req.header("content-type") ?? "none");
      const apply = type === "application/apply-patch+yaml";
      const change = PATCHES.get(type);
      if (!apply && change === undefined) {
        const types = [...PATCHES.keys(), "application/apply-patch+yaml"].join(", ");
        throw new ApiError(
          "UnsupportedMediaType",
          `a patch of the type ${type} is not supported; the types are ${types}`,
        );
      }
      const context = writing(c, readWriteParameters(queryOf(c), apply));
      const reply = answer(c, target.kind);
      const text = await readBody(c.req.raw);
      if (change !== undefined) {
        const patch = parseText(text, "JSON");
        return reply(await patchObject(context, target, (live) => change(live, patch)));
      }
      const { object, created } = await applyObject(context, target, requireObject(parseText(text, "YAML")));
      return reply(object, created ? 201 : 200);
    },
    async delete(c: ApiContext, { kind, namespace, name }: NamedTarget) {
      const { dryRun } = readDeleteParameters(queryOf(c));
      const options = readDeleteOptions(await optionalObject(c.req.raw));
      const view = viewer(c, kind, "Object");
      const { preconditions } = options;
      const object = await store.delete(kind, namespace, name, { dryRun: dryRun || options.dryRun, preconditions });
      const waits = (object.metadata.finalizers ?? []).length > 0;
      return send(c, view, waits ? showObject(view, object) : deletedStatus(kind, object));
    },
    async deleteCollection(c: ApiContext, { kind, namespace }: Target) {
      const { dryRun, selection } = readCollectionDelete(queryOf(c));
      const options = readDeleteOptions(await optionalObject(c.req.raw));
      if (Object.keys(options.preconditions).length > 0) {
        throw new ApiError("Invalid", "preconditions: Forbidden: a collection has neither uid nor resourceVersion");
      }
      const view = viewer(c, kind, "Object");
      const list = await store.list(kind, selectionOf(namespace, selection));
      const items = [];
      for (const { metadata } of list.items) {
        const gone = store.delete(kind, metadata.namespace, metadata.name, { dryRun: dryRun || options.dryRun });
        items.push(await gone.catch(ignoreMissing));
      }
      return send(c, view, showList(view, { ...list, items: items.filter((one) => one !== undefined) }));
    },
  };
}

const PATCHES: ReadonlyMap<string, (live: JsonObject, patch: Json) => Json> = new Map([
  ["application/json-patch+json", jsonPatch],
  ["application/merge-patch+json", (live: JsonObject, patch: Json) => mergePatch(live, requireObject(patch))],
]);

function requireObject(value: Json): JsonObject {
  if (!isObject(value)) throw new ApiError("BadRequest", "the patch must be one object");
  return value;
}

async function optionalObject(request: Request): Promise<JsonObject> {
  return request.body === null || request.headers.get("content-length") === "0" ? {} : await readObject(request);
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "NotFound") return undefined;
  throw error;
}

/** Kubernetes' default for the field manager: what of the user agent comes before the slash. */
function managerFrom(userAgent: string | undefined): string {
  const [name = ""] = (userAgent ?? "").split("/");
  return name.replaceAll(/\P{L}/gu, (one) => (/[\w.:-]/.test(one) ? one : "")).slice(0, 128) || "unknown";
}

function queryOf(c: ApiContext): URLSearchParams {
  return new URL(c.req.url).searchParams;
}

function send(c: ApiContext, { representation }: Viewer, value: object, status: 200 | 201 = 200): Response {
  const { encoding, contentType } = representation;
  return c.body(encodeBody(value, encoding), status, { "Content-Type": contentType });
}
