/** The resource API without a network: every rule of the Kubernetes API that clients rely on. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createApi, imports, openSite, type TestSite, web } from "./site.ts";

interface Body {
  kind?: string;
  apiVersion?: string;
  code?: number;
  reason?: string;
  message?: string;
  status?: unknown;
  metadata?: {
    name?: string;
    uid?: string;
    resourceVersion?: string;
    continue?: string;
    generation?: number;
    labels?: Record<string, string>;
    managedFields?: { manager: string; operation: string; subresource?: string }[];
  };
  spec?: Record<string, unknown>;
  items?: Body[];
  details?: { name?: string; uid?: string; causes?: { field: string; reason: string; message: string }[] };
  columnDefinitions?: { name: string; priority: number }[];
  rows?: { cells: unknown[]; object?: Body }[];
}

interface Answer {
  code: number;
  headers: Headers;
  text: string;
  body: Body;
}

let site: TestSite;
let app: ReturnType<typeof createApi>;
beforeAll(async () => {
  site = await openSite({ retention: 200 });
  app = createApi(site.deps);
});
afterAll(() => site.close());
beforeEach(async () => {
  await call("DELETE", imports);
});

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await app.request(path, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: text }),
  });
  const answer = await response.text();
  return {
    code: response.status,
    headers: response.headers,
    text: answer,
    body: answer.startsWith("{") ? JSON.parse(answer) : {},
  };
}

const patch = (path: string, body: unknown, type = "application/merge-patch+json") =>
  call("PATCH", path, body, { "content-type": type });
const apply = (body: unknown, manager = "me", more = "") =>
  patch(`${imports}/web?fieldManager=${manager}${more}`, body, "application/apply-patch+yaml");
const fields = ({ body }: Answer) => (body.details?.causes ?? []).map(({ field }) => field).sort();
const create = async (more = {}, metadata = {}) => (await call("POST", imports, web(more, metadata))).body;
const managersOf = ({ metadata }: Body) =>
  (metadata?.managedFields ?? [])
    .map(({ manager, operation, subresource = "" }) => `${manager} ${operation} ${subresource}`.trim())
    .sort();
const names = ({ body }: Answer) => (body.items ?? []).map(({ metadata }) => metadata?.name);

describe("create", () => {
  test("answers 201 with the stored object, its defaults and its creator", async () => {
    const made = await call("POST", `${imports}?fieldManager=me`, web());
    expect(made.code).toBe(201);
    expect(made.body).toMatchObject({
      kind: "Import",
      metadata: {
        name: "web",
        namespace: "default",
        generation: 1,
        managedFields: [{ manager: "me", operation: "Update" }],
      },
      spec: { lbScheme: "round-robin" },
    });
    expect((await call("GET", `${imports}/web`)).body).toEqual(made.body);
  });
  test("takes YAML", async () => {
    const yaml =
      "apiVersion: clusterlink.net/v1alpha1\nkind: Import\nmetadata: {name: web}\nspec: {port: 80, sources: []}\n";
    expect((await call("POST", imports, yaml, { "content-type": "application/yaml" })).code).toBe(201);
  });
  test("takes the one document between the separators of a YAML file", async () => {
    const yaml = `# a file\n---\n${JSON.stringify(web())}\n---\n`;
    expect((await call("POST", imports, yaml, { "content-type": "application/yaml" })).code).toBe(201);
  });
  test("takes the namespace from the URL", async () => {
    expect((await call("POST", imports, web({}, { namespace: undefined }))).body.metadata).toMatchObject({
      namespace: "default",
    });
  });
  test("completes generateName, differently each time", async () => {
    const generated = () => call("POST", imports, web({}, { name: undefined, generateName: "web-" }));
    const [one, two] = [await generated(), await generated()];
    expect(one.body.metadata?.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(two.body.metadata?.name).not.toBe(one.body.metadata?.name);
  });
  test("ignores what only the server sets, and status", async () => {
    const given = { uid: "mine", generation: 7, creationTimestamp: "2001-01-01T00:00:00Z" };
    const { body } = await call("POST", imports, { ...web({}, given), status: { targetPort: 9 } });
    expect(body.metadata?.uid).not.toBe("mine");
    expect(body.metadata?.generation).toBe(1);
    expect(body.status).toBeUndefined();
  });
  test("takes empty labels for none, so that nobody manages them", async () => {
    const { body } = await call("POST", imports, web({}, { labels: {}, annotations: {} }));
    expect(body.metadata).not.toHaveProperty("labels");
    expect(JSON.stringify(body.metadata?.managedFields)).not.toContain("f:metadata");
  });
  test("names every bad field at once, unknown ones too, with 422", async () => {
    const bad = await call("POST", imports, web({ port: 0, bogus: 1, lbScheme: "best" }, { labels: { "a b": "c" } }));
    expect(bad).toMatchObject({
      code: 422,
      body: { kind: "Status", reason: "Invalid", details: { name: "web", kind: "Import" } },
    });
    expect(fields(bad)).toEqual(["metadata.labels[a b]", "spec.bogus", "spec.lbScheme", "spec.port"]);
  });
  test("with fieldValidation=Warn leaves unknown fields out and warns", async () => {
    const made = await call("POST", `${imports}?fieldValidation=Warn`, web({ bogus: 1 }));
    expect(made.code).toBe(201);
    expect(made.body.spec).not.toHaveProperty("bogus");
    expect(made.headers.get("warning")).toContain('299 - "unknown field \\"spec.bogus\\"');
  });
  test("with fieldValidation=Warn warns of fields with any names, and of any number of them", async () => {
    const named = await call("POST", `${imports}?fieldValidation=Warn`, web({ "a\nb": 1, порт: 1 }));
    expect(named.code).toBe(201);
    expect(named.headers.get("warning")).toContain("a\\\\u000ab");
    await call("DELETE", `${imports}/web`);
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`field-${i}`, 1]));
    const warned = await call("POST", `${imports}?fieldValidation=Warn`, web(many));
    expect(warned.code).toBe(201);
    expect(warned.headers.get("warning")?.length).toBeLessThan(8 * 1024);
  });
  test("with fieldValidation=Ignore leaves unknown fields out silently", async () => {
    const made = await call("POST", `${imports}?fieldValidation=Ignore`, web({ bogus: 1 }));
    expect([made.code, made.headers.get("warning")]).toEqual([201, null]);
  });
  test("with dryRun=All judges and stores nothing", async () => {
    const rehearsed = await call("POST", `${imports}?dryRun=All`, web());
    expect([rehearsed.code, rehearsed.body.metadata?.resourceVersion]).toEqual([201, undefined]);
    expect((await call("GET", `${imports}/web`)).code).toBe(404);
    expect((await call("POST", `${imports}?dryRun=All`, web({ port: 0 }))).code).toBe(422);
  });

  const refused: [string, number, string, () => Promise<Answer>][] = [
    ["a name that is taken", 409, "AlreadyExists", () => create().then(() => call("POST", imports, web()))],
    [
      "another namespace than the URL's",
      400,
      "BadRequest",
      () => call("POST", imports, web({}, { namespace: "other" })),
    ],
    ["another kind than the URL's", 400, "BadRequest", () => call("POST", imports, { ...web(), kind: "Export" })],
    ["another version than the URL's", 400, "BadRequest", () => call("POST", imports, { ...web(), apiVersion: "v1" })],
    ["a resourceVersion", 400, "BadRequest", () => call("POST", imports, web({}, { resourceVersion: "1" }))],
    ["an object without a name", 422, "Invalid", () => call("POST", imports, web({}, { name: undefined }))],
    ["broken JSON", 400, "BadRequest", () => call("POST", imports, "{")],
    ["a list", 400, "BadRequest", () => call("POST", imports, "[]")],
    [
      "several YAML documents",
      400,
      "BadRequest",
      () => call("POST", imports, "a: 1\n---\nb: 1\n", { "content-type": "application/yaml" }),
    ],
    [
      "an unknown media type",
      415,
      "UnsupportedMediaType",
      () => call("POST", imports, "x", { "content-type": "application/vnd.kubernetes.protobuf" }),
    ],
    [
      "a compressed body",
      415,
      "UnsupportedMediaType",
      () => call("POST", imports, web(), { "content-encoding": "gzip" }),
    ],
    [
      "two documents",
      400,
      "BadRequest",
      () => call("POST", imports, "a: 1\n---\nb: 2", { "content-type": "application/yaml" }),
    ],
    ["more than a mebibyte", 413, "RequestEntityTooLarge", () => call("POST", imports, " ".repeat(1024 * 1024 + 1))],
    ["an unknown parameter", 422, "Invalid", () => call("POST", `${imports}?dryrun=All`, web())],
    ["an unknown dryRun", 422, "Invalid", () => call("POST", `${imports}?dryRun=Some`, web())],
    ["force outside apply", 422, "Invalid", () => call("POST", `${imports}?force=true`, web())],
    [
      "a form that it cannot send",
      406,
      "NotAcceptable",
      () => call("POST", imports, web(), { accept: "application/vnd.kubernetes.protobuf" }),
    ],
  ];
  test.each(refused)("refuses %s with %d %s", async (_rule, code, reason, run) => {
    expect(await run()).toMatchObject({ code, body: { kind: "Status", status: "Failure", reason, code } });
  });
  test("a refused form leaves nothing behind", async () => {
    await call("POST", imports, web(), { accept: "text/html" });
    expect((await call("GET", `${imports}/web`)).code).toBe(404);
  });
});

describe("update", () => {
  test("replaces spec and metadata, raises the generation, keeps identity and status", async () => {
    const made = await create();
    await patch(`${imports}/web/status`, { status: { targetPort: 9000 } });
    const live = (await call("GET", `${imports}/web`)).body;
    const next = { ...live, spec: { ...live.spec, port: 81 }, status: undefined };
    const updated = await call("PUT", `${imports}/web`, next);
    expect(updated).toMatchObject({ code: 200, body: { spec: { port: 81 }, status: { targetPort: 9000 } } });
    expect(updated.body.metadata).toMatchObject({ uid: made.metadata?.uid, generation: 2 });
  });
  test("that changes nothing writes nothing", async () => {
    const made = await create();
    expect((await call("PUT", `${imports}/web`, made)).body.metadata?.resourceVersion).toBe(
      made.metadata?.resourceVersion,
    );
  });

  const refused: [string, number, string, () => Promise<Answer>][] = [
    [
      "a stale resourceVersion",
      409,
      "Conflict",
      async () => {
        const made = await create();
        await patch(`${imports}/web`, { spec: { port: 99 } });
        return call("PUT", `${imports}/web`, made);
      },
    ],
    ["no resourceVersion", 422, "Invalid", () => create().then(() => call("PUT", `${imports}/web`, web()))],
    [
      "another uid",
      409,
      "Conflict",
      async () => {
        const made = await create();
        return call("PUT", `${imports}/web`, { ...made, metadata: { ...made.metadata, uid: "other" } });
      },
    ],
    ["another name than the URL's", 400, "BadRequest", async () => call("PUT", `${imports}/other`, await create())],
    ["an object that is not there", 404, "NotFound", () => call("PUT", `${imports}/web`, web())],
  ];
  test.each(refused)("refuses %s with %d %s", async (_rule, code, reason, run) => {
    expect(await run()).toMatchObject({ code, body: { reason } });
  });
});

describe("patch", () => {
  test("as a merge patch changes what it names", async () => {
    await create();
    expect((await patch(`${imports}/web`, { spec: { port: 81 } })).body.spec).toMatchObject({
      port: 81,
      lbScheme: "round-robin",
    });
  });
  test("as a JSON patch", async () => {
    await create();
    const operations = [
      { op: "replace", path: "/spec/port", value: 82 },
      { op: "add", path: "/metadata/labels", value: { a: "b" } },
    ];
    const { body } = await patch(`${imports}/web`, operations, "application/json-patch+json");
    expect(body).toMatchObject({ spec: { port: 82 }, metadata: { labels: { a: "b" } } });
  });
  test("patches at the same time all get in", async () => {
    await create();
    const all = Array.from({ length: 6 }, (_, i) =>
      patch(`${imports}/web`, { metadata: { labels: { [`l${i}`]: "x" } } }),
    );
    expect((await Promise.all(all)).map(({ code }) => code)).toEqual(Array(6).fill(200));
    expect(Object.keys((await call("GET", `${imports}/web`)).body.metadata?.labels ?? {})).toHaveLength(6);
  });
  test("with dryRun=All shows the outcome under the version that is stored", async () => {
    const { metadata } = await create();
    const { body } = await patch(`${imports}/web?dryRun=All`, { spec: { port: 81 } });
    expect(body).toMatchObject({
      spec: { port: 81 },
      metadata: { generation: 2, resourceVersion: metadata?.resourceVersion },
    });
  });
  test("of the status changes nothing else, and the other way round", async () => {
    await create();
    const status = await patch(`${imports}/web/status`, { spec: { port: 1 }, status: { targetPort: 9000 } });
    expect(status.body).toMatchObject({
      spec: { port: 80 },
      status: { targetPort: 9000 },
      metadata: { generation: 1 },
    });
    const main = await patch(`${imports}/web`, { spec: { port: 81 }, status: { targetPort: 1 } });
    expect(main.body).toMatchObject({ spec: { port: 81 }, status: { targetPort: 9000 } });
  });

  const refused: [string, number, string, () => Promise<Answer>][] = [
    [
      "a strategic merge patch",
      415,
      "UnsupportedMediaType",
      () => patch(`${imports}/web`, {}, "application/strategic-merge-patch+json"),
    ],
    [
      "a type that every object inherits as a property",
      415,
      "UnsupportedMediaType",
      () => patch(`${imports}/web`, { spec: { port: 81 } }, "constructor"),
    ],
    ["a new name", 422, "Invalid", () => patch(`${imports}/web`, { metadata: { name: "other" } })],
    ["a bad value", 422, "Invalid", () => patch(`${imports}/web`, { spec: { port: 0 } })],
    [
      "a failed test",
      422,
      "Invalid",
      () => patch(`${imports}/web`, [{ op: "test", path: "/spec/port", value: 1 }], "application/json-patch+json"),
    ],
    ["a JSON patch that is none", 400, "BadRequest", () => patch(`${imports}/web`, {}, "application/json-patch+json")],
    [
      "a stale resourceVersion",
      409,
      "Conflict",
      () => patch(`${imports}/web`, { metadata: { resourceVersion: "1" }, spec: { port: 5 } }),
    ],
    ["an object that is not there", 404, "NotFound", () => patch(`${imports}/nobody`, { spec: {} })],
  ];
  test.each(refused)("refuses %s with %d %s", async (_rule, code, reason, run) => {
    await create();
    expect(await run()).toMatchObject({ code, body: { reason } });
  });
});

describe("server-side apply", () => {
  test("of the status keeps who applied it, apart from the spec, and refuses another's value", async () => {
    const applyStatus = (manager: string, targetPort: number, more = "") =>
      patch(
        `${imports}/web/status?fieldManager=${manager}${more}`,
        { ...web(), spec: undefined, status: { targetPort } },
        "application/apply-patch+yaml",
      );
    await apply(web());
    const { body } = await applyStatus("agent", 9000);
    expect(body.status).toEqual({ targetPort: 9000 });
    expect(managersOf((await call("GET", `${imports}/web`)).body)).toEqual(["agent Apply status", "me Apply"]);
    expect(await applyStatus("other", 9001)).toMatchObject({ code: 409, body: { reason: "Conflict" } });
    const forced = await applyStatus("other", 9001, "&force=true");
    expect([forced.code, managersOf(forced.body)]).toEqual([200, ["me Apply", "other Apply status"]]);
  });
  test("by many at once of an object that is not there yet: one creates it, the others join in", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, (_, i) => apply(web(), `manager-${i}`)));
    expect(all.map(({ code }) => code).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    const { body } = await call("GET", `${imports}/web`);
    expect(managersOf(body)).toEqual(Array.from({ length: 6 }, (_, i) => `manager-${i} Apply`));
  });
  test("creates with 201, then changes with 200", async () => {
    expect((await apply(web())).code).toBe(201);
    expect(await apply(web({ port: 81 }))).toMatchObject({ code: 200, body: { spec: { port: 81 } } });
  });
  test("takes YAML", async () => {
    const yaml =
      "apiVersion: clusterlink.net/v1alpha1\nkind: Import\nmetadata: {name: web}\nspec: {port: 80, sources: []}\n";
    expect((await apply(yaml)).code).toBe(201);
  });
  test("that changes nothing writes nothing", async () => {
    const first = await apply(web());
    expect((await apply(web())).body.metadata?.resourceVersion).toBe(first.body.metadata?.resourceVersion);
  });
  test("removes what is applied no longer", async () => {
    await apply(web({ targetPort: 9000 }, { labels: { a: "b" } }));
    const { body } = await apply(web());
    expect(body.spec).not.toHaveProperty("targetPort");
    expect(body.metadata).not.toHaveProperty("labels");
  });
  test("conflicts with who created, naming manager and field", async () => {
    await call("POST", `${imports}?fieldManager=kubectl-create`, web());
    const conflict = await apply(web({ port: 81 }));
    expect(conflict).toMatchObject({ code: 409, body: { reason: "Conflict" } });
    expect(conflict.body.details?.causes).toEqual([
      {
        reason: "FieldManagerConflict",
        message: 'conflict with "kubectl-create" using clusterlink.net/v1alpha1',
        field: ".spec.port",
      },
    ]);
    expect((await apply(web({ port: 81 }), "me", "&force=true")).body.spec).toMatchObject({ port: 81 });
  });
  test("two managers of different fields live side by side", async () => {
    await apply(web());
    const { sources: _, ...spec } = web().spec;
    const other = await apply({ ...web(), spec: { lbScheme: "random" } }, "other");
    expect(other.body.spec).toMatchObject({ ...spec, lbScheme: "random" });
    expect((await apply(web({ port: 82 }))).body.spec).toMatchObject({ port: 82, lbScheme: "random" });
  });
  test("with dryRun=All stores nothing", async () => {
    expect((await apply(web(), "me", "&dryRun=All")).code).toBe(201);
    expect((await call("GET", `${imports}/web`)).code).toBe(404);
  });

  const refused: [string, number, string, () => Promise<Answer>][] = [
    ["no fieldManager", 422, "Invalid", () => patch(`${imports}/web`, web(), "application/apply-patch+yaml")],
    ["managedFields in the configuration", 400, "BadRequest", () => apply(web({}, { managedFields: [] }))],
    ["another name than the URL's", 400, "BadRequest", () => apply(web({}, { name: "other" }))],
    ["an unknown field", 422, "Invalid", () => apply(web({ bogus: 1 }))],
    ["a uid of an object that is not there", 409, "Conflict", () => apply(web({}, { uid: "x" }))],
  ];
  test.each(refused)("refuses %s with %d %s", async (_rule, code, reason, run) => {
    expect(await run()).toMatchObject({ code, body: { reason } });
  });
});

describe("delete", () => {
  test("answers Success with what was deleted", async () => {
    const made = await create();
    expect(await call("DELETE", `${imports}/web`)).toMatchObject({
      code: 200,
      body: { kind: "Status", status: "Success", details: { name: "web", kind: "imports", uid: made.metadata?.uid } },
    });
    expect(await call("DELETE", `${imports}/web`)).toMatchObject({ code: 404, body: { reason: "NotFound" } });
  });
  test("of a wrong uid or version is a conflict", async () => {
    await create();
    for (const preconditions of [{ uid: "other" }, { resourceVersion: "1" }]) {
      expect((await call("DELETE", `${imports}/web`, { kind: "DeleteOptions", preconditions })).code).toBe(409);
    }
  });
  test("with dryRun=All, in the query or in the body, deletes nothing", async () => {
    await create();
    expect((await call("DELETE", `${imports}/web?dryRun=All`)).code).toBe(200);
    expect((await call("DELETE", `${imports}/web`, { dryRun: ["All"] })).code).toBe(200);
    expect((await call("GET", `${imports}/web`)).code).toBe(200);
  });
  test("of an object with finalizers marks it, and the last finalizer's removal removes it", async () => {
    await create({}, { finalizers: ["example.com/hold"] });
    const marked = await call("DELETE", `${imports}/web`);
    expect(marked.body).toMatchObject({ kind: "Import", metadata: { deletionTimestamp: expect.any(String) } });
    await patch(`${imports}/web`, { metadata: { finalizers: null } });
    expect((await call("GET", `${imports}/web`)).code).toBe(404);
  });
  test("of a collection deletes what is selected, and nothing with a misspelt selector", async () => {
    await create({}, { labels: { keep: "no" } });
    await create({}, { name: "other" });
    expect((await call("DELETE", `${imports}?labelselector=keep`)).code).toBe(422);
    expect(names(await call("DELETE", `${imports}?labelSelector=keep%3Dno`))).toEqual(["web"]);
    expect(names(await call("GET", imports))).toEqual(["other"]);
  });
});

describe("list", () => {
  const everywhere = "/apis/clusterlink.net/v1alpha1/imports";
  beforeEach(async () => {
    await call("DELETE", imports.replace("default", "far"));
    await create({}, { name: "a", labels: { tier: "front" } });
    await create({}, { name: "b" });
    await call("POST", imports.replace("default", "far"), web({}, { name: "c", namespace: "far" }));
  });
  const cases: [string, string, string[]][] = [
    ["of a namespace", imports, ["a", "b"]],
    ["of all namespaces", everywhere, ["a", "b", "c"]],
    ["by label", `${everywhere}?labelSelector=tier+in+(front)`, ["a"]],
    ["by name", `${everywhere}?fieldSelector=metadata.name%3Db`, ["b"]],
    ["at any version", `${imports}?resourceVersion=0`, ["a", "b"]],
  ];
  test.each(cases)("%s", async (_rule, path, wanted) => {
    expect(names(await call("GET", path))).toEqual(wanted);
  });
  test("in pages that are read at one version", async () => {
    const first = await call("GET", `${everywhere}?limit=2`);
    expect(names(first)).toEqual(["a", "b"]);
    await create({}, { name: "d" });
    const second = await call("GET", `${everywhere}?limit=2&continue=${first.body.metadata?.continue}`);
    expect(names(second)).toEqual(["c"]);
    expect(second.body.metadata?.resourceVersion).toBe(first.body.metadata?.resourceVersion);
  });
  test("at an exact version", async () => {
    const then = (await call("GET", imports)).body.metadata?.resourceVersion;
    await create({}, { name: "d" });
    expect(names(await call("GET", `${imports}?resourceVersion=${then}&resourceVersionMatch=Exact`))).toEqual([
      "a",
      "b",
    ]);
    expect(names(await call("GET", `${imports}?resourceVersion=${then}&resourceVersionMatch=NotOlderThan`))).toContain(
      "d",
    );
  });
  test("of a later version than there is says that it is too large, with 504", async () => {
    for (const path of [
      `${imports}?resourceVersion=9999999999999999`,
      `${imports}/a?resourceVersion=9999999999999999`,
    ]) {
      expect(await call("GET", path)).toMatchObject({
        code: 504,
        body: { reason: "Timeout", details: { causes: [{ reason: "ResourceVersionTooLarge" }] } },
      });
    }
  });
  test("of a version that is no longer retained is 410", async () => {
    expect(await call("GET", `${imports}?resourceVersion=1&resourceVersionMatch=Exact`)).toMatchObject({
      code: 410,
      body: { reason: "Expired" },
    });
  });

  const refused = [
    "labelSelector=%2C%2C",
    "fieldSelector=spec.port%3D80",
    "limit=-1",
    "limit=x",
    "continue=nonsense",
    "resourceVersion=abc",
    "resourceVersionMatch=Exact",
    "resourceVersion=5&resourceVersionMatch=Newest",
    "resourceVersion=0&resourceVersionMatch=Exact",
    "sendInitialEvents=true",
    "watch=true&limit=3",
    "watch=true&resourceVersionMatch=NotOlderThan",
    "watch=true&sendInitialEvents=true",
    "watch=true&labelSelector=%2C%2C",
    "includeObject=Some",
    "unheardOf=1",
  ];
  test.each(refused)("?%s is refused with 422", async (query) => {
    expect(await call("GET", `${imports}?${query}`)).toMatchObject({ code: 422, body: { reason: "Invalid" } });
  });
});

describe("forms", () => {
  const table = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
  test("a Table has the kind's columns, the wide ones with a priority", async () => {
    await create();
    const { body } = await call("GET", imports, undefined, table);
    expect(body.kind).toBe("Table");
    const columns = body.columnDefinitions ?? [];
    expect(columns.map(({ name }) => name)).toEqual([
      "Name",
      "Port",
      "Peers",
      "Valid",
      "Service",
      "Target",
      "Scheme",
      "Age",
    ]);
    expect(columns.filter(({ priority }) => priority > 0).map(({ name }) => name)).toEqual([
      "Service",
      "Target",
      "Scheme",
    ]);
    expect(body.rows?.[0]?.cells).toEqual([
      "web",
      80,
      "west",
      null,
      null,
      null,
      "round-robin",
      expect.stringMatching(/^\ds$/),
    ]);
    expect(body.rows?.[0]?.object).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "web" } });
  });
  test("a Table of one object, with the object whole or without it", async () => {
    await create();
    expect(
      (await call("GET", `${imports}/web?includeObject=Object`, undefined, table)).body.rows?.[0]?.object?.kind,
    ).toBe("Import");
    expect(
      (await call("GET", `${imports}/web?includeObject=None`, undefined, table)).body.rows?.[0],
    ).not.toHaveProperty("object");
  });
  test("PartialObjectMetadata, of one and of a list", async () => {
    await create();
    const one = { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" };
    expect((await call("GET", `${imports}/web`, undefined, one)).body).not.toHaveProperty("spec");
    const list = { accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" };
    expect((await call("GET", imports, undefined, list)).body).toMatchObject({
      kind: "PartialObjectMetadataList",
      items: [{ metadata: { name: "web" } }],
    });
  });
  test("YAML", async () => {
    await create();
    const { text, headers } = await call("GET", `${imports}/web`, undefined, { accept: "application/yaml" });
    expect(headers.get("content-type")).toBe("application/yaml");
    expect(Bun.YAML.parse(text)).toEqual((await call("GET", `${imports}/web`)).body);
  });
  test("the client's preference counts", async () => {
    await create();
    const { headers } = await call("GET", `${imports}/web`, undefined, {
      accept: "application/json;q=0.5, application/yaml",
    });
    expect(headers.get("content-type")).toBe("application/yaml");
  });
  test.each(["application/vnd.kubernetes.protobuf", "application/json;as=Table;v=v9;g=meta.k8s.io", "text/html"])(
    "%s is 406",
    async (accept) => {
      expect(await call("GET", imports, undefined, { accept })).toMatchObject({
        code: 406,
        body: { reason: "NotAcceptable" },
      });
    },
  );
});

describe("URLs", () => {
  test.each([
    ["POST", "/apis/clusterlink.net/v1alpha1/imports", "GET"],
    ["PUT", imports, "GET, POST, DELETE"],
    ["POST", `${imports}/web`, "GET, PUT, PATCH, DELETE"],
    ["DELETE", `${imports}/web/status`, "GET, PUT, PATCH"],
    ["DELETE", "/api/v1/namespaces", "GET, POST"],
    ["DELETE", "/api/v1/namespaces/default", "GET, PATCH"],
  ])("%s %s is 405 and names what is allowed: %s", async (method, path, allowed) => {
    const answer = await call(method, path);
    expect(answer).toMatchObject({ code: 405, body: { reason: "MethodNotAllowed" } });
    expect(answer.headers.get("allow")).toBe(allowed);
  });
  test.each([
    "/nothing",
    "/apis/clusterlink.net/v1alpha1/nothing",
    "/apis/clusterlink.net/v1",
    "/api/v1/namespaces/default/pods",
  ])("%s is 404 with a Status", async (path) => {
    expect(await call("GET", path)).toMatchObject({ code: 404, body: { kind: "Status", reason: "NotFound" } });
  });
  test.each(["/api/", "/api/v1/", "/apis/", "/apis/clusterlink.net/", "/apis/clusterlink.net/v1alpha1/"])(
    "discovery at %s is that without the slash",
    async (path) => {
      const [plain, slashed] = [await call("GET", path.slice(0, -1)), await call("GET", path)];
      expect([slashed.code, slashed.body]).toEqual([200, plain.body]);
    },
  );
  test("of a collection with a slash at the end, which names no object, is 404", async () => {
    await create();
    expect((await call("DELETE", `${imports}/`)).code).toBe(404);
    expect((await call("GET", `${imports}/web`)).code).toBe(200);
  });
  test("cluster-scoped kinds have no namespace", async () => {
    const policies = "/apis/clusterlink.net/v1alpha1/privilegedaccesspolicies";
    const policy = {
      apiVersion: "clusterlink.net/v1alpha1",
      kind: "PrivilegedAccessPolicy",
      metadata: { name: "all" },
      spec: { action: "allow", from: [{ workloadSelector: {} }], to: [{ workloadSelector: {} }] },
    };
    expect((await call("POST", policies, policy)).code).toBe(201);
    expect((await call("GET", `${policies}/all`)).code).toBe(200);
    expect((await call("GET", policies.replace("/privileged", "/namespaces/default/privileged"))).code).toBe(404);
  });
});

describe("namespaces", () => {
  const namespace = (name: unknown) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const note = /nothing of it is stored/;
  test("can be created, with a note that this does nothing", async () => {
    const made = await call("POST", "/api/v1/namespaces", namespace("far-away"));
    expect(made).toMatchObject({ code: 201, body: { kind: "Namespace", metadata: { name: "far-away" } } });
    expect(made.headers.get("warning")).toMatch(note);
    expect((await call("GET", "/api/v1/namespaces/far-away")).code).toBe(404);
  });
  const path = "/api/v1/namespaces/default";
  test.each([
    ["server-side, of one that is there", path, "application/apply-patch+yaml", "?fieldManager=me", 200],
    ["server-side, of another", "/api/v1/namespaces/nowhere", "application/apply-patch+yaml", "?fieldManager=me", 201],
    ["by a strategic merge patch", path, "application/strategic-merge-patch+json", "", 200],
    [
      "by a strategic merge patch, of another",
      "/api/v1/namespaces/nowhere",
      "application/strategic-merge-patch+json",
      "",
      404,
    ],
    ["by a merge patch, which would set a label", path, "application/merge-patch+json", "", 405],
    [
      "server-side under another name",
      path.replace("default", "x"),
      "application/apply-patch+yaml",
      "?fieldManager=me",
      400,
    ],
  ])("can be applied %s", async (rule, at, type, query, code) => {
    const name = rule.includes("another name") ? "y" : at.split("/").at(-1);
    expect((await patch(at + query, namespace(name), type)).code).toBe(code);
  });
  test.each([
    ["one that is there", namespace("default"), 409],
    ["one with a bad name", namespace("A b"), 422],
    ["one without a name", namespace(undefined), 422],
    ["another kind", web(), 400],
  ])("creating %s is refused", async (_rule, body, code) => {
    expect((await call("POST", "/api/v1/namespaces", body)).code).toBe(code);
  });
  test("are those that objects name, default and the gateway's own", async () => {
    await call("POST", imports.replace("default", "far"), web({}, { namespace: "far" }));
    expect(names(await call("GET", "/api/v1/namespaces"))).toEqual(["clusterlink-system", "default", "far"]);
    expect((await call("GET", "/api/v1/namespaces/far")).body).toMatchObject({
      kind: "Namespace",
      status: { phase: "Active" },
    });
    expect(await call("GET", "/api/v1/namespaces/nowhere")).toMatchObject({ code: 404, body: { reason: "NotFound" } });
  });
  test("are selected and listed in pages", async () => {
    const first = await call("GET", "/api/v1/namespaces?limit=1");
    expect(names(first)).toEqual(["clusterlink-system"]);
    const rest = await call("GET", `/api/v1/namespaces?continue=${first.body.metadata?.continue}`);
    expect(names(rest)).not.toContain("clusterlink-system");
    expect(names(await call("GET", "/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault"))).toEqual(["default"]);
  });
});
