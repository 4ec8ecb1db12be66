/**
 * What has to hold for a whole minute: while the API server is gone, and while there is nothing to do. Whole gateways,
 * as processes. The minutes pass side by side, each on an API server that no other test uses meanwhile.
 */
import { describe, expect, test } from "bun:test";
import {
  customResource,
  ENDPOINT_SLICES,
  type KubeObject,
  LEASES,
  PODS,
  type Pod,
  resourceName,
  SERVICES,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, SYSTEM } from "../control/objects.ts";
import { GatewaySite } from "../process/gateway-process.ts";
import type { Requirement } from "../requires.ts";
import { startApiServer } from "./api-server.ts";
import { create, eventually, gatewayEndpoints, read, told } from "./control-site.ts";
import { CuttableWay } from "./cut.ts";
import { realServer, startRealServer } from "./envtest.ts";
import { HashedStream, startEcho, tryEcho } from "./hashed-stream.ts";
import { requiresRealServer } from "./server.ts";
import type { Handled, OutageServer, TestServer } from "./test-server.ts";

const API = "/apis/clusterlink.net/v1alpha1/namespaces/default";

/** Where the two replicas listen, since they share a machine. */
const HOSTS = ["127.0.0.2", "127.0.0.3"] as const;

/** The addresses of their pods, which cannot be those. */
const ENDPOINTS = ["10.244.0.5", "10.244.0.6"];

/** What everything may take to be in order again: watches are tried again every 30 s at the latest. */
const REPAIR = { limit: 45_000, interval: 100 };

const READS = new Set(["get", "list", "watch"]);

/** Two replicas of a gateway in a cluster, a site of its own that exports an echo, and the way between all of them. */
interface Scene {
  server: TestServer;
  namespace: string;
  replicas: GatewaySite[];
}

async function scene(stack: AsyncDisposableStack, server: TestServer, kubeconfig = server.kubeconfig): Promise<Scene> {
  const namespace = await server.namespace();
  await gatewayEndpoints(server, ENDPOINTS);
  const echo = await startEcho();
  stack.defer(() => echo.stop());
  const start = async (name: string, flags: string[] = []) => {
    const site = await GatewaySite.create(name);
    stack.defer(() => site.close());
    await site.startReady(flags);
    return site;
  };
  const west = await start("west");
  const make = (plural: string, kind: string, name: string, spec: object) =>
    west.request("POST", `${API}/${plural}`, {
      apiVersion: "clusterlink.net/v1alpha1",
      kind,
      metadata: { name },
      spec,
    });
  await make("exports", "Export", "echo", { host: "127.0.0.1", port: echo.port });
  await make("accesspolicies", "AccessPolicy", "all", ALLOW_ALL);
  await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: west.port }] });
  const cluster = ["--kubernetes", "--kubeconfig", kubeconfig, "--import-address"];
  const replicas = await Promise.all(HOSTS.map((host) => start("east", [...cluster, host])));
  return { server, namespace, replicas };
}

const importSpec = (targetPort?: number) => ({
  port: 7,
  sources: [{ peer: "west", exportName: "echo", exportNamespace: "default" }],
  lbScheme: "round-robin" as const,
  ...(targetPort === undefined ? {} : { targetPort }),
});

async function makePod({ server, namespace }: Scene, name: string, ip: string, app: string): Promise<void> {
  const spec = { containers: [{ name: "c", image: "i" }] };
  await server.client.create(PODS, { metadata: { name, namespace, labels: { app } }, spec } as Pod);
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }] };
  await server.client.patchStatus(PODS, { namespace, name }, { status });
}

const lease = async (server: TestServer) =>
  (await server.client.get(LEASES, { namespace: SYSTEM, name: "clusterlink-gateway" }))?.spec;

const shown = ({ verb, resource, namespace, name }: Handled) => `${verb} ${resource} ${namespace}/${name}`;
const RENEWAL = `update leases ${SYSTEM}/clusterlink-gateway`;

/** What was written but the Lease, from the server's own record. */
const writes = (server: TestServer, from = 0) =>
  server
    .handled()
    .slice(from)
    .filter(({ verb }) => !READS.has(verb))
    .map(shown);

