import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { condition } from "../../src/control/reconcile/outcome.ts";
import { statusOf } from "../../src/control/status-writer.ts";
import { WatchCache } from "../../src/control/watch-cache.ts";
import { type CRD_KINDS, customResourceDefinition } from "../../src/resources/crd.ts";
import type { ExportResource, ImportResource } from "../../src/resources/kinds.ts";
import { API_VERSION } from "../../src/resources/meta.ts";
import { accessFaults } from "../../src/store/kubernetes/access.ts";
import { KubernetesStore, type KubernetesStoreOptions } from "../../src/store/kubernetes/kubernetes-store.ts";
import { customResource, type KubeObject, type KubeResource } from "../../src/store/kubernetes/resource.ts";
import type { ScopeOptions } from "../../src/store/kubernetes/scope.ts";
import { mergePatchBetween } from "../../src/store/kubernetes/status-patch.ts";
import { anExport, anImport, GATEWAY_NAMESPACE, line } from "../store/objects.ts";
import type { Json } from "./api-server/json.ts";
import { mergePatch } from "./api-server/merging.ts";
import { hastyTiming, keptLog, until } from "./recorder.ts";
import { clientFor, kubeconfigText, onTestApiServer, suite, type TestServer } from "./server.ts";

const CRDS: KubeResource<KubeObject & { spec?: object }> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

function open(server: TestServer, more: Partial<KubernetesStoreOptions> = {}) {
  const { log, lines } = keptLog();
  const store = new KubernetesStore({
    client: server.client,
    log,
    timing: hastyTiming(),
    namespace: GATEWAY_NAMESPACE,
    ...more,
  });
  return { store, lines };
}

const withStatus = (object: ExportResource, status: "True" | "False", message = "It is.") =>
  ({ ...object, status: statusOf(object, condition("ExportValid", status, "Tested", message), 0) }) as ExportResource;

