/** What is not Kubernetes': status, connections, explain, metrics, health, tokens, and the documents about them. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { METRICS_CONTENT_TYPE } from "../telemetry/merge.ts";
import { readObject } from "./body.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { docsPage } from "./docs-page.ts";
import { readExplainQuery } from "./explain-query.ts";
import { lazy } from "./lazy.ts";
import {
  connectionsSchema,
  explanationSchema,
  failureSchema,
  issuedTokenSchema,
  readinessSchema,
  siteStatusSchema,
  tokenRequestSchema,
} from "./site-schemas.ts";
import { ApiError } from "./status-error.ts";
import { DEFAULT_TTL, MAX_TTL } from "./tokens.ts";

const json = <T>(schema: T) => ({ "application/json": { schema } });
const failure = (description: string) => ({ description, content: json(failureSchema) });
const parameter = (name: string, description: string) => ({
  name,
  in: "query" as const,
  description,
  schema: { type: "string" as const },
});

const status = createRoute({
  method: "get",
  path: "/status",
  summary: "What the site is, who it reaches, and what is wrong with it.",
  responses: { 200: { description: "The status.", content: json(siteStatusSchema) } },
});

const connections = createRoute({
  method: "get",
  path: "/connections",
  summary: "The live connections.",
  responses: { 200: { description: "The connections.", content: json(connectionsSchema) } },
});

const explain = createRoute({
  method: "get",
  path: "/explain",
  summary: "The decision that a connection would get right now, and why.",
  parameters: [
    parameter("import", "NAMESPACE/NAME of an Import: the client's side."),
    parameter("export", "NAMESPACE/NAME of an Export: the server's side, with `peer`."),
    parameter("peer", "The peer that the connection would come from."),
    parameter("client", "Address of the client."),
    parameter("attribute", "KEY=VALUE, an attribute of the client; may be given many times, instead of `client`."),
  ],
  responses: {
    200: { description: "The decision.", content: json(explanationSchema) },
    404: failure("The Import, Export or Peer is not there."),
    422: failure("The question is wrong."),
  },
});

const metrics = createRoute({
  method: "get",
  path: "/metrics",
  summary: "Metrics of every process of the site, for Prometheus.",
  responses: { 200: { description: "Text format, version 0.0.4." } },
});

const livez = createRoute({
  method: "get",
  path: "/livez",
  summary: "Whether the control process runs.",
  responses: { 200: { description: "ok" } },
});

const readyz = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether the site serves.",
  responses: {
    200: { description: "It does.", content: json(readinessSchema) },
    503: { description: "It does not, and why.", content: json(readinessSchema) },
  },
});

const tokens = createRoute({
  method: "post",
  path: "/tokens",
  summary: "Issues a token for this API. Not for tokens of the scope read.",
  request: { body: { required: true, content: json(tokenRequestSchema) } },
  responses: {
    201: { description: "The token.", content: json(issuedTokenSchema) },
    403: failure("The scope does not allow it."),
    422: failure("The request is wrong."),
  },
});

/** @returns the routes, to be mounted at `/`. */
export function siteRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { site } = deps;
  const routes = new OpenAPIHono<ApiEnv>();
  routes.openapi(status, async (c) => c.json(await site.status(), 200));
  routes.openapi(connections, async (c) => c.json({ connections: await site.connections() }, 200));
  routes.openapi(explain, async (c) =>
    c.json(await site.explain(readExplainQuery(new URL(c.req.url).searchParams)), 200),
  );
  routes.openapi(metrics, async (c) => c.body(await site.metrics(), 200, { "Content-Type": METRICS_CONTENT_TYPE }));
  routes.openapi(livez, (c) => c.body("ok", 200, { "Content-Type": "text/plain; charset=utf-8" }));
  routes.openapi(readyz, (c) => {
    const readiness = site.ready();
    return readiness.ready ? c.json(readiness, 200) : c.json(readiness, 503);
  });
  routes.post("/tokens", async (c) => {
    if (c.get("scope") !== "admin") throw new ApiError("Forbidden", "only the scope admin may issue tokens");
    const { scope, ttl } = readTokenRequest(await readObject(c.req.raw));
    return c.json(await deps.tokens.issue(scope, ttl), 201);
  });
  routes.openAPIRegistry.registerPath(tokens);

  const document = lazy(() => openApiDocument(routes, deps.version));
  const page = lazy(() => ({ html: docsPage(document()) }));
  routes.get("/openapi.json", (c) => c.json(document()));
  routes.get("/docs", (c) => c.html(page().html, 200, { "Content-Security-Policy": PAGE_POLICY }));
  return routes;
}

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

function openApiDocument(routes: OpenAPIHono<ApiEnv>, version: string) {
  const document = routes.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "ClusterLink site",
      version,
      description: "Beside these, the site serves the clusterlink.net/v1alpha1 resources as a Kubernetes API does.",
    },
    security: [{ token: [] }],
  });
  document.components = {
    ...document.components,
    securitySchemes: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
  };
  return document;
}

function readTokenRequest(body: object): { scope: "admin" | "read"; ttl: number } {
  const parsed = tokenRequestSchema.safeParse(body);
  if (!parsed.success) {
    const causes = parsed.error.issues.map(({ path, message }) => ({
      reason: "FieldValueInvalid",
      message,
      field: path.join("."),
    }));
    const text = causes.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join(", ");
    throw new ApiError("Invalid", `the token request is invalid: ${text}`, { causes });
  }
  const { scope, ttl = DEFAULT_TTL } = parsed.data;
  if (ttl > MAX_TTL) {
    const message = `Invalid value: ${ttl}: must be at most ${MAX_TTL} seconds`;
    throw new ApiError("Invalid", `ttl: ${message}`, {
      causes: [{ reason: "FieldValueInvalid", message, field: "ttl" }],
    });
  }
  return { scope, ttl };
}