/** Waits until nothing but the Lease has been written for three seconds. */
async function quiet(server: TestServer): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const from = server.handled().length;
    await Bun.sleep(3_000);
    if (writes(server, from).every((write) => write === RENEWAL)) return;
  }
  throw new Error("it never became quiet");
}

/** The version of every object of the cluster, whatever its kind. */
async function versionsOf(server: TestServer): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const resource of await server.resources()) {
    for (const { metadata } of await server.client.all(resource)) {
      versions.set(`${resourceName(resource)} ${metadata.namespace}/${metadata.name}`, metadata.resourceVersion ?? "");
    }
  }
  return versions;
}

async function idle(stack: AsyncDisposableStack, server: TestServer, minute: number): Promise<void> {
  const place = await scene(stack, server);
  const { namespace } = place;
  const ready = (name: string, reason: string) =>
    told(server, "Import", namespace, name, `ImportServiceValid ${reason}`);
  for (let i = 0; i < 10; i++) await create(server, "Import", namespace, `web-${i}`, importSpec());
  await create(server, "Import", namespace, "chosen", importSpec(20_001));
  await ready("chosen", "True Ready");
  await create(server, "Import", namespace, "taken", importSpec(20_001));
  const ports = [{ port: 7 }];
  await server.client.create(SERVICES, { metadata: { name: "theirs", namespace }, spec: { ports } } as Service);
  await create(server, "Import", namespace, "theirs", importSpec());
  await create(server, "Import", namespace, "lost", importSpec(), { "import.clusterlink.net/merge": "true" });
  await create(server, "Export", namespace, "theirs", { port: 7 });
  await create(server, "Export", namespace, "nothing", { port: 7 });
  await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
  await create(server, "PrivilegedAccessPolicy", undefined, "all", ALLOW_ALL);
  await create(server, "Peer", SYSTEM, "nowhere", { gateways: [{ host: "127.0.0.1", port: 1 }] });
  await create(server, "Peer", namespace, "stray", { gateways: [{ host: "127.0.0.1", port: 1 }] });
  await makePod(place, "shop", "10.1.0.1", "shop");
  for (let i = 0; i < 10; i++) await ready(`web-${i}`, "True Ready");
  await ready("taken", "False NoPort");
  await ready("theirs", "False ServiceConflict");
  await ready("lost", "False ServiceMissing");
  await told(server, "Peer", SYSTEM, "west", "PeerReachable True Heartbeat");
  await told(server, "Peer", SYSTEM, "nowhere", "PeerReachable False NoHeartbeat");
  await quiet(server);

  const before = await versionsOf(server);
  const held = await lease(server);
  const from = server.handled().length;
  await Bun.sleep(minute);
  const written = writes(server, from);
  const after = await versionsOf(server);

  expect(written.filter((write) => write !== RENEWAL)).toEqual([]);
  // Every 2 s, give or take a tenth; a busy machine adds to that. Two that renewed would be twice as many.
  expect(written.length).toBeGreaterThan(minute / 4_000);
  expect(written.length).toBeLessThan(minute / 1_600);
  const keys = new Set([...before.keys(), ...after.keys()]);
  const changed = [...keys].filter((key) => before.get(key) !== after.get(key));
  // A real API server renews a Lease of its own.
  const ofGateways = changed.filter((key) => !key.startsWith("leases.coordination.k8s.io kube-system/apiserver-"));
  expect(ofGateways).toEqual([`leases.coordination.k8s.io ${SYSTEM}/clusterlink-gateway`]);
  const { holderIdentity, leaseTransitions } = (await lease(server)) ?? {};
  expect({ holderIdentity, leaseTransitions }).toEqual({
    holderIdentity: held?.holderIdentity,
    leaseTransitions: held?.leaseTransitions,
  });
  expect(before.size).toBeGreaterThan(40);
  console.log(
    `${server.name}: ${written.length} renewals and no other write to ${before.size} objects in ${minute / 1000} s`,
  );
}

