import { expect, test } from "bun:test";
import { KubeApiError } from "../../src/store/kubernetes/error.ts";
import {
  customResource,
  EVENTS,
  LEASES,
  PODS,
  type Pod,
  SECRETS,
  SERVICES,
} from "../../src/store/kubernetes/resource.ts";
import { suite } from "./server.ts";

const EXPORTS = customResource("Export");

/** An Export as a client sends it. */
function exportObject(namespace: string, name: string, spec: object = { port: 80 }) {
  return { metadata: { namespace, name }, spec };
}

async function failureOf(promise: Promise<unknown>): Promise<KubeApiError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KubeApiError) return error;
  throw new Error(`it did not fail as the API does: ${String(error)}`);
}

suite("the client", (server) => {
  test("creates, reads, replaces and deletes an object", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const created = await client.create(LEASES, { metadata: { namespace, name: "a" }, spec: { holderIdentity: "x" } });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(await client.get(LEASES, { namespace, name: "a" })).toEqual(created);
    const replaced = await client.replace(LEASES, { ...created, spec: { holderIdentity: "y" } });
    expect(replaced.spec?.holderIdentity).toBe("y");
    expect(await client.delete(LEASES, { namespace, name: "a" })).toBe(true);
    expect(await client.get(LEASES, { namespace, name: "a" })).toBeUndefined();
    expect(await client.delete(LEASES, { namespace, name: "a" })).toBe(false);
  });

  test("completes a generated name", async () => {
    const namespace = await server().namespace();
    const object = {
      metadata: { namespace, name: "", generateName: "told-" },
      involvedObject: { namespace },
      reason: "R",
      source: {},
    };
    const made = await server().client.create(EVENTS, { ...object, message: "m", type: "Normal" });
    expect(made.metadata.name).toMatch(/^told-.{5}/);
  });

  test("tells a taken name, a missing namespace and an invalid object apart", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    await client.create(EXPORTS, exportObject(namespace, "a"));
    const taken = await failureOf(client.create(EXPORTS, exportObject(namespace, "a")));
    expect(taken).toMatchObject({ code: "AlreadyExists", httpStatus: 409, kind: "Export", objectName: "a" });
    const nowhere = await failureOf(client.create(EXPORTS, exportObject("nowhere", "a")));
    expect(nowhere).toMatchObject({ code: "NotFound", httpStatus: 404 });
    const invalid = await failureOf(client.create(EXPORTS, exportObject(namespace, "b", { port: 70_000 })));
    expect(invalid).toMatchObject({ code: "Invalid", httpStatus: 422, kind: "Export", objectName: "b" });
    expect(invalid.faults.map(({ path }) => path)).toEqual(["spec.port"]);
    expect(invalid.message).toContain("spec.port");
  });

  test("refuses a write that rests on an older version", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const created = await client.create(LEASES, { metadata: { namespace, name: "a" }, spec: { leaseTransitions: 1 } });
    await client.patch(LEASES, { namespace, name: "a" }, { spec: { leaseTransitions: 2 } });
    const late = await failureOf(client.replace(LEASES, { ...created, spec: { leaseTransitions: 3 } }));
    expect(late).toMatchObject({ code: "Conflict", httpStatus: 409 });
    const { resourceVersion = "" } = created.metadata;
    const patch = { metadata: { resourceVersion }, spec: { leaseTransitions: 3 } };
    expect((await failureOf(client.patch(LEASES, { namespace, name: "a" }, patch))).code).toBe("Conflict");
  });

  test("deletes only what the preconditions name", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { metadata } = await client.create(LEASES, { metadata: { namespace, name: "a" } });
    const other = client.delete(LEASES, { namespace, name: "a" }, { preconditions: { uid: crypto.randomUUID() } });
    expect((await failureOf(other)).code).toBe("Conflict");
    const { uid = "", resourceVersion = "" } = metadata;
    const preconditions = { uid, resourceVersion };
    expect(await client.delete(LEASES, { namespace, name: "a" }, { preconditions })).toBe(true);
  });

  test("patches by merge, by operations and by apply", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const name = { namespace, name: "a" };
    await client.create(SECRETS, { metadata: { ...name, labels: { a: "1", b: "2" } }, data: { k: btoa("v") } });
    const merged = await client.patch(SECRETS, name, { metadata: { labels: { a: null, c: "3" } } });
    expect(merged.metadata.labels).toEqual({ b: "2", c: "3" });
    const operations = [{ op: "replace", path: "/metadata/labels/b", value: "4" }];
    const replaced = await client.patch(SECRETS, name, operations, { type: "json" });
    expect(replaced.metadata.labels).toEqual({ b: "4", c: "3" });
    const applied = await client.apply(SECRETS, { metadata: { ...name, labels: { d: "5" } } }, { fieldManager: "x" });
    expect(applied.metadata.labels).toEqual({ b: "4", c: "3", d: "5" });
    const withdrawn = await client.apply(SECRETS, { metadata: name }, { fieldManager: "x" });
    expect(withdrawn.metadata.labels).toEqual({ b: "4", c: "3" });
  });

  test("applies against another manager only by force", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const wanted = (port: number) => exportObject(namespace, "a", { port });
    await client.apply(EXPORTS, wanted(80), { fieldManager: "one" });
    const conflict = await failureOf(client.apply(EXPORTS, wanted(81), { fieldManager: "two" }));
    expect(conflict).toMatchObject({ code: "Conflict", httpStatus: 409 });
    expect(conflict.status?.details?.causes).toEqual([
      { reason: "FieldManagerConflict", message: expect.stringContaining(`"one"`), field: ".spec.port" },
    ]);
    const forced = await client.apply(EXPORTS, wanted(81), { fieldManager: "two", force: true });
    expect(forced).toMatchObject({ spec: { port: 81 } });
  });

  test("applying what is there writes nothing", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const first = await client.apply(EXPORTS, exportObject(namespace, "a"));
    const again = await client.apply(EXPORTS, exportObject(namespace, "a"));
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test("writes the status through its subresource only, and the generation counts the spec only", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const name = { namespace, name: "a" };
    const status = { conditions: [condition("ExportValid")] };
    const created = await client.create(EXPORTS, { ...exportObject(namespace, "a"), status } as never);
    expect(created).not.toHaveProperty("status");
    expect(created.metadata.generation).toBe(1);
    const told = await client.patchStatus(EXPORTS, name, { status });
    expect(told).toMatchObject({ status, metadata: { generation: 1 } });
    const edited = await client.patch(EXPORTS, name, { spec: { port: 81 }, status: { conditions: [] } });
    expect(edited).toMatchObject({ status, spec: { port: 81 }, metadata: { generation: 2 } });
    const labelled = await client.patch(EXPORTS, name, { metadata: { labels: { a: "b" } } });
    expect(labelled.metadata.generation).toBe(2);
  });

  test("drops unknown fields and sets defaults as the CRD says", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const made = await client.create(customResource("Import"), {
      ...exportObject(namespace, "a", { port: 80, sources: [], unknown: 1 }),
    });
    expect(made).toMatchObject({ spec: { port: 80, sources: [], lbScheme: "round-robin" } });
    expect(made).not.toHaveProperty("spec.unknown");
  });

  test("keeps an object with a finalizer until that is gone", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const name = { namespace, name: "a" };
    await client.create(SECRETS, { metadata: { ...name, finalizers: ["clusterlink.net/test"] } });
    expect(await client.delete(SECRETS, name)).toBe(true);
    expect((await client.get(SECRETS, name))?.metadata.deletionTimestamp).toBeString();
    await client.patch(SECRETS, name, { metadata: { finalizers: null } });
    expect(await client.get(SECRETS, name)).toBeUndefined();
  });

  test("a dry run changes nothing", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    await client.create(EXPORTS, exportObject(namespace, "a"), { dryRun: true });
    expect(await client.get(EXPORTS, { namespace, name: "a" })).toBeUndefined();
    await client.create(EXPORTS, exportObject(namespace, "a"));
    await client.delete(EXPORTS, { namespace, name: "a" }, { dryRun: true });
    expect(await client.get(EXPORTS, { namespace, name: "a" })).toBeDefined();
  });

  test("gives a Service an address that stays", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const made = await client.create(SERVICES, { metadata: { namespace, name: "a" }, spec: { ports: [{ port: 80 }] } });
    expect(made.spec?.clusterIP).toMatch(/^10\.0\./);
    expect(made.spec?.ports).toEqual([{ port: 80, protocol: "TCP", targetPort: 80 }]);
    const spec = { ports: [{ port: 81 }] };
    const replaced = await client.replace(SERVICES, { metadata: { namespace, name: "a" }, spec });
    expect(replaced.spec?.clusterIP).toBe(made.spec?.clusterIP as string);
    const moved = client.patch(SERVICES, { namespace, name: "a" }, { spec: { clusterIP: "10.0.0.250" } });
    expect((await failureOf(moved)).code).toBe("Invalid");
  });

  test("reads a list page by page, all of one version", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    for (const name of ["a", "b", "c"]) await client.create(EXPORTS, exportObject(namespace, name));
    const first = await client.page(EXPORTS, { namespace, limit: 2 });
    expect(first).toMatchObject({ items: [{}, {}], remainingItemCount: 1 });
    expect(first.continue).toBeString();
    await client.delete(EXPORTS, { namespace, name: "c" });
    const second = await client.page(EXPORTS, { namespace, limit: 2, continue: first.continue });
    expect(second.items.map(({ metadata }) => metadata.name)).toEqual(["c"]);
    expect(second.resourceVersion).toBe(first.resourceVersion);
    expect(second.continue).toBeUndefined();
    const { resourceVersion } = first;
    const then = await client.page(EXPORTS, { namespace, resourceVersion });
    expect(then.items).toHaveLength(3);
    expect(await client.all(EXPORTS, { namespace })).toHaveLength(2);
  });

  test("selects by labels and fields", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const pod = (name: string, app: string): Pod => ({
      metadata: { namespace, name, labels: { app } },
      spec: { nodeName: `node-${app}`, containers: [{ name: "main", image: "busybox" }] },
    });
    for (const [name, app] of [
      ["x", "front"],
      ["y", "back"],
    ])
      await client.create(PODS, pod(name ?? "", app ?? ""));
    const names = async (selection: object) =>
      (await client.all(PODS, { namespace, ...selection })).map(({ metadata }) => metadata.name);
    expect(await names({ labelSelector: "app in (front)" })).toEqual(["x"]);
    expect(await names({ fieldSelector: "spec.nodeName=node-back" })).toEqual(["y"]);
    expect(await names({ fieldSelector: "metadata.name!=x" })).toEqual(["y"]);
    const wrong = client.all(PODS, { namespace, fieldSelector: "spec.unknown=1" });
    expect((await failureOf(wrong)).code).toBe("Invalid");
  });

  test("watches from a version on: every change once, in order", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    await client.create(EXPORTS, exportObject(namespace, "before"));
    const { resourceVersion } = await client.page(EXPORTS, { namespace });
    await client.create(EXPORTS, exportObject(namespace, "a"));
    const abort = new AbortController();
    const seen: string[] = [];
    const watch = client.watch(EXPORTS, { namespace, resourceVersion, signal: abort.signal });
    const changes = (async () => {
      for await (const frame of watch) {
        if (frame.type === "BOOKMARK") continue;
        seen.push(`${frame.type} ${frame.object.metadata.name}`);
        if (seen.length === 1) {
          await client.patch(EXPORTS, { namespace, name: "a" }, { spec: { port: 81 } });
          await client.delete(EXPORTS, { namespace, name: "a" });
        }
        if (frame.type === "DELETED") return;
      }
    })();
    await changes;
    abort.abort();
    expect(seen).toEqual(["ADDED a", "MODIFIED a", "DELETED a"]);
  });

  test("a watch with a selector tells of objects that enter and leave it", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { resourceVersion } = await client.page(EXPORTS, { namespace });
    const label = (value: string) =>
      client.patch(EXPORTS, { namespace, name: "a" }, { metadata: { labels: { v: value } } });
    await client.create(EXPORTS, exportObject(namespace, "a"));
    await label("1");
    await label("2");
    const seen: string[] = [];
    const { signal } = new AbortController();
    for await (const frame of client.watch(EXPORTS, { namespace, labelSelector: "v=1", resourceVersion, signal })) {
      if (frame.type !== "BOOKMARK") seen.push(frame.type);
      if (frame.type === "DELETED") break;
    }
    expect(seen).toEqual(["ADDED", "DELETED"]);
  });

  test("a kind that the server does not know is an error and not an absence", async () => {
    const unknown = { ...EXPORTS, plural: "imaginations" };
    const failure = await failureOf(server().client.get(unknown, { namespace: "default", name: "a" }));
    expect(failure).toMatchObject({ code: "Unavailable", httpStatus: 404 });
  });

  test("a request that is given up ends", async () => {
    const abort = new AbortController();
    abort.abort();
    const failure = await failureOf(server().client.page(EXPORTS, { signal: abort.signal }));
    expect(failure.code).toBe("Unavailable");
  });
});

function condition(type: string) {
  return { type, status: "True", reason: "Valid", message: "It is.", lastTransitionTime: "2030-01-01T00:00:00Z" };
}
