/**
 * What users do to a gateway in a cluster, from the object to the bytes: whole gateways, as processes. The gateway `east`
 * has its resources in a cluster, `west` keeps its own; what leads where, and what the status says of it.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { ImportSpec } from "../../src/resources/import.ts";
import { customResource, PODS, type Pod } from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, SYSTEM } from "../control/objects.ts";
import { GatewaySite } from "../process/gateway-process.ts";
import { create, eventually, gatewayEndpoints, read, told } from "./control-site.ts";
import { HashedStream, startEcho } from "./hashed-stream.ts";
import { suite } from "./server.ts";
import type { TestServer } from "./test-server.ts";

const API = "/apis/clusterlink.net/v1alpha1/namespaces/default";

/** What the start and the end of two gateways may take on a busy machine, milliseconds. */
const START_LIMIT = 30_000;

/** Heartbeats to a peer that was away come every 10 s. */
const HEARTBEATS = { limit: 30_000, interval: 100 };

/** How long an address that nobody knows waits to be known, in milliseconds. */
const IDENTITY_WAIT = 1_000;

suite("a gateway in a cluster and another", (running) => {
  let server: TestServer;
  let namespace: string;
  let east: GatewaySite;
  let west: GatewaySite;
  const cleanups: (() => unknown)[] = [];

  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    await gatewayEndpoints(server, ["10.244.0.5"]);
    [east, west] = await Promise.all([GatewaySite.create("east"), GatewaySite.create("west")]);
    cleanups.push(
      () => east.close(),
      () => west.close(),
    );
    await Promise.all([east.startReady(["--kubernetes", "--kubeconfig", server.kubeconfig]), west.startReady()]);
    await make("accesspolicies", "AccessPolicy", "all", ALLOW_ALL);
    await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: west.port }] });
  }, START_LIMIT);
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  }, START_LIMIT);

  /** Creates an object at `west`. */
  async function make(plural: string, kind: string, name: string, spec: object): Promise<void> {
    const object = { apiVersion: "clusterlink.net/v1alpha1", kind, metadata: { name }, spec };
    expect((await west.request("POST", `${API}/${plural}`, object)).status).toBe(201);
  }

  /** A service of `west`, exported under its name, that says its name. */
  async function exportWeb(name: string): Promise<Bun.Server<undefined>> {
    const web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(name) });
    cleanups.push(() => web.stop(true));
    await make("exports", "Export", name, { host: "127.0.0.1", port: web.port });
    return web;
  }

  const from = (peer: string, exportName: string, exportNamespace = "default") => ({
    peer,
    exportName,
    exportNamespace,
  });
  async function importFrom(name: string, spec: Partial<ImportSpec>, labels: Record<string, string> = {}) {
    const whole = { port: 80, sources: [], lbScheme: "round-robin" as const, ...spec };
    await create(server, "Import", namespace, name, whole, labels);
    await told(server, "Import", namespace, name, "ImportServiceValid True Ready");
  }

  /** @returns what an Import's service says; undefined when the connection is refused or reset */
  async function ask(name: string): Promise<string | undefined> {
    const port = (await read(server, "Import", namespace, name))?.status?.targetPort;
    return fetch(`http://127.0.0.1:${port}/`, { keepalive: false }).then(
      (response) => response.text(),
      () => undefined,
    );
  }
  const says = (name: string, text: string | undefined) =>
    eventually(`${name} to say ${text}`, async () => (await ask(name)) === text, HEARTBEATS);

  /** Waits until both relays have what the status has told of. */
  const applied = () =>
    eventually("the relays", async () => (await east.status())?.relays.every(({ lag }) => lag === 0));

  const peerSays = (wanted: string) =>
    eventually(
      `the Peer to say ${wanted}`,
      async () => {
        const [condition] = (await read(server, "Peer", SYSTEM, "west"))?.status?.conditions ?? [];
        const said = `${condition?.status} ${condition?.reason}: ${condition?.message}`;
        return said.startsWith(wanted) && said;
      },
      HEARTBEATS,
    );

  test("a Peer is reachable as long as one of its gateways is, and the others do no harm", async () => {
    await exportWeb("web");
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await importFrom("web", { sources: [from("west", "web")] });
    const good = { host: "127.0.0.1", port: west.port };
    const bad = { host: "127.0.0.1", port: 1 };
    const change = (...gateways: object[]) =>
      server.client.patch(customResource("Peer"), { namespace: SYSTEM, name: "west" }, { spec: { gateways } });
    const tenAnswers = async () => {
      await says("web", "web");
      for (let i = 0; i < 10; i++) expect(await ask("web")).toBe("web");
    };
    await change(bad, good);
    await peerSays("True Heartbeat: 1 of 2 gateways answer heartbeats.");
    await tenAnswers();
    await change(bad);
    expect(await peerSays("False NoHeartbeat")).toContain("No gateway answers heartbeats. 127.0.0.1:1: ");
    await says("web", undefined);
    await change(good, bad);
    await peerSays("True Heartbeat: 1 of 2 gateways answer heartbeats.");
    await tenAnswers();
  }, 120_000);

  test("a Peer that goes away is unreachable, and reachable again when it is back", async () => {
    await exportWeb("web");
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await importFrom("web", { sources: [from("west", "web")] });
    await peerSays("True Heartbeat: 1 of 1 gateways answer heartbeats.");
    await says("web", "web");
    await west.stop();
    await peerSays("False NoHeartbeat");
    await says("web", undefined);
    await west.startReady();
    await peerSays("True Heartbeat");
    await says("web", "web");
  }, 120_000);

  test("an Export leads to its host, and resets what comes while that does not exist; a site may be its own peer", async () => {
    const web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("own") });
    cleanups.push(() => web.stop(true));
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await create(server, "Peer", SYSTEM, "east", { gateways: [{ host: "127.0.0.1", port: east.port }] });
    const port = web.port ?? 0;
    await create(server, "Export", namespace, "own", { host: "no-such-host.invalid", port });
    expect(await told(server, "Export", namespace, "own", "ExportValid True Valid")).toBe(
      `Connections of peers lead to no-such-host.invalid:${port} where policies allow them.`,
    );
    await importFrom("own", { sources: [from("east", "own", namespace)] });
    await told(server, "Peer", SYSTEM, "east", "PeerReachable True Heartbeat");
    await applied();
    expect(await ask("own")).toBeUndefined();
    const host = "127.0.0.1";
    await server.client.patch(customResource("Export"), { namespace, name: "own" }, { spec: { host } });
    await says("own", "own");
    await server.client.delete(customResource("Export"), { namespace, name: "own" });
    await says("own", undefined);
  }, 60_000);

  const CLIENT = "client.clusterlink.net";
  const EXPORT = "export.clusterlink.net";
  const PEER = "peer.clusterlink.net";
  type End = "from" | "to";
  const label = (key: string, value: string) => ({ matchLabels: { [key]: value } });
  const expression = (key: string, operator: "In" | "NotIn" | "Exists" | "DoesNotExist", ...values: string[]) => ({
    matchExpressions: [{ key, operator, ...(values.length === 0 ? {} : { values }) }],
  });
  const selectors = (): [what: string, end: End, selector: object, matches: boolean][] => [
    ["the client's namespace", "from", label(`${CLIENT}/namespace`, namespace), true],
    ["the client's service account", "from", label(`${CLIENT}/service-account`, "buyer"), true],
    ["a label of the client", "from", label(`${CLIENT}/labels.app`, "shop"), true],
    ["another value of it", "from", label(`${CLIENT}/labels.app`, "other"), false],
    ["the client's site", "from", label(`${PEER}/name`, "east"), true],
    ["the exporting site", "to", label(`${PEER}/name`, "west"), true],
    ["the export's name", "to", label(`${EXPORT}/name`, "web"), true],
    ["the export's namespace", "to", label(`${EXPORT}/namespace`, "default"), true],
    ["a label of the Import", "to", label(`${EXPORT}/labels.tier`, "front"), true],
    ["In with the value", "from", expression(`${CLIENT}/labels.app`, "In", "x", "shop"), true],
    ["In without it", "from", expression(`${CLIENT}/labels.app`, "In", "x", "y"), false],
    ["NotIn with it", "from", expression(`${CLIENT}/labels.app`, "NotIn", "x", "shop"), false],
    ["NotIn without it", "from", expression(`${CLIENT}/labels.app`, "NotIn", "x", "y"), true],
    ["Exists of what is there", "from", expression(`${CLIENT}/labels.app`, "Exists"), true],
    ["Exists of what is not", "from", expression(`${CLIENT}/labels.none`, "Exists"), false],
    ["DoesNotExist of what is there", "from", expression(`${CLIENT}/labels.app`, "DoesNotExist"), false],
    ["DoesNotExist of what is not", "from", expression(`${CLIENT}/labels.none`, "DoesNotExist"), true],
  ];
  const policyOf = (action: "allow" | "deny", end: End, workloadSelector: object): AccessPolicySpec => ({
    ...ALLOW_ALL,
    action,
    [end]: [{ workloadSelector }],
  });
  const putPolicy = async (name: string, spec: AccessPolicySpec) => {
    await create(server, "AccessPolicy", namespace, name, spec);
    await told(server, "AccessPolicy", namespace, name, "PolicyValid True Valid");
    await applied();
  };
  const dropPolicy = (name: string) => server.client.delete(customResource("AccessPolicy"), { namespace, name });

  /** A pod labelled `app=shop` that has the address from which tests connect. */
  async function makePod(): Promise<void> {
    const spec = { serviceAccountName: "buyer", containers: [{ name: "c", image: "i" }] };
    await server.client.create(PODS, { metadata: { name: "shop", namespace, labels: { app: "shop" } }, spec } as Pod);
    const status = { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] };
    await server.client.patchStatus(PODS, { namespace, name: "shop" }, { status });
  }

  async function makeShop(): Promise<void> {
    await exportWeb("web");
    await makePod();
    await importFrom("web", { sources: [from("west", "web")] }, { tier: "front" });
    await peerSays("True Heartbeat");
  }

  test("policies see every attribute, by every operator: what matches is allowed, and what matches is denied", async () => {
    await makeShop();
    const decided: string[] = [];
    for (const [what, end, selector, matches] of selectors()) {
      await putPolicy("one", policyOf("allow", end, selector));
      if (matches) await says("web", "web");
      else if ((await ask("web")) !== undefined) decided.push(`${what}: allowed`);
      await dropPolicy("one");
      await says("web", undefined);
    }
    await putPolicy("all", ALLOW_ALL);
    await says("web", "web");
    for (const [what, end, selector, matches] of selectors()) {
      await putPolicy("one", policyOf("deny", end, selector));
      if (matches) await says("web", undefined);
      else if ((await ask("web")) !== "web") decided.push(`${what}: denied`);
      await dropPolicy("one");
      await says("web", "web");
    }
    expect(decided).toEqual([]);
  }, 120_000);

  test("a pod's first connection, made before anybody told of the pod, waits for it; a stranger's is refused after the wait", async () => {
    await exportWeb("web");
    await putPolicy("shop", policyOf("allow", "from", label(`${CLIENT}/labels.app`, "shop")));
    await importFrom("web", { sources: [from("west", "web")] });
    await peerSays("True Heartbeat");
    await applied();
    const begun = performance.now();
    expect(await ask("web")).toBeUndefined();
    expect(performance.now() - begun).toBeGreaterThan(IDENTITY_WAIT);
    const answer = ask("web");
    expect(await Promise.race([answer, Bun.sleep(0.3 * IDENTITY_WAIT).then(() => "it waits")])).toBe("it waits");
    await makePod();
    expect(await answer).toBe("web");
  }, 60_000);

  test("of the tiers a privileged deny comes first, then a privileged allow, a deny, an allow, and last nobody is allowed", async () => {
    await makeShop();
    await applied();
    expect(await ask("web")).toBeUndefined();
    await create(server, "AccessPolicy", namespace, "allow", ALLOW_ALL);
    await says("web", "web");
    await create(server, "AccessPolicy", namespace, "deny", { ...ALLOW_ALL, action: "deny" });
    await says("web", undefined);
    await create(server, "PrivilegedAccessPolicy", undefined, "allow", ALLOW_ALL);
    await says("web", "web");
    await create(server, "PrivilegedAccessPolicy", undefined, "deny", { ...ALLOW_ALL, action: "deny" });
    await says("web", undefined);
    await server.client.delete(customResource("PrivilegedAccessPolicy"), { name: "deny" });
    await says("web", "web");
  }, 60_000);

  test("sources take turns as the scheme of the Import says, which may change", async () => {
    for (const name of ["a", "b"]) await exportWeb(name);
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await importFrom("web", { sources: [from("west", "a"), from("west", "b")] });
    await peerSays("True Heartbeat");
    await eventually("an answer", () => ask("web"));
    const asked = async (count: number): Promise<{ a: number; b: number }> => {
      const answers = { a: 0, b: 0 };
      for (let i = 0; i < count; i++) answers[(await ask("web")) as "a" | "b"]++;
      return answers;
    };
    const scheme = async (lbScheme: string) => {
      await server.client.patch(customResource("Import"), { namespace, name: "web" }, { spec: { lbScheme } });
      await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
      await applied();
    };
    // Each of the two relays counts for itself.
    const even = await asked(20);
    expect(Math.abs(even.a - even.b)).toBeLessThanOrEqual(2);
    await scheme("static");
    expect(await asked(10)).toEqual({ a: 10, b: 0 });
    await scheme("random");
    const random = await asked(40);
    expect(Math.min(random.a, random.b)).toBeGreaterThan(3);
    await scheme("least-connections");
    const held = await holdOpen(12);
    expect(Math.abs(held.a - held.b)).toBeLessThanOrEqual(2);
  }, 60_000);

  /** Connections that stay, each after an answer. @returns how many came from each source */
  async function holdOpen(count: number): Promise<{ a: number; b: number }> {
    const port = (await read(server, "Import", namespace, "web"))?.status?.targetPort ?? 0;
    const answers = { a: 0, b: 0 };
    for (let i = 0; i < count; i++) {
      const body = Promise.withResolvers<string>();
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: { data: (_, chunk) => body.resolve(chunk.toString().slice(-1)), close: () => body.resolve("") },
      });
      cleanups.push(() => socket.terminate());
      socket.write("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
      answers[(await body.promise) as "a" | "b"]++;
    }
    return answers;
  }

  test("certificates of either site may be replaced while connections go on, and new ones come", async () => {
    const echo = await startEcho();
    cleanups.push(() => echo.stop());
    await make("exports", "Export", "echo", { host: "127.0.0.1", port: echo.port });
    await exportWeb("web");
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await importFrom("echo", { sources: [from("west", "echo")] });
    await importFrom("web", { sources: [from("west", "web")] });
    await says("web", "web");
    const port = (await read(server, "Import", namespace, "echo"))?.status?.targetPort ?? 0;
    const stream = await HashedStream.open("127.0.0.1", port);
    void stream.talk();
    for (const [site, name] of [
      [east, "east"],
      [west, "west"],
    ] as const) {
      const notAfter = async () => JSON.stringify((await site.status())?.certificates);
      const before = await notAfter();
      await Bun.sleep(1_100);
      await site.renew(name);
      await eventually(`the new certificate of ${name}`, async () => (await notAfter()) !== before);
      await says("web", "web");
    }
    expect(await stream.finish()).toBeTrue();
    expect(stream.bytes).toBeGreaterThan(100_000);
  }, 60_000);
});
