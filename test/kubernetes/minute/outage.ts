/** A minute without the API server: connections go on, new ones are made, and afterwards everything is in order. */
import { expect } from "bun:test";
import {
  customResource,
  ENDPOINT_SLICES,
  type KubeObject,
  PODS,
  SERVICES,
  type Service,
} from "../../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL } from "../../control/objects.ts";
import { create, eventually, read, told } from "../control-site.ts";
import { CuttableWay } from "../cut.ts";
import { HashedStream, tryEcho } from "../hashed-stream.ts";
import type { OutageServer } from "../test-server.ts";
import { ENDPOINTS, HOSTS, importSpec, lease, makePod, quiet, scene } from "./scene.ts";

/** What everything may take to be in order again: watches are tried again every 30 s at the latest. */
const REPAIR = { limit: 45_000, interval: 100 };

/** Much happens just before the server goes, while the gateways cannot reach it, and as it comes back. */
export async function outage(stack: AsyncDisposableStack, server: OutageServer, minute: number): Promise<void> {
  const way = new CuttableWay(server);
  stack.defer(() => way.close());
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
  const renewed = (await lease(server))?.renewTime;
  const back = performance.now();
  way.mend();
  await remove("late");

  await eventually("a leader", async () => (await lease(server))?.renewTime !== renewed, REPAIR);
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
