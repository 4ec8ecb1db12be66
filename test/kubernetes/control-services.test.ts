/** Every rule of Imports, Exports, policies and peers in a cluster, with what the status says, on real API servers. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { MERGE_LABEL } from "../../src/resources/meta.ts";
import {
  customResource,
  ENDPOINT_SLICES,
  type EndpointSlice,
  EVENTS,
  type KubeEvent,
  SERVICES,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, importOf, SYSTEM } from "../control/objects.ts";
import { create, eventually, gatewayEndpoints, Replica, type ReplicaOptions, read, told } from "./control-site.ts";
import { onRealApiServer, suite } from "./server.ts";
import type { TestServer } from "./test-server.ts";

const OURS = {
  "app.kubernetes.io/managed-by": "clusterlink.net",
  "clusterlink.net/import-name": "web",
};

suite("a cluster as a site", (running) => {
  let server: TestServer;
  let namespace: string;
  const replicas: Replica[] = [];

  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    await gatewayEndpoints(server, ["10.244.0.5", "10.244.0.6"]);
  });
  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  });

  async function start(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = await Replica.start(server, options);
    replicas.push(replica);
    return replica;
  }
  const serviceOf = (name: string) => server.client.get(SERVICES, { namespace, name });
  async function slicesOf(name: string): Promise<EndpointSlice[]> {
    const labelSelector = `kubernetes.io/service-name=${name},endpointslice.kubernetes.io/managed-by=clusterlink.net`;
    return server.client.all(ENDPOINT_SLICES, { namespace, labelSelector });
  }
  const addresses = (slices: EndpointSlice[]) =>
    slices.flatMap(({ endpoints = [] }) => endpoints.flatMap((each) => each.addresses));
  const makeService = (name: string, spec: object, metadata: object = {}) =>
    server.client.create(SERVICES, { metadata: { name, namespace, ...metadata }, spec } as Service);
  /** Those of the gateway: a real API server tells of addresses of Services now and then. */
  async function events(name: string): Promise<KubeEvent[]> {
    const all = await server.client.all(EVENTS, { namespace });
    return all.filter(
      ({ involvedObject, reportingComponent }) =>
        involvedObject.name === name && reportingComponent === "clusterlink.net/gateway",
    );
  }
  const importWeb = (labels: Record<string, string> = {}) =>
    create(server, "Import", namespace, "web", importOf(80), labels);

  test("gives an Import a port, a Service and the gateway's endpoints, and says so", async () => {
    const replica = await start();
    await importWeb();
    const message = await told(server, "Import", namespace, "web", "ImportTargetPortValid True Listening");
    const imported = await read(server, "Import", namespace, "web");
    const port = imported?.status?.targetPort ?? 0;
    expect(message).toBe(`The gateway listens on port ${port} for it.`);
    expect(imported?.spec).not.toHaveProperty("targetPort");
    expect(await told(server, "Import", namespace, "web", "ImportServiceValid True Ready")).toBe(
      `Service ${namespace}/web leads to the gateway.`,
    );
    const service = await serviceOf("web");
    expect(service?.spec).toMatchObject({ type: "ClusterIP", ports: [{ port: 80, targetPort: port }] });
    expect(service?.spec?.clusterIP).toMatch(/^10\./);
    const slices = await slicesOf("web");
    expect(addresses(slices)).toEqual(["10.244.0.5", "10.244.0.6"]);
    expect(slices[0]?.ports).toMatchObject([{ name: "", port }]);
    expect(replica.relay.tables?.imports[`${namespace}/web`]?.listen).toEqual({ address: "::", port });
    expect(replica.relay.tables?.site.self.clientsFresh).toBeTrue();
    expect(await events("web")).toEqual([]);
  });

  test("listens where the user of an Import chose, and says when it cannot", async () => {
    const replica = await start();
    await create(server, "Import", namespace, "web", importOf(80, 20_001));
    await told(server, "Import", namespace, "web", "ImportTargetPortValid True Listening");
    await create(server, "Import", namespace, "late", importOf(80, 20_001));
    expect(await told(server, "Import", namespace, "late", "ImportTargetPortValid False PortConflict")).toBe(
      `Port 20001 is held by Import ${namespace}/web; set another spec.targetPort, or none, so that the gateway chooses.`,
    );
    await told(server, "Import", namespace, "late", "ImportServiceValid False NoPort");
    expect(replica.relay.tables?.imports[`${namespace}/late`]).not.toHaveProperty("listen");
    await create(server, "Import", namespace, "own", importOf(80, 8443));
    expect(await told(server, "Import", namespace, "own", "ImportTargetPortValid False PortConflict")).toContain(
      "Port 8443 is held by the gateway's peer port (--listen)",
    );
    const { reason, message, type } = await eventually("an event", async () => (await events("late"))[0]);
    expect({ reason, type, message }).toMatchObject({ reason: "PortConflict", type: "Warning" });
    expect(await serviceOf("late")).toBeUndefined();
    await server.client.patch(customResource("Import"), { namespace, name: "late" }, { spec: { targetPort: 20_003 } });
    await told(server, "Import", namespace, "late", "ImportTargetPortValid True Listening");
    await told(server, "Import", namespace, "late", "ImportServiceValid True Ready");
    expect((await serviceOf("late"))?.spec?.ports?.[0]?.targetPort).toBe(20_003);
  });

  test("gives the port of an Import that is deleted to whoever waits for it", async () => {
    await start();
    await create(server, "Import", namespace, "web", importOf(80, 20_004));
    await told(server, "Import", namespace, "web", "ImportTargetPortValid True Listening");
    await create(server, "Import", namespace, "next", importOf(80, 20_004));
    await told(server, "Import", namespace, "next", "ImportTargetPortValid False PortConflict");
    await server.client.delete(customResource("Import"), { namespace, name: "web" });
    await told(server, "Import", namespace, "next", "ImportTargetPortValid True Listening");
    await told(server, "Import", namespace, "next", "ImportServiceValid True Ready");
    await eventually("no Service of the first", async () => (await serviceOf("web")) === undefined);
  });

  test("moves an allotted port that cannot be bound, with its endpoints, and tells", async () => {
    const replica = await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const port = replica.relay.tables?.imports[`${namespace}/web`]?.listen?.port ?? 0;
    replica.relay.fail({ key: `${namespace}/web`, port, code: "EADDRINUSE", message: "address in use" });
    const moved = await eventually("another port", async () => {
      const now = (await read(server, "Import", namespace, "web"))?.status?.targetPort;
      return now !== port && now;
    });
    replica.relay.fail();
    await eventually("its endpoints", async () => (await slicesOf("web"))[0]?.ports?.[0]?.port === moved);
    expect((await serviceOf("web"))?.spec?.ports?.[0]?.targetPort).toBe(moved);
    const event = await eventually("an event", async () => (await events("web"))[0]);
    expect(event.message).toBe(`Port ${port} cannot be bound (EADDRINUSE); the gateway listens on ${moved} instead.`);
  });

  test("says when a chosen port cannot be bound", async () => {
    const replica = await start();
    await create(server, "Import", namespace, "web", importOf(80, 20_002));
    await told(server, "Import", namespace, "web", "ImportTargetPortValid True Listening");
    replica.relay.fail({ key: `${namespace}/web`, port: 20_002, code: "EACCES", message: "permission denied" });
    expect(await told(server, "Import", namespace, "web", "ImportTargetPortValid False BindFailed")).toBe(
      "The gateway cannot listen on port 20002 (EACCES): permission denied; free it or set another spec.targetPort.",
    );
  });

  test("never touches a Service that somebody else has, says whose it is, and takes over when it is gone", async () => {
    const theirs = await makeService(
      "web",
      { selector: { app: "web" }, ports: [{ port: 80 }] },
      {
        labels: { "app.kubernetes.io/managed-by": "Helm" },
      },
    );
    const replica = await start();
    await importWeb();
    expect(await told(server, "Import", namespace, "web", "ImportServiceValid False ServiceConflict")).toContain(
      `There is a Service ${namespace}/web already, and it is managed by Helm.`,
    );
    expect((await serviceOf("web"))?.metadata.resourceVersion).toBe(theirs.metadata.resourceVersion as string);
    expect(await slicesOf("web")).toEqual([]);
    expect(replica.changes.filter((change) => !change.includes("/imports/") && !change.includes("/events/"))).toEqual(
      [],
    );
    await server.client.delete(SERVICES, { namespace, name: "web" });
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const said = await eventually("both events", async () => {
      const all = await events("web");
      return all.length === 2 && all;
    });
    expect(said.map(({ type, reason }) => `${type} ${reason}`).sort()).toEqual([
      "Normal Ready",
      "Warning ServiceConflict",
    ]);
  });

  test("follows a Service that changes hands: it is ours by its labels, and no more when they are another's", async () => {
    await makeService("web", { selector: { app: "web" }, ports: [{ port: 80 }] });
    await start();
    await importWeb();
    const conflict = () => told(server, "Import", namespace, "web", "ImportServiceValid False ServiceConflict");
    const label = (labels: Record<string, string>) =>
      server.client.patch(SERVICES, { namespace, name: "web" }, { metadata: { labels } });
    await conflict();
    await label({ ...OURS, "clusterlink.net/import-namespace": namespace });
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const port = (await read(server, "Import", namespace, "web"))?.status?.targetPort;
    expect((await serviceOf("web"))?.spec).toMatchObject({ ports: [{ port: 80, targetPort: port }] });
    expect((await serviceOf("web"))?.spec).not.toHaveProperty("selector");
    const changed = {
      metadata: { labels: { "app.kubernetes.io/managed-by": "other" } },
      spec: { selector: { app: "x" } },
    };
    await server.client.patch(SERVICES, { namespace, name: "web" }, changed);
    expect(await conflict()).toContain("and it is managed by other.");
    await eventually("none of our endpoints", async () => (await slicesOf("web")).length === 0);
    expect((await serviceOf("web"))?.spec?.selector).toEqual({ app: "x" });
    await label(OURS);
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    expect((await serviceOf("web"))?.spec).not.toHaveProperty("selector");
  });

  test("needs no Service in its own namespace for an Import of another, and leaves alone whoever has one of that name", async () => {
    const spec = { ports: [{ port: 80 }] };
    const name = `import-${namespace}-web`;
    const theirs = await server.client.create(SERVICES, { metadata: { name, namespace: SYSTEM }, spec } as Service);
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const services = await server.client.all(SERVICES, { namespace: SYSTEM });
    expect(services.map(({ metadata }) => [metadata.name, metadata.resourceVersion])).toEqual([
      [name, theirs.metadata.resourceVersion],
    ]);
  });

  test("puts right what somebody changed of its own, makes again what somebody deleted, and tells", async () => {
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const port = (await read(server, "Import", namespace, "web"))?.status?.targetPort;
    const spec = { selector: { app: "thief" }, ports: [{ port: 80, targetPort: 1 }], type: "NodePort" };
    await server.client.patch(SERVICES, { namespace, name: "web" }, { spec });
    await eventually("the Service as it was", async () => {
      const { spec: now } = (await serviceOf("web")) ?? {};
      return now?.type === "ClusterIP" && now.ports?.[0]?.targetPort === port && now.selector === undefined;
    });
    const [slice] = await slicesOf("web");
    const name = { namespace, name: slice?.metadata.name ?? "" };
    await server.client.patch(ENDPOINT_SLICES, name, { endpoints: [{ addresses: ["10.9.9.9"] }] });
    await eventually(
      "the endpoints as they were",
      async () => addresses(await slicesOf("web")).join() === "10.244.0.5,10.244.0.6",
    );
    await server.client.delete(ENDPOINT_SLICES, name);
    await eventually("the endpoints again", async () => (await slicesOf("web")).length === 1);
    await server.client.delete(SERVICES, { namespace, name: "web" });
    await eventually("the Service again", () => serviceOf("web"));
    const told_ = await eventually("both events", async () => {
      const all = await events("web");
      return all.length === 2 && all.map(({ message }) => message).sort();
    });
    expect(told_).toEqual([
      `Service ${namespace}/web was changed and is put right.`,
      `Service ${namespace}/web was deleted and is made again.`,
    ]);
  });

  test("puts right an EndpointSlice whose labels somebody took away", async () => {
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const name = (await slicesOf("web"))[0]?.metadata.name ?? "";
    for (const label of ["endpointslice.kubernetes.io/managed-by", "kubernetes.io/service-name"]) {
      const taken = { metadata: { labels: { [label]: null } }, endpoints: [{ addresses: ["10.9.9.9"] }] };
      await server.client.patch(ENDPOINT_SLICES, { namespace, name }, taken);
      await eventually("the slice as it was", async () => {
        const slices = await slicesOf("web");
        return slices.length === 1 && addresses(slices).join() === "10.244.0.5,10.244.0.6";
      });
    }
    expect(await told(server, "Import", namespace, "web", "ImportServiceValid True Ready")).toContain("leads to");
  });

  test("removes a copy of its Service that has the labels too, and tells", async () => {
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const { labels = {} } = (await serviceOf("web"))?.metadata ?? {};
    await makeService("copy", { ports: [{ port: 80 }] }, { labels });
    await eventually("no copy", async () => (await serviceOf("copy")) === undefined);
    const event = await eventually("an event", async () => (await events("web"))[0]);
    expect(`${event.type} ${event.reason}: ${event.message}`).toBe(
      `Warning ServiceRemoved: Service ${namespace}/copy had the labels of one that the gateway makes for this Import, which does not need it, and was removed.`,
    );
    expect(await serviceOf("web")).toBeDefined();
  });

  test("takes an edit of an Import for what it is, and writes its conditions together, on the generation that they are of", async () => {
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    for (const port of [81, 82, 83]) {
      await server.client.patch(customResource("Import"), { namespace, name: "web" }, { spec: { port } });
      await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
      expect((await serviceOf("web"))?.spec?.ports?.[0]?.port).toBe(port);
      const { metadata, status } = (await read(server, "Import", namespace, "web")) ?? {};
      const generations = status?.conditions?.map(({ observedGeneration }) => observedGeneration);
      expect(generations).toEqual([metadata?.generation, metadata?.generation]);
    }
    await Bun.sleep(100);
    expect(await events("web")).toEqual([]);
  });

  test("removes what it made for an Import that is deleted, and nothing else", async () => {
    const theirs = await makeService("other", { ports: [{ port: 80 }] });
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    await server.client.delete(customResource("Import"), { namespace, name: "web" });
    await eventually("no Service", async () => (await serviceOf("web")) === undefined);
    await eventually("no endpoints", async () => (await slicesOf("web")).length === 0);
    expect((await serviceOf("other"))?.metadata.uid).toBe(theirs.metadata.uid as string);
  });

  test("removes at its start what was left behind, whoever left it", async () => {
    const labels = { ...OURS, "clusterlink.net/import-namespace": namespace };
    await makeService("web", { ports: [{ port: 80 }] }, { labels });
    await server.client.create(ENDPOINT_SLICES, {
      metadata: {
        name: "clusterlink-3-web-cl-dataplane-x",
        namespace,
        labels: { "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "clusterlink.net" },
      },
      addressType: "IPv4",
      endpoints: [],
      ports: [],
    } as EndpointSlice);
    await server.client.create(SERVICES, {
      metadata: { name: "import-web", namespace: SYSTEM, labels },
      spec: { selector: { app: "cl-dataplane" }, ports: [{ port: 80 }] },
    } as unknown as Service);
    await start();
    await eventually("no Service", async () => (await serviceOf("web")) === undefined);
    await eventually("no endpoints", async () => (await slicesOf("web")).length === 0);
    await eventually("no Service of the gateway's namespace", async () => {
      return (await server.client.get(SERVICES, { namespace: SYSTEM, name: "import-web" })) === undefined;
    });
  });

  test("converts the Services of ClusterLink, and removes those that are not needed", async () => {
    const labels = { ...OURS, "clusterlink.net/import-namespace": namespace };
    const externalName = "import-web.clusterlink-system.svc.cluster.local";
    const left = await makeService("web", { type: "ExternalName", externalName }, { labels });
    const system = { name: "import-web", namespace: SYSTEM };
    await server.client.create(SERVICES, {
      metadata: { ...system, labels },
      spec: { selector: { app: "cl-dataplane" }, ports: [{ port: 80 }] },
    } as unknown as Service);
    await importWeb();
    await start();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    const service = await serviceOf("web");
    expect(service?.metadata.uid).toBe(left.metadata.uid as string);
    expect(service?.spec?.type).toBe("ClusterIP");
    expect(service?.spec?.clusterIP).toMatch(/^10\./);
    expect(service?.spec).not.toHaveProperty("externalName");
    await eventually("no system Service", async () => (await server.client.get(SERVICES, system)) === undefined);
  });

  test("adds the gateway to the endpoints of the Service that an Import merges into, and takes it away again", async () => {
    await start();
    await importWeb({ [MERGE_LABEL]: "true" });
    expect(await told(server, "Import", namespace, "web", "ImportServiceValid False ServiceMissing")).toBe(
      `There is no Service ${namespace}/web to merge into; create it, or remove the merge label.`,
    );
    await makeService("web", { selector: { app: "web" }, ports: [{ name: "admin", port: 81 }] });
    expect(await told(server, "Import", namespace, "web", "ImportServiceValid False PortMissing")).toBe(
      `Service ${namespace}/web has no TCP port 80 (it has 81); set spec.port to one of the Service.`,
    );
    const ports = [
      { name: "admin", port: 81 },
      { name: "http", port: 80 },
    ];
    await server.client.patch(SERVICES, { namespace, name: "web" }, { spec: { ports } });
    await told(server, "Import", namespace, "web", "ImportServiceValid True Merged");
    const before = await serviceOf("web");
    const [slice] = await slicesOf("web");
    const port = (await read(server, "Import", namespace, "web"))?.status?.targetPort as number;
    expect(slice?.ports).toMatchObject([{ name: "http", port }]);
    await server.client.delete(customResource("Import"), { namespace, name: "web" });
    await eventually("no endpoints", async () => (await slicesOf("web")).length === 0);
    expect(await serviceOf("web")).toEqual(before as Service);
  });

  test("tells of a Service that cannot be, because of the Import's name", async () => {
    await start();
    await create(server, "Import", namespace, "1web", importOf(80));
    expect(await told(server, "Import", namespace, "1web", "ImportServiceValid False NameInvalid")).toContain(
      'A Service cannot be called "1web"',
    );
  });

  test("keeps endpoints equal to the gateway's, of both families, and Services valid while it has none", async () => {
    await start();
    await importWeb();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    await gatewayEndpoints(server, ["10.244.0.6", "10.244.0.7"]);
    await eventually(
      "the new endpoints",
      async () => addresses(await slicesOf("web")).join() === "10.244.0.6,10.244.0.7",
    );
    await gatewayEndpoints(server, ["10.244.1.1"], "clusterlink-y");
    await eventually("a second slice", async () => (await slicesOf("web")).length === 2);
    await server.client.delete(ENDPOINT_SLICES, { namespace: SYSTEM, name: "clusterlink-x" });
    await server.client.delete(ENDPOINT_SLICES, { namespace: SYSTEM, name: "clusterlink-y" });
    expect(await told(server, "Import", namespace, "web", "ImportServiceValid True NoGatewayEndpoints")).toContain(
      "it has no endpoints, since Service clusterlink-system/clusterlink, the gateway's own, has no EndpointSlices",
    );
    expect(await slicesOf("web")).toEqual([]);
    expect(await serviceOf("web")).toBeDefined();
  });

  test("says of an Export whether its Service and the port are there, as they come and go", async () => {
    const replica = await start();
    const row = () => replica.relay.tables?.exports[`${namespace}/api`];
    await create(server, "Export", namespace, "api", { port: 80 });
    expect(await told(server, "Export", namespace, "api", "ExportValid False ServiceMissing")).toBe(
      `There is no Service ${namespace}/api; create it, or set spec.host to where the service is.`,
    );
    await makeService("api", { ports: [{ name: "a", port: 81 }] });
    expect(await told(server, "Export", namespace, "api", "ExportValid False PortMissing")).toBe(
      `Service ${namespace}/api has no TCP port 80 (it has 81); set spec.port to one that it has.`,
    );
    expect(row()).toBeUndefined();
    await server.client.patch(SERVICES, { namespace, name: "api" }, { spec: { ports: [{ name: "a", port: 80 }] } });
    await told(server, "Export", namespace, "api", "ExportValid True Valid");
    expect(row()).toMatchObject({ host: `api.${namespace}.svc`, port: 80 });
    await server.client.delete(SERVICES, { namespace, name: "api" });
    await told(server, "Export", namespace, "api", "ExportValid False ServiceMissing");
    await create(server, "Export", namespace, "db", { host: "db.example", port: 5432 });
    await told(server, "Export", namespace, "db", "ExportValid True Valid");
  });

  test("says of every policy whether it is in force", async () => {
    const replica = await start();
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await create(server, "PrivilegedAccessPolicy", undefined, `all-${namespace}`, ALLOW_ALL);
    await told(server, "AccessPolicy", namespace, "all", "PolicyValid True Valid");
    await told(server, "PrivilegedAccessPolicy", undefined, `all-${namespace}`, "PolicyValid True Valid");
    expect(Object.keys(replica.relay.tables?.policies ?? {}).sort()).toEqual([
      `privileged/all-${namespace}`,
      `regular/${namespace}/all`,
    ]);
  });

  test("says of a Peer whether it is reached, and tells when it is not", async () => {
    await start();
    await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: 1 }] });
    expect(await told(server, "Peer", SYSTEM, "west", "PeerReachable False NoHeartbeat")).toContain("127.0.0.1:1");
    await create(server, "Peer", namespace, "stray", { gateways: [{ host: "127.0.0.1", port: 1 }] });
    await told(server, "Peer", namespace, "stray", "PeerReachable False WrongNamespace");
    await eventually("an event", async () => {
      const all = await server.client.all(EVENTS, { namespace: SYSTEM });
      return all.find(({ involvedObject, reason }) => involvedObject.name === "west" && reason === "NoHeartbeat");
    });
  });
});

