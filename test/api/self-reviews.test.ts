/** What a client may ask about itself, by kubectl and over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readProtobuf } from "../../src/api/protobuf-body.ts";
import { ApiError } from "../../src/api/status-error.ts";
import { requires } from "../requires.ts";
import { type KubectlSite, openKubectlSite } from "./kubectl.ts";
import { createApi, imports, openSite, type TestSite } from "./site.ts";

const kubectl = requires("kubectl");

// These tests are of what a stock kubectl says: without it there is nothing to try.
describe.skipIf(kubectl.skip)(`kubectl ${kubectl.reason}`, () => {
  let site: KubectlSite;
  let tokens: { admin: string; read: string };
  beforeAll(async () => {
    site = await openKubectlSite();
    const issue = async (scope: "admin" | "read") => (await site.deps.tokens.issue(scope, 600)).token;
    tokens = { admin: await issue("admin"), read: await issue("read") };
  });
  afterAll(() => site.close());
  const run = (scope: "admin" | "read", args: string) =>
    site.kubectl([`--token=${tokens[scope]}`, ...args.split(" ")], undefined);

  test.each(["admin", "read"] as const)("auth whoami names the scope %s", async (scope) => {
    expect((await run(scope, "auth whoami")).out).toMatch(new RegExp(`Username +clusterlink:${scope}\\n`));
  });
  test.each([
    ["admin", "create imports", "yes"],
    ["admin", "* *", "yes"],
    ["read", "get imports", "yes"],
    ["read", "watch imports --all-namespaces", "yes"],
    ["read", "get /status", "yes"],
    ["read", "create imports", "no - the token has the scope read"],
    ["read", "deletecollection imports", "no - the token has the scope read"],
    ["read", "* *", "no - the token has the scope read"],
    ["read", "post /tokens", "no - the token has the scope read"],
  ] as const)("auth can-i with the scope %s: %s? %s", async (scope, question, answer) => {
    const { code, out } = await run(scope, `auth can-i ${question}`);
    expect([out.trim(), code]).toEqual([answer, answer === "yes" ? 0 : 1]);
  });
  test("auth can-i --list tells the verbs", async () => {
    expect((await run("read", "auth can-i --list")).out).toMatch(/\*\.\* .*\[get list watch\]/);
  });
  test("--as is refused, not ignored", async () => {
    const { code, err } = await run("admin", "get imports --as=bob");
    expect([code, err]).toEqual([1, expect.stringContaining("nobody can be impersonated")]);
  });
});

describe("over HTTP", () => {
  let site: TestSite;
  let app: ReturnType<typeof createApi>;
  let token: string;
  beforeAll(async () => {
    site = await openSite({ auth: "token" });
    app = createApi(site.deps);
    token = (await site.deps.tokens.issue("read", 600)).token;
  });
  afterAll(() => site.close());
  const ask = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    app.request(path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const review = (spec: unknown) => ({ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec });

  test("a review is answered with 201 and what was asked", async () => {
    const spec = { resourceAttributes: { verb: "list", resource: "imports" } };
    const answer = await ask(access, review(spec));
    expect([answer.status, await answer.json()]).toEqual([
      201,
      { ...review(spec), metadata: {}, status: { allowed: true } },
    ]);
  });
  test.each([
    ["of another kind", { ...review({}), kind: "SubjectAccessReview" }, 400],
    ["that asks nothing", review({}), 422],
    ["that asks two things", review({ resourceAttributes: {}, nonResourceAttributes: {} }), 422],
  ])("a review %s is refused", async (_rule, body, status) => {
    expect((await ask(access, body)).status).toBe(status);
  });
  test("a review is the only thing that the scope read may send", async () => {
    expect((await ask(imports, {})).status).toBe(403);
    expect((await ask(`${access}/x`, {})).status).toBe(403);
  });
  test("who asks to be somebody else is refused, whatever the request", async () => {
    const headers = { authorization: `Bearer ${token}`, "impersonate-user": "bob" };
    expect((await app.request(imports, { headers })).status).toBe(403);
  });
});

describe("a body in protobuf", () => {
  test("of any bytes is read or refused with 400, never anything else", () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((tail) => Buffer.concat([Buffer.from("k8s\0"), tail]));
    fc.assert(
      fc.property(fc.oneof(bytes, fc.uint8Array().map(Buffer.from)), (body) => {
        try {
          expect(readProtobuf(body)).toBeObject();
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          expect(error.status).toBe(400);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
