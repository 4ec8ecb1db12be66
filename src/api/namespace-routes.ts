/** The routes of `/api/v1/namespaces`: to be looked at, and named by manifests that work elsewhere. */
import { type Context, Hono } from "hono";
import { isDnsLabel } from "../resources/label-syntax.ts";
import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from "../resources/selector.ts";
import { mediaType, parseText, readBody } from "./body.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { isObject, type Json } from "./json.ts";
import { type NamespaceObject, namespaceObject, pageOf, showNamespaces } from "./namespaces.ts";
import { chooseRepresentation, encodeBody } from "./negotiate.ts";
import { metadataOf } from "./object-fields.ts";
import { readGetParameters, readListParameters, readWriteParameters } from "./parameters.ts";
import { readAnyObject } from "./protobuf-body.ts";
import { ApiError, invalidParameters } from "./status-error.ts";

type ApiContext = Context<ApiEnv>;

const PATH = "/api/v1/namespaces";
const ACCEPTED = { forms: ["object", "table", "metadata"], yaml: true } as const;
const EXISTENCE = "a namespace of a site exists as soon as an object names it, and goes with the last one";
const WARNING = `299 - "${EXISTENCE}; nothing of it is stored"`;
/** What the two kinds of `kubectl apply` send for a namespace. Who sends another patch means to change something. */
const SERVER_SIDE_APPLY = "application/apply-patch+yaml";
const APPLY = [SERVER_SIDE_APPLY, "application/strategic-merge-patch+json"];

/** @returns the routes, to be mounted at `/`. */
export function namespaceRoutes({ namespaces }: Pick<ApiDeps, "namespaces">): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  const exists = async (name: string) => (await namespaces()).includes(name);

  routes.get(PATH, async (c) => {
    const parameters = readListParameters(queryOf(c));
    if (parameters.watch) throw new ApiError("MethodNotAllowed", "namespaces cannot be watched; watch what is in them");
    const representation = chooseRepresentation(c.req.header("accept"), ACCEPTED);
    const { labels, fields } = readSelectors(parameters);
    const all = (await namespaces()).map(namespaceObject);
    const shown = all.filter(
      ({ metadata }) => matchesLabels(labels, metadata.labels) && matchesFields(fields, metadata),
    );
    const body = showNamespaces(pageOf(shown, parameters), representation, parameters.includeObject);
    return c.body(encodeBody(body, representation.encoding), 200, { "Content-Type": representation.contentType });
  });
  routes.get(`${PATH}/:name`, async (c) => {
    const { includeObject } = readGetParameters(queryOf(c));
    const representation = chooseRepresentation(c.req.header("accept"), ACCEPTED);
    const name = c.req.param("name");
    if (!(await exists(name))) throw missing(name);
    const body = showNamespaces(namespaceObject(name), representation, includeObject);
    return c.body(encodeBody(body, representation.encoding), 200, { "Content-Type": representation.contentType });
  });
  routes.post(PATH, async (c) => {
    readWriteParameters(queryOf(c));
    const name = nameIn(await readAnyObject(c.req.raw));
    if (await exists(name)) {
      throw new ApiError("AlreadyExists", `namespaces "${name}" already exists`, { name, kind: "namespaces" });
    }
    return accepted(c, namespaceObject(name), 201);
  });
  routes.patch(`${PATH}/:name`, async (c) => {
    const type = mediaType(c.req.header("content-type"));
    if (!APPLY.includes(type)) throw refused(c, "GET, PATCH");
    const creates = type === SERVER_SIDE_APPLY;
    readWriteParameters(queryOf(c), creates);
    const name = c.req.param("name");
    const body = parseText(await readBody(c.req.raw), creates ? "YAML" : "JSON");
    if (creates && nameIn(body) !== name) throw new ApiError("BadRequest", `metadata.name must be ${name}`);
    const there = await exists(name);
    if (!there && !creates) throw missing(name);
    return accepted(c, namespaceObject(name), there ? 200 : 201);
  });
  routes.all(PATH, (c) => {
    throw refused(c, "GET, POST");
  });
  routes.all(`${PATH}/:name`, (c) => {
    throw refused(c, "GET, PATCH");
  });
  return routes;
}

function accepted(c: ApiContext, namespace: NamespaceObject, status: 200 | 201): Response {
  const representation = chooseRepresentation(c.req.header("accept"), ACCEPTED);
  const body = showNamespaces(namespace, representation, "Object");
  c.header("Warning", WARNING);
  return c.body(encodeBody(body, representation.encoding), status, { "Content-Type": representation.contentType });
}

function refused(c: ApiContext, allowed: string): ApiError {
  c.header("Allow", allowed);
  return new ApiError("MethodNotAllowed", `${c.req.method} is not supported on this URL: ${EXISTENCE}`);
}

function missing(name: string): ApiError {
  return new ApiError("NotFound", `namespaces "${name}" not found`, { name, kind: "namespaces" });
}

/** @throws {ApiError} 400 for what is no Namespace, 422 for a bad name */
function nameIn(body: Json): string {
  if (!isObject(body) || body["kind"] !== "Namespace" || body["apiVersion"] !== "v1") {
    throw new ApiError("BadRequest", "the object does not fit: this URL takes a Namespace of v1");
  }
  const { name } = metadataOf(body);
  if (typeof name === "string" && isDnsLabel(name)) return name;
  const message = "Invalid value: a namespace's name consists of a-z, 0-9 or '-', 1 to 63 of them";
  throw new ApiError("Invalid", `Namespace is invalid: metadata.name: ${message}`, {
    kind: "Namespace",
    causes: [{ reason: "FieldValueInvalid", message, field: "metadata.name" }],
  });
}

function queryOf(c: ApiContext): URLSearchParams {
  return new URL(c.req.url).searchParams;
}

function readSelectors({ labelSelector = "", fieldSelector = "" }: { labelSelector?: string; fieldSelector?: string }) {
  try {
    return { labels: parseLabelSelector(labelSelector), fields: parseFieldSelector(fieldSelector) };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw invalidParameters([
      { path: "labelSelector, fieldSelector", type: "FieldValueInvalid", message: error.message },
    ]);
  }
}
