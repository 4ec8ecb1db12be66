/** Whole gateways, as processes, one of them in a cluster: from `kubectl apply` to bytes, and whatever goes away. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import { customResource, LEASES, PODS, type Pod, SERVICES } from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, SYSTEM } from "../control/objects.ts";
import { childrenOf, GatewaySite } from "../process/gateway-process.ts";
import { create, eventually, gatewayEndpoints, read, systemNamespace, told } from "./control-site.ts";
import { CuttableWay } from "./cut.ts";
import { suite } from "./server.ts";
import { kubeconfigText, type TestServer } from "./test-server.ts";

const API = "/apis/clusterlink.net/v1alpha1/namespaces";

suite("a gateway in a cluster", (running) => {
  let server: TestServer;
  let namespace: string;
  const cleanups: (() => unknown)[] = [];
  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    await systemNamespace(server);
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function site(name: string): Promise<GatewaySite> {
    const made = await GatewaySite.create(name);
    cleanups.push(() => made.close());
    return made;
  }

  /** A site of its own that exports an HTTP service which says `hello`. */
  async function exporter(): Promise<GatewaySite> {
    const web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
    cleanups.push(() => web.stop(true));
    const west = await site("west");
    await west.startReady();
    const make = async (plural: string, kind: string, name: string, spec: object) => {
      const object = { apiVersion: "clusterlink.net/v1alpha1", kind, metadata: { name, namespace: "default" }, spec };
      expect((await west.request("POST", `${API}/default/${plural}`, object)).status).toBe(201);
    };
    await make("exports", "Export", "web", { host: "127.0.0.1", port: web.port });
    await make("accesspolicies", "AccessPolicy", "all", ALLOW_ALL);
    return west;
  }

  async function importer(
    west: GatewaySite,
    kubeconfig: string,
    policy: AccessPolicySpec = ALLOW_ALL,
    flags: string[] = [],
  ): Promise<{ east: GatewaySite; child: Bun.Subprocess }> {
    const east = await site("east");
    const child = await east.startReady(["--kubernetes", "--kubeconfig", kubeconfig, ...flags]);
    await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: west.port }] });
    await create(server, "AccessPolicy", namespace, "all", policy);
    await told(server, "Peer", SYSTEM, "west", "PeerReachable True Heartbeat");
    await told(server, "AccessPolicy", namespace, "all", "PolicyValid True Valid");
    return { east, child };
  }

  const source = { peer: "west", exportName: "web", exportNamespace: "default" };
  const importWeb = (name: string) =>
    create(server, "Import", namespace, name, { port: 80, sources: [source], lbScheme: "round-robin" });
  const portOf = async (name: string) => (await read(server, "Import", namespace, name))?.status?.targetPort;
  async function answer(name: string): Promise<string | undefined> {
    const port = await portOf(name);
    if (port === undefined) return undefined;
    return fetch(`http://127.0.0.1:${port}/`, { keepalive: false }).then(
      (response) => response.text(),
      () => undefined,
    );
  }
  const answers = (name: string) => eventually("an answer", async () => (await answer(name)) === "hello");
  const controlOf = (child: Bun.Subprocess) => {
    for (const [line, pid] of childrenOf(child.pid)) if (line.startsWith("clusterlink control")) return pid;
    return undefined;
  };

  test("leads a connection through an Import within a second of its creation", async () => {
    await gatewayEndpoints(server, ["192.0.2.10"]);
    const west = await exporter();
    const { east } = await importer(west, server.kubeconfig);
    const times: number[] = [];
    for (const name of ["one", "two", "three", "four", "five"]) {
      const begun = performance.now();
      await importWeb(name);
      await answers(name);
      await eventually("the Service", () => server.client.get(SERVICES, { namespace, name }));
      times.push(performance.now() - begun);
    }
    expect(median(times)).toBeLessThan(1_000);
    expect((await east.status())?.problems).toEqual([]);
  }, 60_000);

  test("goes on without its control and without the API server, and leaves nothing undone", async () => {
    const way = new CuttableWay(server);
    cleanups.push(() => way.close());
    const west = await exporter();
    const { east, child } = await importer(west, way.kubeconfig);
    await importWeb("web");
    await answers("web");
    way.cut();
    const control = controlOf(child);
    process.kill(control as number, "SIGKILL");
    await eventually("another control", () => {
      const now = controlOf(child);
      return now !== undefined && now !== control;
    });
    await importWeb("late");
    await server.client.delete(SERVICES, { namespace, name: "web" });
    const port = await portOf("web");
    for (let i = 0; i < 5; i++) {
      expect(await (await fetch(`http://127.0.0.1:${port}/`, { keepalive: false })).text()).toBe("hello");
      await Bun.sleep(100);
    }
    way.mend();
    await answers("late");
    await told(server, "Import", namespace, "late", "ImportServiceValid True NoGatewayEndpoints");
    await eventually("the Service again", () => server.client.get(SERVICES, { namespace, name: "web" }));
    expect(await portOf("web")).toBe(port as number);
    await eventually("readiness", async () => (await east.status())?.ready);
  }, 60_000);

  test("trusts what it knew of its clients no longer than it may when its control finds no API server", async () => {
    const way = new CuttableWay(server);
    cleanups.push(() => way.close());
    const west = await exporter();
    const matchLabels = { "client.clusterlink.net/labels.app": "shop" };
    const shopOnly: AccessPolicySpec = { ...ALLOW_ALL, from: [{ workloadSelector: { matchLabels } }] };
    const { child } = await importer(west, way.kubeconfig, shopOnly, ["--identity-max-age", "2s"]);
    const spec = { containers: [{ name: "c", image: "i" }] };
    await server.client.create(PODS, { metadata: { name: "shop", namespace, labels: { app: "shop" } }, spec } as Pod);
    const status = { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] };
    await server.client.patchStatus(PODS, { namespace, name: "shop" }, { status });
    await importWeb("web");
    await answers("web");
    way.cut();
    process.kill(controlOf(child) as number, "SIGKILL");
    await eventually("nobody is known", async () => (await answer("web")) === undefined);
    way.mend();
    await answers("web");
  }, 60_000);

  test("waits for an API server that is away when it starts, and ends meanwhile when it is told to", async () => {
    const way = new CuttableWay(server);
    cleanups.push(() => way.close());
    way.cut();
    const east = await site("east");
    const impatient = east.start(["--kubernetes", "--kubeconfig", way.kubeconfig]);
    await Bun.sleep(1_500);
    expect(impatient.exitCode).toBeNull();
    impatient.kill("SIGTERM");
    expect(await impatient.exited).toBe(0);
    east.start(["--kubernetes", "--kubeconfig", way.kubeconfig]);
    await Bun.sleep(500);
    way.mend();
    await east.ready();
  }, 60_000);

  test("serves its status, and points to the cluster for the resources", async () => {
    const east = await site("east");
    const child = await east.startReady(["--kubernetes", "--kubeconfig", server.kubeconfig]);
    expect((await east.status())?.name).toBe("east");
    for (const path of ["/apis", "/apis/clusterlink.net/v1alpha1/imports", "/api/v1/namespaces", "/openapi/v3"]) {
      const answered = await east.request("GET", path);
      expect(answered.status).toBe(404);
      expect(await answered.json()).toMatchObject({ kind: "Status", message: expect.stringContaining("use kubectl") });
    }
    expect((await east.request("GET", "/metrics")).status).toBe(200);
    const lease = () => server.client.get(LEASES, { namespace: SYSTEM, name: "clusterlink-gateway" });
    await eventually("its leadership", async () => (await lease())?.spec?.holderIdentity);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect((await lease())?.spec?.holderIdentity).toBeFalsy();
  }, 60_000);

  describe("of one namespace", () => {
    test("does not start while it may not read the administrators' policies, and says what to do", async () => {
      const folder = mkdtempSync(join(tmpdir(), "alice-"));
      cleanups.push(() => rmSync(folder, { recursive: true }));
      const kubeconfig = join(folder, "kubeconfig");
      const { name, token } = server.user("bob");
      writeFileSync(kubeconfig, kubeconfigText(server, { token }));
      const rbac = { group: "rbac.authorization.k8s.io", version: "v1", namespaced: true };
      const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
      for (const place of [namespace, SYSTEM]) {
        const metadata = { name: "bob", namespace: place };
        const roleRef = { apiGroup: rbac.group, kind: "Role", name: "bob" };
        const subjects = [{ kind: "User", apiGroup: rbac.group, name }];
        await server.client.apply({ ...rbac, plural: "roles", kind: "Role" }, { metadata, rules } as never);
        const binding = { ...rbac, plural: "rolebindings", kind: "RoleBinding" };
        await server.client.apply(binding, { metadata, roleRef, subjects } as never);
      }
      const east = await site("east");
      const words = ["--kubernetes", "--kubeconfig", kubeconfig, "--watch-namespace", namespace];
      const child = east.start(words);
      expect(await child.exited).toBe(2);
      const said = await new Response(child.stderr).text();
      expect(said).toContain("privilegedaccesspolicies.clusterlink.net");
      expect(said).toContain("--no-privileged-policies");
      await east.startReady([...words, "--no-privileged-policies"]);
      await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
      await told(server, "AccessPolicy", namespace, "all", "PolicyValid True Valid");
      await server.client.delete(customResource("AccessPolicy"), { namespace, name: "all" });
    }, 60_000);
  });
});

/** @returns the middle one of an odd number of values. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2] ?? Number.NaN;
}

test("a gateway without Kubernetes loads nothing of the Kubernetes client library", () => {
  const seen = new Set<string>();
  const libraries = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const code = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    for (const [, clause = "", specifier = ""] of code.matchAll(/^(?:import|export)\s([^;]*?)from\s"([^"]+)"/gm)) {
      if (clause.startsWith("type ")) continue;
      if (specifier.startsWith(".")) visit(join(path, "..", specifier));
      else libraries.add(specifier);
    }
  };
  visit(join(import.meta.dir, "../../src/process/control-role.ts"));
  visit(join(import.meta.dir, "../../src/process/standalone-site.ts"));
  expect(seen.size).toBeGreaterThan(50);
  expect(libraries).toContain("hono");
  expect([...libraries]).not.toContain("@kubernetes/client-node");
});
