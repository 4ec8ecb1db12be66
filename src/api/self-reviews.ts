/**
 * What a client may ask about itself: who it is (`kubectl auth whoami`) and what it may do (`kubectl auth can-i`).
 *
 * Source: the Kubernetes API groups authentication.k8s.io/v1 and authorization.k8s.io/v1.
 */
import { type Context, Hono } from "hono";
import type { ApiEnv } from "./deps.ts";
import { isObject, type JsonObject } from "./json.ts";
import { chooseRepresentation, encodeBody } from "./negotiate.ts";
import { readWriteParameters } from "./parameters.ts";
import { readAnyObject } from "./protobuf-body.ts";
import { refuseMethod } from "./resource-routes.ts";
import { ApiError } from "./status-error.ts";
import type { Scope } from "./tokens.ts";

interface Review {
  apiVersion: string;
  kind: string;
  status(scope: Scope, spec: JsonObject): object;
}

/** What the scope `read` may do, of resources and of other paths. */
const READING = { resource: ["get", "list", "watch"], path: ["get", "head", "options"] };

const REVIEWS: ReadonlyMap<string, Review> = new Map<string, Review>([
  [
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "SelfSubjectReview",
      status: (scope) => ({ userInfo: { username: `clusterlink:${scope}`, groups: ["system:authenticated"] } }),
    },
  ],
  [
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", status: reviewAccess },
  ],
  [
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", status: listRules },
  ],
]);

/** @returns whether a POST to the path only asks, so that whoever may read may send it. */
export function isSelfReview(path: string): boolean {
  return REVIEWS.has(path);
}

/** @returns the routes, to be mounted at `/`. */
export function selfReviewRoutes(): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  for (const [path, review] of REVIEWS) {
    routes.post(path, (c) => answer(c, review));
    routes.all(path, refuseMethod("POST"));
  }
  return routes;
}

async function answer(c: Context<ApiEnv>, { apiVersion, kind, status }: Review): Promise<Response> {
  readWriteParameters(new URL(c.req.url).searchParams);
  const { encoding, contentType } = chooseRepresentation(c.req.header("accept"), { forms: ["object"], yaml: true });
  const body = await readAnyObject(c.req.raw);
  if (body["kind"] !== kind || body["apiVersion"] !== apiVersion) {
    throw new ApiError("BadRequest", `the object does not fit: this URL takes a ${kind} of ${apiVersion}`);
  }
  const spec = isObject(body["spec"]) ? body["spec"] : {};
  const shown = { apiVersion, kind, metadata: {}, spec, status: status(c.get("scope"), spec) };
  return c.body(encodeBody(shown, encoding), 201, { "Content-Type": contentType });
}

function reviewAccess(scope: Scope, { resourceAttributes, nonResourceAttributes }: JsonObject): object {
  const asked = resourceAttributes ?? nonResourceAttributes;
  if (!isObject(asked) || (isObject(resourceAttributes) && isObject(nonResourceAttributes))) {
    throw new ApiError("Invalid", "spec: Invalid value: give one of resourceAttributes and nonResourceAttributes");
  }
  if (scope === "admin") return { allowed: true };
  const allowed = (isObject(resourceAttributes) ? READING.resource : READING.path).includes(String(asked["verb"]));
  return allowed ? { allowed } : { allowed, reason: "the token has the scope read" };
}

function listRules(scope: Scope): object {
  const [verbs, pathVerbs] = scope === "admin" ? [["*"], ["*"]] : [READING.resource, READING.path];
  return {
    resourceRules: [{ verbs, apiGroups: ["*"], resources: ["*"] }],
    nonResourceRules: [{ verbs: pathVerbs, nonResourceURLs: ["*"] }],
    incomplete: false,
  };
}
