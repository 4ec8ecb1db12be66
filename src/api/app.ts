/** The control API as one Hono app: the resources as a Kubernetes API, and what the site tells of itself. */
import { type Context, Hono } from "hono";
import { API_VERSION } from "../resources/meta.ts";
import { authenticate } from "./auth.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { CORE_RESOURCES, discoveryRoot, GROUP_DOCUMENT, GROUP_RESOURCES } from "./discovery.ts";
import { lazy } from "./lazy.ts";
import { namespaceRoutes } from "./namespace-routes.ts";
import { chooseRepresentation, encodeBody, parseAccept } from "./negotiate.ts";
import { coreDocument, groupDocument } from "./openapi-kubernetes.ts";
import { OPENAPI_V2_ACCEPTED, OPENAPI_V2_TYPE, openApiV2 } from "./openapi-v2.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { selfReviewRoutes } from "./self-reviews.ts";
import { siteRoutes } from "./site-routes.ts";
import { ApiError, toApiError } from "./status-error.ts";

type ApiContext = Context<ApiEnv>;

/** The version of the Kubernetes API whose conventions this API follows, as `kubectl version` shows it. */
const KUBERNETES = { major: "1", minor: "33", release: "v1.33.0" };

/**
 * Builds the app of one door. Several doors have several apps over the same store.
 * Every refusal is a `metav1.Status`; a defect is logged and answered with 500 without its details.
 */
export function createApi(deps: ApiDeps): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(async (c, next) => {
    await next();
    c.header("Cache-Control", "no-cache, private");
    c.header("X-Content-Type-Options", "nosniff");
  });
  app.use(authenticate(deps));
  app.route("/", siteRoutes(deps));
  const { store } = deps;
  if (store === undefined) app.route("/", routesElsewhere());
  else {
    app.route("/", kubernetesRoutes(deps));
    app.route("/", selfReviewRoutes());
    app.route(`/apis/${API_VERSION}`, resourceRoutes({ ...deps, store }));
  }
  app.notFound((c) => sendStatus(c, new ApiError("NotFound", "the server could not find the requested resource")));
  app.onError((error, c) => {
    const known = toApiError(error);
    if (known !== undefined) return sendStatus(c, known);
    deps.log.error("a request of the control API failed", { method: c.req.method, path: c.req.path, error });
    return sendStatus(c, new ApiError("InternalError", "Internal error; the gateway's log has the details"));
  });
  return app;
}

function sendStatus(c: ApiContext, error: ApiError): Response {
  if (error.code === "Unauthorized") {
    c.header("WWW-Authenticate", 'Bearer realm="clusterlink"');
    c.header("Connection", "close");
  }
  if (error.details.retryAfterSeconds !== undefined) c.header("Retry-After", String(error.details.retryAfterSeconds));
  return c.body(`${JSON.stringify(error.toStatus())}\n`, error.status, { "Content-Type": "application/json" });
}

/** Whoever looks for the resources here is told where they are. */
function routesElsewhere(): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  const message = "the resources of this site are in its Kubernetes cluster; use kubectl and the cluster's kubeconfig";
  for (const path of ["/api/*", "/apis/*", "/openapi/*", "/version"]) {
    routes.all(path, () => {
      throw new ApiError("NotFound", message);
    });
  }
  return routes;
}

function kubernetesRoutes(deps: ApiDeps): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  const accept = (c: ApiContext) => c.req.header("accept");

  for (const root of ["api", "apis"] as const) {
    for (const path of withSlash(`/${root}`)) {
      routes.get(path, (c) => {
        const { body, contentType } = discoveryRoot(root, accept(c));
        return c.body(`${JSON.stringify(body)}\n`, 200, { "Content-Type": contentType, Vary: "Accept" });
      });
    }
  }
  const plain = (path: string, body: object) => routes.get(path, (c) => sendPlain(c, body));
  for (const path of withSlash("/api/v1")) plain(path, CORE_RESOURCES);
  for (const path of withSlash(`/apis/${GROUP_DOCUMENT.name}`)) plain(path, GROUP_DOCUMENT);
  for (const path of withSlash(`/apis/${API_VERSION}`)) plain(path, GROUP_RESOURCES);
  plain("/version", {
    major: KUBERNETES.major,
    minor: KUBERNETES.minor,
    gitVersion: `${KUBERNETES.release}+clusterlink-${deps.version}`,
    gitCommit: "",
    gitTreeState: "",
    buildDate: "",
    goVersion: "",
    compiler: `bun ${Bun.version}`,
    platform: `${process.platform}/${process.arch}`,
  });
  openApiRoutes(routes, deps.version);
  routes.route("/", namespaceRoutes(deps));
  return routes;
}

/** Generated clients (Python, Java, JavaScript) ask for discovery with a slash at the end. */
function withSlash(path: string): [string, string] {
  return [path, `${path}/`];
}

/** Documents that have no other form than JSON. */
function sendPlain(c: ApiContext, body: object): Response {
  const { encoding, contentType } = chooseRepresentation(c.req.header("accept"), { forms: ["object"], yaml: true });
  return c.body(encodeBody(body, encoding), 200, { "Content-Type": contentType });
}

function openApiRoutes(routes: Hono<ApiEnv>, version: string): void {
  const built = {
    "api/v1": lazy(() => hashed(coreDocument(version))),
    [`apis/${API_VERSION}`]: lazy(() => hashed(groupDocument(version))),
  };
  for (const [name, document] of Object.entries(built)) {
    routes.get(`/openapi/v3/${name}`, (c) => {
      chooseRepresentation(c.req.header("accept"), { forms: ["object"], yaml: false });
      const { text, hash } = document();
      return c.body(text, 200, { "Content-Type": "application/json", ETag: `"${hash}"`, Vary: "Accept" });
    });
  }
  routes.get("/openapi/v3", (c) => {
    const paths = Object.entries(built).map(([name, document]) => {
      return [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${document().hash}` }] as const;
    });
    return sendPlain(c, { paths: Object.fromEntries(paths) });
  });
  const v2 = lazy(() => openApiV2(version));
  routes.get("/openapi/v2", (c) => {
    if (!parseAccept(c.req.header("accept")).some(({ type }) => OPENAPI_V2_ACCEPTED.includes(type))) {
      throw new ApiError("NotAcceptable", `OpenAPI v2 is sent as ${OPENAPI_V2_TYPE} only; for JSON read /openapi/v3`);
    }
    return c.body(Uint8Array.from(v2()), 200, { "Content-Type": OPENAPI_V2_TYPE });
  });
}

/** The hash in the URL of a document lets clients keep it for as long as it is the same. */
function hashed(document: object): { text: string; hash: string } {
  const text = JSON.stringify(document);
  return { text, hash: new Bun.CryptoHasher("sha256").update(text).digest("hex") };
}