suite("the store in Kubernetes", (server) => {
  test("creates, reads, updates and deletes, and answers as any store does", async () => {
    const { store } = open(server());
    const namespace = await server().namespace();
    const created = await store.create("Export", anExport("a", { namespace }));
    const { uid, resourceVersion } = created.metadata;
    expect(uid).not.toBe("");
    expect(created).toEqual({
      ...anExport("a"),
      metadata: { ...created.metadata, name: "a", namespace, generation: 1 },
    });
    expect(created.metadata).not.toHaveProperty("managedFields");
    expect(await store.get("Export", namespace, "a")).toEqual(created);
    const updated = await store.update("Export", { ...created, spec: { ...created.spec, port: 81 } });
    expect(updated).toMatchObject({ spec: { port: 81 }, metadata: { generation: 2 } });
    await expect(store.update("Export", created)).rejects.toMatchObject({ code: "Conflict" });
    const free = anExport("a", { namespace }, 82);
    expect((await store.update("Export", free)).spec.port).toBe(82);
    await expect(store.create("Export", free)).rejects.toMatchObject({ code: "AlreadyExists" });
    const preconditions = { resourceVersion };
    await expect(store.delete("Export", namespace, "a", { preconditions })).rejects.toMatchObject({ code: "Conflict" });
    expect(await store.delete("Export", namespace, "a", { preconditions: { uid } })).toMatchObject({
      spec: { port: 82 },
    });
    expect(await store.get("Export", namespace, "a")).toBeUndefined();
    await expect(store.delete("Export", namespace, "a")).rejects.toMatchObject({ code: "NotFound" });
    await expect(store.update("Export", free)).rejects.toMatchObject({ code: "NotFound" });
  });

  test("refuses an invalid object with every fault and its place", async () => {
    const { store } = open(server());
    const wrong: ImportResource = { ...anImport("a"), spec: { port: 0, sources: [], lbScheme: "best" as never } };
    const refusal = await store.create("Import", wrong).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "Invalid", kind: "Import", objectName: "a" });
    const paths = (refusal as { faults: { path: string }[] }).faults.map(({ path }) => path);
    expect([...new Set(paths)].sort()).toEqual(["spec.lbScheme", "spec.port"]);
  });

  test("lists whole, by page, and by selectors", async () => {
    const { store } = open(server());
    const namespace = await server().namespace();
    for (const name of ["a", "b", "c"]) {
      await store.create("Export", anExport(name, { namespace, labels: { name } }));
    }
    const names = ({ items }: { items: ExportResource[] }) => items.map(({ metadata }) => metadata.name);
    expect(names(await store.list("Export"))).toEqual(["a", "b", "c"]);
    const first = await store.list("Export", { namespace, limit: 2 });
    expect(names(first)).toEqual(["a", "b"]);
    expect(names(await store.list("Export", { namespace, limit: 2, continue: first.continue ?? "" }))).toEqual(["c"]);
    expect(names(await store.list("Export", { labelSelector: "name notin (a, c)" }))).toEqual(["b"]);
    expect(names(await store.list("Export", { fieldSelector: "metadata.name=c" }))).toEqual(["c"]);
    const { resourceVersion } = first;
    await store.delete("Export", namespace, "a");
    expect(names(await store.list("Export", { resourceVersion }))).toEqual(["a", "b", "c"]);
    expect(await store.namespaces()).toEqual([GATEWAY_NAMESPACE, "default", namespace].sort());
  });

  test("watches from a list on", async () => {
    const { store } = open(server());
    const namespace = await server().namespace();
    await store.create("Export", anExport("a", { namespace }));
    const { resourceVersion } = await store.list("Export");
    const abort = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of store.watch("Export", { resourceVersion, signal: abort.signal })) {
        if (event.type !== "BOOKMARK") seen.push(line(event));
      }
    })();
    await store.create("Export", anExport("b", { namespace }));
    await store.delete("Export", namespace, "a");
    await until(() => seen.length === 2);
    abort.abort();
    await watching;
    expect(seen).toEqual([`ADDED ${namespace}/b`, `DELETED ${namespace}/a`]);
  });

  test("writes a status only where it differs, and only what differs", async () => {
    const { store } = open(server());
    const namespace = await server().namespace();
    const created = await store.create("Import", anImport("a", { namespace }));
    const conditions = [{ ...named("ImportTargetPortValid"), observedGeneration: 1 }];
    const first = await store.updateStatus("Import", { ...created, status: { targetPort: 10_000, conditions } });
    expect(first.status).toEqual({ targetPort: 10_000, conditions });
    expect(first.metadata.generation).toBe(1);
    const again = await store.updateStatus("Import", first);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const less = await store.updateStatus("Import", { ...first, status: { conditions } });
    expect(less.status).toEqual({ conditions });
    const late = store.updateStatus("Import", { ...first, status: { targetPort: 10_001 } });
    await expect(late).rejects.toMatchObject({ code: "Conflict" });
    const gone = store.updateStatus("Import", { ...less, metadata: { ...less.metadata, name: "b" } });
    await expect(gone).rejects.toMatchObject({ code: "NotFound" });
  });

  test("an object that does not count here surfaces as invalid, and as itself again once it is mended", async () => {
    const { store } = open(server());
    const namespace = await server().namespace();
    const { log } = keptLog();
    const sizes: number[] = [];
    const cache = new WatchCache("Export", { store, log, onChange: () => sizes.push(store.invalid("Export").size) });
    await withoutRules(server(), "Export", async () => {
      await server().client.create(customResource("Export"), raw(namespace, "early", { port: "http" }));
      const running = cache.run();
      await until(() => cache.synced);
      expect(cache.objects.size).toBe(0);
      const key = `${namespace}/early`;
      expect(store.invalid("Export").get(key)).toMatchObject({
        kind: "Export",
        metadata: { name: "early", namespace },
        faults: [{ path: "spec.port" }],
      });
      await store.create("Export", anExport("late", { namespace }));
      await until(() => cache.objects.size === 1);
      const patch = { spec: { port: 0 } };
      await server().client.patch(customResource("Export"), { namespace, name: "late" }, patch);
      await until(() => cache.objects.size === 0);
      expect([...store.invalid("Export").keys()].sort()).toEqual([key, `${namespace}/late`]);
      expect(sizes.at(-1)).toBe(2);
      await server().client.patch(customResource("Export"), { namespace, name: "late" }, { spec: { port: 80 } });
      await until(() => cache.objects.size === 1);
      expect([...store.invalid("Export").keys()]).toEqual([key]);
      await server().client.delete(customResource("Export"), { namespace, name: "early" });
      await until(() => store.invalid("Export").size === 0);
      cache.stop();
      await running;
    });
  });

  test("the status of an object that does not count can be written, to say so", async () => {
    const { store } = open(server());
    const namespace = await server().namespace();
    await withoutRules(server(), "Export", async () => {
      await server().client.create(customResource("Export"), raw(namespace, "a", { port: "http" }));
      await store.list("Export");
      const { metadata } = store.invalid("Export").get(`${namespace}/a`) ?? {};
      const object = { apiVersion: API_VERSION, kind: "Export", metadata, spec: {} } as ExportResource;
      const written = await store.updateStatus("Export", withStatus(object, "False", "It is not valid."));
      expect(written.metadata.resourceVersion).not.toBe(metadata?.resourceVersion as string);
      await store.list("Export");
      expect(store.invalid("Export").get(`${namespace}/a`)?.status).toMatchObject({
        conditions: [{ type: "ExportValid", status: "False", message: "It is not valid." }],
      });
    });
  });

  test("drops what it does not know and says so once; a strange status costs nobody his object", async () => {
    const { store, lines } = open(server());
    const namespace = await server().namespace();
    await withoutRules(server(), "Export", async () => {
      for (const name of ["a", "b"]) {
        await server().client.create(customResource("Export"), raw(namespace, name, { port: 80, weight: 3 }));
      }
      const status = { conditions: "all fine" };
      await server().client.patchStatus(customResource("Export"), { namespace, name: "a" }, { status });
      const { items } = await store.list("Export");
      expect(items.map(({ spec }) => spec)).toEqual([{ port: 80 }, { port: 80 }]);
      expect(items[0]).not.toHaveProperty("status");
      expect(lines.filter((each) => each.includes("spec.weight"))).toHaveLength(1);
      const mended = await store.updateStatus("Export", withStatus(items[0] as ExportResource, "True"));
      expect(mended.status?.conditions).toHaveLength(1);
    });
  });

  test("has no Workloads, which only sites without Kubernetes know", async () => {
    const { store } = open(server());
    expect(await store.list("Workload")).toEqual({ items: [], resourceVersion: "0" });
    const abort = new AbortController();
    const watching = Array.fromAsync(store.watch("Workload", { resourceVersion: "0", signal: abort.signal }));
    abort.abort();
    expect(await watching).toEqual([]);
  });
});