onRealApiServer("the CRDs", (running) => {
  let namespace: string;
  beforeEach(async () => {
    namespace = await running().namespace();
  });

  test.each([
    ["an Import's name of 64 characters", "Import", "a".repeat(64), importOf(80), "has 63 characters at most"],
    ["a port above 65535", "Import", "web", importOf(65_536), "spec.port"],
    ["an unknown load-balancing scheme", "Import", "web", { ...importOf(80), lbScheme: "best" }, "spec.lbScheme"],
    ["a policy without `to`", "AccessPolicy", "all", { ...ALLOW_ALL, to: [] }, "spec.to"],
    [
      "workload sets",
      "AccessPolicy",
      "all",
      { ...ALLOW_ALL, from: [{ workloadSets: ["x"] }] },
      "select by `workloadSelector`",
    ],
    [
      "In without values",
      "AccessPolicy",
      "all",
      {
        ...ALLOW_ALL,
        to: [{ workloadSelector: { matchExpressions: [{ key: "peer.clusterlink.net/name", operator: "In" }] } }],
      },
      "operators In and NotIn need at least one value",
    ],
    ["a Peer without gateways", "Peer", "west", { gateways: [] }, "spec.gateways"],
  ] as const)("refuse %s, with the reason", async (_, kind, name, spec, message) => {
    await expect(create(running(), kind, namespace, name, spec as never)).rejects.toThrow(message);
  });

  test("accept an Import's name of 63 characters", async () => {
    await create(running(), "Import", namespace, "a".repeat(63), importOf(80));
  });
});
