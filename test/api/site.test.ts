/** What is not Kubernetes': status, explain, tokens, health, documents, and who may do what. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTokens } from "../../src/api/tokens.ts";
import { createApi, imports, openSite, STATUS, type TestSite, web } from "./site.ts";

let site: TestSite;
let open: ReturnType<typeof createApi>;
let guarded: ReturnType<typeof createApi>;
let admin: string;
let read: string;
beforeAll(async () => {
  site = await openSite();
  open = createApi(site.deps);
  guarded = createApi({ ...site.deps, auth: "token" });
  admin = (await site.deps.tokens.issue("admin", 60)).token;
  read = (await site.deps.tokens.issue("read", 60)).token;
});
afterAll(() => site.close());

const as = (token: string) => ({ authorization: `Bearer ${token}` });
const post = (body: unknown, headers: Record<string, string> = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

describe("the site tells", () => {
  test("its status", async () => {
    expect(await (await open.request("/status")).json()).toEqual(STATUS);
  });
  test("its connections", async () => {
    expect(await (await open.request("/connections")).json()).toMatchObject({
      connections: [{ id: "c1", peer: "west" }],
    });
  });
  test("its metrics in the Prometheus format", async () => {
    const answer = await open.request("/metrics");
    expect([answer.headers.get("content-type"), await answer.text()]).toEqual([
      "text/plain; version=0.0.4; charset=utf-8",
      "clusterlink_up 1\n",
    ]);
  });
  test("that it lives and is ready", async () => {
    expect(await (await open.request("/livez")).text()).toBe("ok");
    expect((await open.request("/readyz")).status).toBe(200);
  });
  test("why it is not ready, with 503", async () => {
    const ready = () => ({ ready: false, reasons: ["no relay is up"] });
    const answer = await createApi({ ...site.deps, site: { ...site.deps.site, ready } }).request("/readyz");
    expect([answer.status, await answer.json()]).toEqual([503, { ready: false, reasons: ["no relay is up"] }]);
  });
  test("what it can do, as a page without script or foreign parts", async () => {
    const page = await (await open.request("/docs")).text();
    expect(page).toContain("/explain");
    expect(page).not.toMatch(/<script|https?:\/\/(?!json-schema)/);
  });
  test("what it can do, as an OpenAPI document with every endpoint", async () => {
    const document = (await (await open.request("/openapi.json")).json()) as {
      paths: object;
      components: { schemas: object };
    };
    expect(Object.keys(document.paths).sort()).toEqual([
      "/connections",
      "/explain",
      "/livez",
      "/metrics",
      "/readyz",
      "/status",
      "/tokens",
    ]);
    expect(Object.keys(document.components.schemas)).toContain("SiteStatus");
  });
});

describe("explain", () => {
  test.each([
    ["import=default/web&client=10.0.0.1", { side: "client", import: "default/web", client: { address: "10.0.0.1" } }],
    ["import=default/web", { side: "client", import: "default/web", client: { attributes: {} } }],
    [
      "import=default/web&attribute=a%3Db&attribute=c%3Dd%3De",
      { side: "client", import: "default/web", client: { attributes: { a: "b", c: "d=e" } } },
    ],
    [
      "export=default/web&peer=west",
      { side: "server", export: "default/web", peer: "west", client: { attributes: {} } },
    ],
  ])("reads %s", async (query, wanted) => {
    const { summary } = (await (await open.request(`/explain?${query}`)).json()) as { summary: string };
    expect(JSON.parse(summary)).toEqual(wanted);
  });
  test.each([
    "",
    "import=web",
    "import=a/b/c",
    "export=default/web",
    "import=a/b&export=a/b&peer=p",
    "import=a/b&client=x&attribute=a%3Db",
    "import=a/b&attribute=a",
    "import=a/b&who=me",
  ])("refuses '%s' with 422", async (query) => {
    expect((await open.request(`/explain?${query}`)).status).toBe(422);
  });
  test("of what is not there is 404", async () => {
    const answer = await open.request("/explain?import=default/missing");
    expect([answer.status, await answer.json()]).toMatchObject([
      404,
      { kind: "Status", message: 'Import "default/missing" is not there' },
    ]);
  });
});

describe("a door that needs tokens", () => {
  const ownKey = createTokens(new Uint8Array(32).fill(2));
  const unauthorized: [string, () => Promise<Record<string, string>>][] = [
    ["without a token", async () => ({})],
    ["with another scheme", async () => ({ authorization: `Basic ${btoa("a:b")}` })],
    ["with a token of another site", async () => as((await ownKey.issue("admin", 60)).token)],
    [
      "with an expired token",
      async () => as((await createTokens(new Uint8Array(32).fill(1), () => 0).issue("admin", 60)).token),
    ],
    ["with half a token", async () => as(admin.slice(0, -10))],
  ];
  test.each(unauthorized)("answers 401 %s, whatever the path, and closes", async (_rule, headers) => {
    for (const path of ["/status", "/livez", "/apis", imports, "/nowhere", "/docs"]) {
      const answer = await guarded.request(path, { headers: await headers() });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="clusterlink"');
      expect(answer.headers.get("connection")).toBe("close");
      expect(await answer.json()).toMatchObject({ kind: "Status", reason: "Unauthorized", code: 401 });
    }
  });
  test("lets the scope admin do everything", async () => {
    expect((await guarded.request(imports, post(web(), as(admin)))).status).toBe(201);
    expect((await guarded.request("/tokens", post({ scope: "read" }, as(admin)))).status).toBe(201);
  });
  test.each(["/status", "/explain?import=default/web", imports, "/apis", "/metrics"])(
    "lets the scope read get %s",
    async (path) => {
      expect((await guarded.request(path, { headers: as(read) })).status).toBe(200);
    },
  );
  test.each([
    ["POST", imports],
    ["PUT", `${imports}/web`],
    ["PATCH", `${imports}/web`],
    ["DELETE", `${imports}/web`],
    ["DELETE", imports],
    ["POST", "/tokens"],
  ])("forbids the scope read to %s %s", async (method, path) => {
    const answer = await guarded.request(path, { ...post({ scope: "read" }, as(read)), method });
    expect([answer.status, await answer.json()]).toMatchObject([403, { kind: "Status", reason: "Forbidden" }]);
  });
});

describe("issuing tokens", () => {
  test("gives one that works, for as long as was asked", async () => {
    const answer = await open.request("/tokens", post({ scope: "read", ttl: 100 }));
    const { token, scope, expiresAt } = (await answer.json()) as { token: string; scope: string; expiresAt: string };
    expect([answer.status, scope]).toEqual([201, "read"]);
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 100_000)).toBeLessThan(5_000);
    expect((await guarded.request("/status", { headers: as(token) })).status).toBe(200);
  });
  test.each([
    {},
    { scope: "root" },
    { scope: "read", ttl: 0 },
    { scope: "read", ttl: 1e12 },
    { scope: "read", extra: 1 },
  ])("refuses %j with 422", async (body) => {
    expect((await open.request("/tokens", post(body))).status).toBe(422);
  });
});

describe("a defect", () => {
  test("is logged and answered with 500, without its details", async () => {
    const status = () => Promise.reject(new Error("the secret is 42"));
    const answer = await createApi({ ...site.deps, site: { ...site.deps.site, status } }).request("/status");
    const text = await answer.text();
    expect([answer.status, text.includes("secret")]).toEqual([500, false]);
    expect(site.logged.join("")).toContain("the secret is 42");
  });
});

describe("discovery", () => {
  const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  test.each([
    ["/api", undefined, "APIVersions"],
    ["/apis", undefined, "APIGroupList"],
    ["/api/v1", undefined, "APIResourceList"],
    ["/apis/clusterlink.net", undefined, "APIGroup"],
    ["/apis/clusterlink.net/v1alpha1", undefined, "APIResourceList"],
    ["/apis", aggregated, "APIGroupDiscoveryList"],
    ["/api", aggregated.replace("v2", "v2beta1"), "APIGroupDiscoveryList"],
    ["/apis", aggregated.replace("v2", "v3"), "APIGroupList"],
  ])("%s for %s is an %s", async (path, accept, kind) => {
    const answer = await open.request(path, accept === undefined ? {} : { headers: { accept } });
    expect(await answer.json()).toMatchObject({ kind });
  });
  test("OpenAPI v2 comes in protobuf, as older kubectls read it", async () => {
    const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    const answer = await open.request("/openapi/v2", { headers: { accept } });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, accept.replace("@", ".")]);
    expect(Buffer.from(await answer.arrayBuffer()).subarray(0, 5)).toEqual(Buffer.from("\x0a\x032.0"));
  });
  test("OpenAPI v2 in JSON and v3 in protobuf are 406", async () => {
    expect((await open.request("/openapi/v2")).status).toBe(406);
    expect(
      (
        await open.request("/openapi/v3/api/v1", {
          headers: { accept: "application/com.github.proto-openapi.spec.v3@v1.0+protobuf" },
        })
      ).status,
    ).toBe(406);
  });
  test("OpenAPI v3 names the parameters of every kind's patch, and every reference in it leads somewhere", async () => {
    const { paths } = (await (await open.request("/openapi/v3")).json()) as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    for (const { serverRelativeURL } of Object.values(paths)) {
      const document = (await (await open.request(serverRelativeURL)).json()) as {
        components: { schemas: Record<string, object> };
      };
      for (const [, name = ""] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
        expect(Object.keys(document.components.schemas)).toContain(name);
      }
    }
    const group = (await (await open.request("/openapi/v3/apis/clusterlink.net/v1alpha1")).json()) as {
      paths: Record<
        string,
        { patch?: { parameters: { name: string }[]; "x-kubernetes-group-version-kind": { kind: string } } }
      >;
    };
    const patches = Object.values(group.paths).flatMap(({ patch }) => (patch === undefined ? [] : [patch]));
    expect(new Set(patches.map((patch) => patch["x-kubernetes-group-version-kind"].kind)).size).toBe(6);
    for (const { parameters } of patches) {
      expect(parameters.map(({ name }) => name).sort()).toEqual(["dryRun", "fieldManager", "fieldValidation", "force"]);
    }
  });
});
