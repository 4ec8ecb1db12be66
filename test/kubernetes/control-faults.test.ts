/** Whatever goes wrong between control and the API server, in the end everything is as it has to be. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  customResource,
  ENDPOINT_SLICES,
  EVENTS,
  type KubeObject,
  SERVICES,
} from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, importOf } from "../control/objects.ts";
import type { ApiServer, Recorded } from "./api-server.ts";
import { create, eventually, gatewayEndpoints, Replica, read, told } from "./control-site.ts";
import { CRDS } from "./envtest.ts";
import { onTestApiServer } from "./server.ts";

interface Definition {
  spec: { versions: { schema: { openAPIV3Schema: object } }[] };
}

const READS = new Set(["get", "list", "watch"]);

onTestApiServer("a control", (running) => {
  let server: ApiServer;
  let namespace: string;
  let replica: Replica | undefined;
  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    await gatewayEndpoints(server, ["10.244.0.5"]);
  });
  afterEach(() => replica?.stop());

  /** Only what the replica writes fails: it writes statuses, Services and EndpointSlices, and the tests write Imports. */
  const isWrite = ({ verb, resource }: Recorded) => !READS.has(verb) && resource !== "imports";
  const remove = (name: string) => server.client.delete(customResource("Import"), { namespace, name });
  /** Names of the Services that there are, each with the port that its endpoints have. */
  async function state(): Promise<string[]> {
    const services = await server.client.all(SERVICES, { namespace });
    const slices = await server.client.all(ENDPOINT_SLICES, { namespace });
    return services
      .map(({ metadata: { name }, spec }) => {
        const slice = slices.find(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);
        return `${name} ${spec?.ports?.[0]?.targetPort} ${slice?.ports?.[0]?.port}`;
      })
      .sort();
  }
  async function wanted(names: string[]): Promise<string[]> {
    const ports = await Promise.all(
      names.map(async (name) => (await read(server, "Import", namespace, name))?.status?.targetPort),
    );
    return names.map((name, index) => `${name} ${ports[index]} ${ports[index]}`).sort();
  }

  const faults: [string, () => void][] = [
    ["writes that fail", () => server.faults.failNext(20, { when: isWrite })],
    ["writes that are put off", () => server.faults.failNext(5, { status: 429, retryAfter: 0, when: isWrite })],
    ["writes that are slow", () => server.faults.delay(50, isWrite)],
    ["watches that break", () => server.faults.dropWatches()],
    ["a history that is over", () => server.faults.expireWatches()],
    [
      "lists that fail",
      () => {
        // The replica lists the whole cluster, and the test its own namespace.
        server.faults.failNext(5, { when: ({ verb, namespace: of }) => verb === "list" && of === undefined });
        server.faults.expireWatches();
      },
    ],
  ];
  test.each(faults)(
    "outlives %s",
    async (_, fail) => {
      replica = await Replica.start(server);
      await eventually("leadership", () => replica?.kind.leads);
      for (const name of ["a", "b", "c"]) await create(server, "Import", namespace, name, importOf(80));
      await told(server, "Import", namespace, "a", "ImportServiceValid True Ready");
      fail();
      await create(server, "Import", namespace, "d", importOf(80));
      await remove("a");
      await eventually("another", () => {
        return server.client.delete(SERVICES, { namespace, name: "b" }).catch(() => undefined);
      });
      await eventually("all as it has to be", async () => {
        const now = await state();
        return now.length === 3 && Bun.deepEquals(now, await wanted(["b", "c", "d"]));
      });
      for (const name of ["b", "c", "d"])
        await told(server, "Import", namespace, name, "ImportServiceValid True Ready");
      server.faults.clear();
      await Bun.sleep(200);
      const before = replica.changes.length;
      await Bun.sleep(500);
      expect(replica.changes.slice(before)).toEqual([]);
    },
    30_000,
  );

  test("says nothing of an error that passes by itself", async () => {
    replica = await Replica.start(server);
    await eventually("leadership", () => replica?.kind.leads);
    const isService = ({ resource }: Recorded) => resource === "services";
    server.faults.failNext(3, { status: 503, when: (request) => isWrite(request) && isService(request) });
    await create(server, "Import", namespace, "web", importOf(80));
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    await Bun.sleep(100);
    expect(await server.client.all(EVENTS, { namespace })).toEqual([]);
  });

  test("does not call an edit of an Import done before it is, nor the Service that has to follow it changed by others", async () => {
    replica = await Replica.start(server);
    await create(server, "Import", namespace, "web", importOf(80));
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    server.faults.failNext(3, { status: 503, when: (request) => isWrite(request) && request.resource === "services" });
    await server.client.patch(customResource("Import"), { namespace, name: "web" }, { spec: { port: 81 } });
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    expect((await server.client.get(SERVICES, { namespace, name: "web" }))?.spec?.ports?.[0]?.port).toBe(81);
    await Bun.sleep(100);
    expect(await server.client.all(EVENTS, { namespace })).toEqual([]);
  });

  test("makes a Service again that somebody deleted before the watch had told of it, and never will", async () => {
    replica = await Replica.start(server);
    await eventually("leadership", () => replica?.kind.leads);
    server.faults.failNext(1_000, { when: ({ verb, resource }) => verb === "watch" && resource === "services" });
    server.faults.dropWatches(({ plural }) => plural === "services");
    await create(server, "Import", namespace, "web", importOf(80));
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    await server.client.delete(SERVICES, { namespace, name: "web" });
    server.faults.expireHistory();
    server.faults.clear();
    await eventually("the watch again", () => replica?.kind.problems.length === 0);
    await server.client.patch(customResource("Import"), { namespace, name: "web" }, { spec: { port: 81 } });
    await eventually("the Service", async () => {
      const service = await server.client.get(SERVICES, { namespace, name: "web" });
      return service?.spec?.ports?.[0]?.port === 81;
    });
  }, 30_000);

  test("says in the status what the API server refuses, and that it does not any more", async () => {
    replica = await Replica.start(server);
    await eventually("leadership", () => replica?.kind.leads);
    const isService = ({ resource }: Recorded) => resource === "services";
    server.faults.failNext(1_000, { status: 403, when: (request) => isWrite(request) && isService(request) });
    await create(server, "Import", namespace, "web", importOf(80));
    const message = await told(server, "Import", namespace, "web", "ImportServiceValid False WriteFailed");
    expect(message).toContain("The Service or its EndpointSlices cannot be written; it is tried again.");
    expect(message).toContain(`POST /api/v1/namespaces/${namespace}/services`);
    server.faults.clear();
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
  }, 30_000);

  test("says of an object that the cluster took and that does not count here why it does not, and tells of policies", async () => {
    const name = { name: "accesspolicies.clusterlink.net" };
    const strict = await server.client.get(CRDS, name);
    const lax = structuredClone(strict) as unknown as Definition;
    const [version] = lax.spec.versions;
    if (version) version.schema.openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    await server.client.replace(CRDS, lax as unknown as KubeObject);
    try {
      replica = await Replica.start(server);
      const spec = { ...ALLOW_ALL, from: [{ workloadSets: ["x"] }] } as unknown as typeof ALLOW_ALL;
      await create(server, "AccessPolicy", namespace, "sets", spec);
      const message = await told(server, "AccessPolicy", namespace, "sets", "PolicyValid False Invalid");
      expect(message).toStartWith("It does not count, since it is not valid: spec.from[0]");
      expect(replica.relay.tables?.policies).toEqual({});
      expect((await replica.site.status()).problems).toEqual([
        `AccessPolicy ${namespace}/sets is not valid and not in force`,
      ]);
      await server.client.patch(customResource("AccessPolicy"), { namespace, name: "sets" }, { spec: ALLOW_ALL });
      await told(server, "AccessPolicy", namespace, "sets", "PolicyValid True Valid");
      expect((await replica.site.status()).problems).toEqual([]);
    } finally {
      const now = await server.client.get(CRDS, name);
      const { resourceVersion } = now?.metadata ?? {};
      await server.client.replace(CRDS, {
        ...strict,
        metadata: { ...strict?.metadata, ...name, resourceVersion },
      } as KubeObject);
    }
  });
});