async function outage(stack: AsyncDisposableStack, server: OutageServer, minute: number): Promise<void> {
  const way = new CuttableWay(server);
  stack.defer(() => way.cut());
  const place = await scene(stack, server, way.kubeconfig);
  const { namespace, replicas } = place;
  const { client } = server;
  const ready = (name: string) => told(server, "Import", namespace, name, "ImportServiceValid True Ready");
  const portOf = async (name: string) => (await read(server, "Import", namespace, name))?.status?.targetPort ?? 0;
  const serviceOf = (name: string) => client.get(SERVICES, { namespace, name });
  const slicesOf = (name: string) =>
    client.all(ENDPOINT_SLICES, { namespace, labelSelector: `kubernetes.io/service-name=${name}` });
  const remove = (name: string) => client.delete(SERVICES, { namespace, name });

  await create(server, "AccessPolicy", namespace, "shop", {
    ...ALLOW_ALL,
    from: [{ workloadSelector: { matchLabels: { "client.clusterlink.net/labels.app": "shop" } } }],
  });
  await makePod(place, "shop", "127.0.0.1", "shop");
  await makePod(place, "desk", "127.0.0.9", "shop");
  for (const name of ["echo", "doomed"]) await create(server, "Import", namespace, name, importSpec());
  for (const name of ["echo", "doomed"]) await ready(name);
  const api = { metadata: { name: "api", namespace }, spec: { ports: [{ port: 80 }] } } as Service;
  await client.create(SERVICES, api);
  await create(server, "Export", namespace, "api", { port: 80 });
  await told(server, "Export", namespace, "api", "ExportValid True Valid");
  const port = await portOf("echo");
  const [gatewayPod, otherPod] = HOSTS;
  for (const host of HOSTS) {
    await eventually(`bytes through ${host}`, async () => (await tryEcho(host, port)) === undefined);
  }
  expect(await tryEcho(gatewayPod, port, "127.0.0.9")).toBeUndefined();

  const streams = await Promise.all([...HOSTS, ...HOSTS, ...HOSTS].map((host) => HashedStream.open(host, port)));
  for (const stream of streams) void stream.talk();
  await Bun.sleep(1_000);

  await create(server, "Import", namespace, "late", importSpec());
  await server.pause();
  way.cut();
  const failures: string[] = [];
  let opened = 0;
  for (const end = performance.now() + minute; performance.now() < end; await Bun.sleep(250)) {
    for (const host of HOSTS) {
      const failure = await tryEcho(host, port);
      opened++;
      if (failure !== undefined) failures.push(`${host}: ${failure}`);
    }
  }
  expect(failures).toEqual([]);
  expect(await tryEcho(otherPod, port, "127.0.0.9")).toBeUndefined();
  for (const replica of replicas) expect((await replica.status())?.problems).not.toEqual([]);
  expect(streams.map(({ failure }) => failure)).toEqual(streams.map(() => undefined));

  // It is back, but the gateways cannot reach it yet: so much happens without them.
  await server.resume();
  await remove("echo");
  for (const { metadata } of await slicesOf("doomed")) await client.delete(ENDPOINT_SLICES, metadata);
  await client.delete(customResource("Import"), { namespace, name: "doomed" });
  await remove("api");
  await client.delete(PODS, { namespace, name: "desk" }, { gracePeriodSeconds: 0 });
  await makePod(place, "stranger", "127.0.0.9", "stranger");
  await client.delete(PODS, { namespace, name: "shop" }, { gracePeriodSeconds: 0 });
  await makePod(place, "shop-again", "127.0.0.1", "shop");
  const back = performance.now();
  way.mend();
  await remove("late");

  await eventually("a leader", async () => (await lease(server))?.holderIdentity, REPAIR);
  await eventually("its Service again", () => serviceOf("echo"), REPAIR);
  const condition = async (kind: "Import" | "Export", name: string) => {
    const object: KubeObject & { status?: { conditions?: { status: string; reason: string }[] } } = (await read(
      server,
      kind,
      namespace,
      name,
    )) as never;
    return object?.status?.conditions
      ?.map(({ status, reason }) => `${status} ${reason}`)
      .sort()
      .join(", ");
  };
  const good = "True Listening, True Ready";
  await eventually(
    "the Import that was made just before",
    async () => (await condition("Import", "late")) === good,
    REPAIR,
  );
  await eventually("its Service", () => serviceOf("late"), REPAIR);
  await eventually(
    "the Export's fault",
    async () => (await condition("Export", "api")) === "False ServiceMissing",
    REPAIR,
  );
  await eventually("no Service for no Import", async () => (await serviceOf("doomed")) === undefined, REPAIR);
  await eventually("no endpoints for no Import", async () => (await slicesOf("doomed")).length === 0, REPAIR);
  for (const host of HOSTS) {
    const late = await portOf("late");
    await eventually(
      `bytes of the late Import through ${host}`,
      async () => (await tryEcho(host, late)) === undefined,
      REPAIR,
    );
    await eventually(
      `no way for the stranger through ${host}`,
      async () => (await tryEcho(host, port, "127.0.0.9")) !== undefined,
      REPAIR,
    );
  }
  for (const replica of replicas) {
    await eventually("no problem", async () => (await replica.status())?.problems.length === 0, REPAIR);
  }
  const repaired = performance.now() - back;
  expect(await portOf("echo")).toBe(port);
  for (const name of ["echo", "late"]) {
    const wanted = await portOf(name);
    expect((await serviceOf(name))?.spec?.ports?.map(({ targetPort }) => targetPort)).toEqual([wanted]);
    const slices = await slicesOf(name);
    expect(slices.map(({ ports }) => ports?.map((each) => each.port))).toEqual([[wanted]]);
    expect(slices.flatMap(({ endpoints }) => endpoints?.flatMap(({ addresses }) => addresses))).toEqual(ENDPOINTS);
  }
  for (const host of HOSTS) expect(await tryEcho(host, port)).toBeUndefined();
  await quiet(server);

  const intact = await Promise.all(streams.map((stream) => stream.finish()));
  expect(streams.map(({ failure }) => failure)).toEqual(streams.map(() => undefined));
  expect(intact).toEqual(streams.map(() => true));
  const bytes = streams.reduce((sum, stream) => sum + stream.bytes, 0);
  console.log(
    `${server.name}: ${minute / 1000} s without it, ${opened} new connections, ${streams.length} old ones with`,
    `${Math.round(bytes / 1024 / 1024)} MiB; all in order ${(repaired / 1000).toFixed(1)} s after it was back`,
  );
}