onTestApiServer("the store in Kubernetes", (server) => {
  test("asks one write of the server for a status that differs, and none for one that does not", async () => {
    const { store } = open(server());
    const { log } = keptLog();
    const created = await store.create("Export", anExport("a"));
    const cache = new WatchCache("Export", { store, log, onChange: () => undefined });
    const running = cache.run();
    await until(() => cache.synced);
    const asked = () =>
      server().requests.filter(({ resource, verb }) => resource.startsWith("exports") && verb !== "watch");
    const before = asked().length;
    const written = await store.updateStatus("Export", withStatus(created, "True"));
    expect(
      asked()
        .slice(before)
        .map(({ verb, resource }) => `${verb} ${resource}`),
    ).toEqual(["patch exports/status"]);
    await until(() => cache.objects.get("default/a")?.metadata.resourceVersion === written.metadata.resourceVersion);
    await store.updateStatus("Export", written);
    expect(asked()).toHaveLength(before + 1);
    cache.stop();
    await running;
  });

  test("a watch outlives what breaks it, and says meanwhile what is wrong", async () => {
    const { store } = open(server());
    const { log } = keptLog();
    const cache = new WatchCache("Export", { store, log, onChange: () => undefined });
    const running = cache.run();
    await until(() => server().faults.watches.size === 1);
    await server().pause();
    await until(() => store.problems.length > 0);
    expect(store.problems[0]).toMatch(/^the exports cannot be watched: /);
    await server().resume();
    await store.create("Export", anExport("a"));
    await until(() => cache.objects.size === 1);
    expect(store.problems).toEqual([]);
    server().faults.expireWatches();
    await store.delete("Export", "default", "a");
    await until(() => cache.objects.size === 0);
    cache.stop();
    await running;
  });
});

