/** Replicas of one gateway: one writes, none fights, and nothing is left undone whoever goes away. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { loadSharedKeys } from "../../src/control/kubernetes/shared-keys.ts";
import {
  customResource,
  ENDPOINT_SLICES,
  LEASES,
  PODS,
  type Pod,
  SECRETS,
  SERVICES,
} from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, importOf, SYSTEM } from "../control/objects.ts";
import { create, eventually, gatewayEndpoints, Replica, type ReplicaOptions, told } from "./control-site.ts";
import { CuttableWay } from "./cut.ts";
import { suite } from "./server.ts";
import { clientFor, type TestServer } from "./test-server.ts";

suite("replicas of a gateway", (running) => {
  let server: TestServer;
  let namespace: string;
  const cleanups: (() => unknown)[] = [];

  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    await gatewayEndpoints(server, ["10.244.0.5"]);
  });
  afterEach(async () => {
    await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
  });

  async function start(identity: string, options: ReplicaOptions = {}): Promise<Replica> {
    const replica = await Replica.start(server, { ...options, identity });
    cleanups.push(() => replica.stop());
    return replica;
  }
  const leads = (replica: Replica) => eventually("leadership", () => replica.kind.leads);
  const valid = (name: string) => told(server, "Import", namespace, name, "ImportServiceValid True Ready");
  const serviceOf = (name: string) => server.client.get(SERVICES, { namespace, name });
  const holder = async () =>
    (await server.client.get(LEASES, { namespace: SYSTEM, name: "clusterlink-gateway" }))?.spec?.holderIdentity;

  test("are one that writes and others that know the same", async () => {
    const first = await start("a");
    await leads(first);
    const second = await start("b");
    await create(server, "Import", namespace, "web", importOf(80));
    await valid("web");
    const row = (replica: Replica) => replica.relay.tables?.imports[`${namespace}/web`];
    await eventually(
      "the row at both",
      () => row(second)?.listen !== undefined && Bun.deepEquals(row(first), row(second)),
    );
    expect(second.kind.leads).toBeFalse();
    expect(second.writes).toEqual([]);
  });

  test("write nothing but the Lease while nothing happens", async () => {
    const replicas = [await start("a"), await start("b")];
    await create(server, "Import", namespace, "web", importOf(80));
    await create(server, "Export", namespace, "db", { host: "db.example", port: 5432 });
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await valid("web");
    await told(server, "Export", namespace, "db", "ExportValid True Valid");
    await told(server, "AccessPolicy", namespace, "all", "PolicyValid True Valid");
    await Bun.sleep(300);
    const before = replicas.map(({ changes }) => changes.length);
    const leases = replicas.map(({ writes }) => writes.length);
    await Bun.sleep(1_500);
    expect(replicas.map(({ changes }) => changes.length)).toEqual(before);
    const renewing = replicas.filter(({ writes }, index) => writes.length > (leases[index] ?? 0));
    expect(renewing).toHaveLength(1);
  });

  test("write an object that was edited, and only that", async () => {
    const replica = await start("a");
    for (const name of ["a", "b", "c"]) await create(server, "Import", namespace, name, importOf(80));
    for (const name of ["a", "b", "c"]) await valid(name);
    await Bun.sleep(200);
    const before = replica.changes.length;
    await server.client.patch(customResource("Import"), { namespace, name: "b" }, { spec: { port: 81 } });
    await valid("b");
    await Bun.sleep(200);
    expect(replica.changes.slice(before).sort()).toEqual([
      `patch /services/${namespace}/b`,
      `patchStatus /imports/${namespace}/b`,
    ]);
  });

  test("follow one another at once when one ends in order, and finish what it left", async () => {
    const first = await start("a");
    await leads(first);
    const second = await start("b");
    await create(server, "Import", namespace, "web", importOf(80));
    await valid("web");
    await first.stop();
    expect(await holder()).not.toBe("a");
    await create(server, "Import", namespace, "late", importOf(80));
    await server.client.delete(customResource("Import"), { namespace, name: "web" });
    await valid("late");
    await eventually("no Service", async () => (await serviceOf("web")) === undefined);
    expect(await holder()).toBe("b");
    expect(second.changes.length).toBeGreaterThan(0);
  });

  test("follow one that is cut off when its Lease has ended, and it writes no more, then or later", async () => {
    const way = new CuttableWay(server);
    cleanups.push(() => way.close());
    const first = await start("a", { client: await clientFor(way.kubeconfig) });
    await leads(first);
    const second = await start("b");
    await create(server, "Import", namespace, "web", importOf(80));
    await valid("web");
    way.cut();
    await eventually("its resignation", () => !first.kind.leads);
    expect(second.kind.leads).toBeFalse();
    await leads(second);
    const before = first.changes.length;
    await create(server, "Import", namespace, "late", importOf(80));
    await valid("late");
    way.mend();
    await eventually("its knowledge", () => first.relay.tables?.imports[`${namespace}/late`]);
    expect(first.kind.leads).toBeFalse();
    expect(first.changes.length).toBe(before);
  }, 30_000);

  test("go on from where their control was when it is started again: at once, and nothing is left undone", async () => {
    const first = await start("a");
    await create(server, "Import", namespace, "kept", importOf(80));
    await create(server, "Import", namespace, "gone", importOf(80));
    await valid("kept");
    await valid("gone");
    const { port } = first.relay.tables?.imports[`${namespace}/kept`]?.listen ?? {};
    const way = new CuttableWay(server);
    cleanups.push(() => way.close());
    await first.stop();
    await server.client.delete(customResource("Import"), { namespace, name: "gone" });
    await server.client.delete(SERVICES, { namespace, name: "kept" });
    await create(server, "Import", namespace, "new", importOf(80));
    const again = await start("a");
    await valid("new");
    await eventually("the Service of one", async () => (await serviceOf("kept")) !== undefined);
    await eventually("no Service of the other", async () => (await serviceOf("gone")) === undefined);
    expect(again.relay.tables?.imports[`${namespace}/kept`]?.listen?.port).toBe(port as number);
  });

  test("have nothing to write when they are started again and nothing happened", async () => {
    const first = await start("a");
    await create(server, "Import", namespace, "web", importOf(80));
    await create(server, "Export", namespace, "db", { host: "db.example", port: 5432 });
    await valid("web");
    await told(server, "Export", namespace, "db", "ExportValid True Valid");
    await first.stop();
    const again = await start("b");
    await leads(again);
    await Bun.sleep(500);
    expect(again.changes).toEqual([]);
  });

  test("keep what they know while the API server is away, and catch up when it is back", async () => {
    const way = new CuttableWay(server);
    cleanups.push(() => way.close());
    const replica = await start("a", { client: await clientFor(way.kubeconfig), identityMaxAge: 1_000 });
    await create(server, "Import", namespace, "web", importOf(80));
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await valid("web");
    const before = replica.relay.tables;
    way.cut();
    await eventually("a problem", async () => (await replica.site.status()).problems.length > 0);
    await eventually("stale identities", () => replica.relay.tables?.site.self.clientsFresh === false);
    expect(replica.relay.tables?.imports).toEqual(before?.imports ?? {});
    expect(replica.relay.tables?.policies).toEqual(before?.policies ?? {});
    await create(server, "Import", namespace, "late", importOf(80));
    await server.client.delete(customResource("AccessPolicy"), { namespace, name: "all" });
    await server.client.delete(SERVICES, { namespace, name: "web" });
    const slices = await server.client.all(ENDPOINT_SLICES, { namespace });
    for (const { metadata } of slices) await server.client.delete(ENDPOINT_SLICES, { namespace, name: metadata.name });
    way.mend();
    await valid("late");
    await eventually("the Service again", async () => (await serviceOf("web")) !== undefined);
    await eventually(
      "the endpoints again",
      async () => (await server.client.all(ENDPOINT_SLICES, { namespace })).length === 2,
    );
    await eventually("no policy", () => Object.keys(replica.relay.tables?.policies ?? {}).length === 0);
    await eventually("fresh identities", () => replica.relay.tables?.site.self.clientsFresh === true);
  }, 30_000);

  test("have the same keys, whoever is first", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => loadSharedKeys(server.client, SYSTEM)));
    expect(new Set(all.map(({ authz }) => authz)).size).toBe(1);
    expect(new Set(all.map(({ token }) => Buffer.from(token).toString("hex"))).size).toBe(1);
    const [first] = all;
    expect(Buffer.from(first?.authz ?? "", "base64")).toHaveLength(32);
    expect(Buffer.from(first?.token ?? []).toString("base64")).not.toBe(first?.authz as string);
    const secret = await server.client.get(SECRETS, { namespace: SYSTEM, name: "jwk" });
    expect(secret?.data?.["key"]).toBe(first?.authz as string);
  });

  test("take the key that ClusterLink left, and refuse a Secret without one", async () => {
    const key = Buffer.from("a key of some length, as another program made it").toString("base64");
    await server.client.create(SECRETS, { metadata: { namespace: SYSTEM, name: "jwk" }, data: { key } });
    expect((await loadSharedKeys(server.client, SYSTEM)).authz).toBe(key);
    await server.client.patch(SECRETS, { namespace: SYSTEM, name: "jwk" }, { data: { key: "c2hvcnQ=" } });
    await expect(loadSharedKeys(server.client, SYSTEM)).rejects.toThrow(
      'Secret clusterlink-system/jwk has no "key" of at least 32 bytes; delete it, and a new one is made',
    );
  });

  test("know pods by their addresses, from the first to the last moment", async () => {
    const replica = await start("a");
    const app = (ip: string) => replica.relay.tables?.clients[`${ip}/32`]?.labels["app"];
    async function pod(name: string, ip: string, spec: object = {}): Promise<void> {
      const metadata = { name, namespace, labels: { app: name } };
      const containers = [{ name: "c", image: "i" }];
      await server.client.create(PODS, { metadata, spec: { containers, ...spec } } as Pod);
      await status(name, { phase: "Running", podIP: ip, podIPs: [{ ip }, { ip: "fd00::7" }] });
    }
    const status = (name: string, wanted: object) =>
      server.client.patchStatus(PODS, { namespace, name }, { status: wanted });
    const remove = (name: string) => server.client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0 });

    await pod("one", "10.1.0.1", { serviceAccountName: "buyer" });
    await eventually("the pod", () => app("10.1.0.1") === "one");
    expect(replica.relay.tables?.clients["fd00::7/128"]).toEqual({
      namespace,
      serviceAccount: "buyer",
      labels: { app: "one" },
    });
    await pod("hosted", "10.1.0.2", { hostNetwork: true });
    await status("one", { phase: "Succeeded" });
    await eventually("nobody", () => app("10.1.0.1") === undefined);
    await pod("two", "10.1.0.1");
    await eventually("the new pod", () => app("10.1.0.1") === "two");
    await server.client.patch(PODS, { namespace, name: "two" }, { metadata: { labels: { app: "renamed" } } });
    await eventually("its new label", () => app("10.1.0.1") === "renamed");
    await remove("two");
    await eventually("nobody again", () => app("10.1.0.1") === undefined);
    expect(app("10.1.0.2")).toBeUndefined();
  });
});