interface Servers {
  name: string;
  /** How long it lasts, milliseconds. */
  minute: number;
  requirement: Requirement;
  forIdle(stack: AsyncDisposableStack): Promise<TestServer>;
  forOutage(stack: AsyncDisposableStack): Promise<OutageServer>;
}

async function ownServer(stack: AsyncDisposableStack, start: () => Promise<OutageServer>): Promise<OutageServer> {
  const server = await start();
  stack.defer(() => server.stop());
  return server;
}

const SERVERS: Servers[] = [
  {
    name: "on the API server of the tests",
    minute: 20_000,
    requirement: { skip: false, reason: "" },
    forIdle: (stack) => ownServer(stack, startApiServer),
    forOutage: (stack) => ownServer(stack, startApiServer),
  },
  {
    name: "on a real API server",
    minute: 60_000,
    requirement: requiresRealServer(),
    async forIdle() {
      const server = await realServer();
      await server.reset();
      return server;
    },
    forOutage: (stack) => ownServer(stack, startRealServer),
  },
];

describe("two replicas of a gateway", () => {
  for (const { name, minute, requirement, forIdle, forOutage } of SERVERS) {
    const timed = test.concurrent.skipIf(requirement.skip);
    const where = `${name} ${requirement.reason}`.trim();
    timed(
      `write nothing but the Lease while nothing happens, ${where}`,
      async () => {
        await using stack = new AsyncDisposableStack();
        await idle(stack, await forIdle(stack), minute);
      },
      240_000,
    );
    timed(
      `go on while the API server is gone, and leave nothing undone, ${where}`,
      async () => {
        await using stack = new AsyncDisposableStack();
        await outage(stack, await forOutage(stack), minute);
      },
      240_000,
    );
  }
});