suite("the rights of a gateway", (server) => {
  const faultsFor = async (user: "alice" | "bob", scope: Partial<ScopeOptions>) => {
    const folder = mkdtempSync(join(tmpdir(), "clusterlink-rights-"));
    try {
      const path = join(folder, "config");
      writeFileSync(path, kubeconfigText(server(), { token: server().user(user).token }));
      return await accessFaults(await clientFor(path), { namespace: GATEWAY_NAMESPACE, ...scope });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  const grant = async (kind: "Role" | "ClusterRole", namespace: string | undefined, resources: string[]) => {
    const resource = (of: string, plural: string): KubeResource<KubeObject & Record<string, unknown>> => ({
      group: "rbac.authorization.k8s.io",
      version: "v1",
      plural,
      kind: of,
      namespaced: kind === "Role",
    });
    const metadata = { name: `test-${crypto.randomUUID()}`, ...(namespace === undefined ? {} : { namespace }) };
    const rules = [{ apiGroups: ["clusterlink.net"], resources, verbs: ["get", "list", "watch"] }];
    const subjects = [{ kind: "User", name: server().user("alice").name, apiGroup: "rbac.authorization.k8s.io" }];
    const roleRef = { kind, name: metadata.name, apiGroup: "rbac.authorization.k8s.io" };
    const roles = resource(kind, kind === "Role" ? "roles" : "clusterroles");
    const bindings = resource(`${kind}Binding`, kind === "Role" ? "rolebindings" : "clusterrolebindings");
    await server().client.create(roles, { metadata, rules });
    await server().client.create(bindings, { metadata, subjects, roleRef });
    return async () => {
      await server().client.delete(roles, metadata);
      await server().client.delete(bindings, metadata);
    };
  };

  test("that lacks everything are told kind by kind", async () => {
    const faults = await faultsFor("bob", {});
    expect(faults).toHaveLength(5);
    expect(faults[0]).toMatch(
      /^the gateway may not get, list and watch peers.clusterlink.net in the whole cluster; apply/,
    );
    expect(faults.join()).toContain(`User "test:bob" cannot list resource`);
  });

  test("of one namespace suffice but for the administrators' policies, which it must have or renounce", async () => {
    const [own, watched] = [await server().namespace(), await server().namespace()];
    await grant("Role", own, ["peers"]);
    await grant("Role", watched, ["imports", "exports", "accesspolicies"]);
    const scope = { namespace: own, watchNamespace: watched };
    const faults = await faultsFor("alice", scope);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain("privilegedaccesspolicies.clusterlink.net");
    expect(faults[0]).toContain("--no-privileged-policies");
    expect(await faultsFor("alice", { ...scope, privilegedPolicies: false })).toEqual([]);
    const withdraw = await grant("ClusterRole", undefined, ["privilegedaccesspolicies"]);
    expect(await faultsFor("alice", scope)).toEqual([]);
    await withdraw();
  });

  test("of a cluster without our CRDs are missing for that reason", async () => {
    const client = { page: () => server().client.page({ ...customResource("Peer"), plural: "unknown" }) };
    const faults = await accessFaults(client as never, { namespace: GATEWAY_NAMESPACE });
    expect(faults[0]).toBe("the cluster does not know peers.clusterlink.net; apply manifests/crds first");
  });

  test("a gateway of one namespace sees nothing of the others", async () => {
    const [own, watched, other] = [await server().namespace(), await server().namespace(), await server().namespace()];
    const { store } = open(server(), { namespace: own, watchNamespace: watched, privilegedPolicies: false });
    for (const namespace of [own, watched, other]) {
      await server().client.create(customResource("Export"), raw(namespace, "a", { port: 80 }));
    }
    const { items } = await store.list("Export");
    expect(items.map(({ metadata }) => metadata.namespace)).toEqual([watched]);
    expect(await store.get("Export", other, "a")).toBeUndefined();
    expect((await store.list("Export", { namespace: other })).items).toEqual([]);
    expect((await store.list("PrivilegedAccessPolicy")).items).toEqual([]);
  });
});

describe("the patch between two statuses", () => {
  const cases: [rule: string, from: Json, to: Json, patch: unknown][] = [
    ["of equal ones is none", { a: 1, b: [1] }, { b: [1], a: 1 }, undefined],
    ["sets what is new", {}, { a: 1 }, { a: 1 }],
    ["removes what is gone", { a: 1, b: 2 }, { b: 2 }, { a: null }],
    ["goes into maps", { a: { x: 1, y: 2 } }, { a: { x: 3 } }, { a: { x: 3, y: null } }],
    ["takes a list as one value", { a: [1, 2] }, { a: [1] }, { a: [1] }],
    ["replaces a list by a map", { a: [1] }, { a: { x: 1 } }, { a: { x: 1 } }],
    ["makes a status where there is none", null, { a: 1 }, { a: 1 }],
  ];
  test.each(cases)("%s", (_, from, to, patch) => {
    const made = mergePatchBetween(from, to);
    expect(made).toEqual(patch as never);
    expect(mergePatch(from ?? {}, (made ?? {}) as Json)).toEqual(to);
  });
});

function raw(namespace: string, name: string, spec: object) {
  return { metadata: { namespace, name }, spec };
}

function named(type: string) {
  return { type, status: "True" as const, reason: "Tested", message: "", lastTransitionTime: "2030-01-01T00:00:00Z" };
}

/** Runs with a CRD that accepts any spec and status, as an older or newer one may, and puts ours back after. */
async function withoutRules(server: TestServer, kind: (typeof CRD_KINDS)[number], run: () => Promise<void>) {
  const { client } = server;
  const ours = customResourceDefinition(kind);
  const name = { name: ours.metadata.name };
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } };
  const [version] = ours.spec.versions;
  const probe = (accepts: boolean) => async () => {
    const object = raw("default", "probe", { port: "text" });
    const accepted = await client.create(customResource(kind), object, { dryRun: true }).then(
      () => true,
      () => false,
    );
    return accepted === accepts;
  };
  await client.patch(CRDS, name, { spec: { versions: [{ ...version, schema }] } });
  await eventually(probe(true));
  try {
    await run();
  } finally {
    await client.patch(CRDS, name, { spec: { versions: ours.spec.versions } });
    await eventually(probe(false));
  }
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 200) throw new Error("it never came to be");
    await Bun.sleep(50);
  }
}
