/** A replica that may do what the manifests grant, and nothing else: for the whole cluster, and for one namespace. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSharedKeys } from "../../src/control/kubernetes/shared-keys.ts";
import { accessObjects } from "../../src/deploy/access.ts";
import type { PolicyRule } from "../../src/deploy/permissions.ts";
import { KIND_NAMES, KINDS } from "../../src/resources/kinds.ts";
import type { KubeClient } from "../../src/store/kubernetes/client.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes-store.ts";
import {
  customResource,
  ENDPOINT_SLICES,
  type EndpointSlice,
  EVENTS,
  type KubeObject,
  type KubeResource,
  PODS,
  type Pod,
  SERVICES,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { ALLOW_ALL, importOf, SYSTEM } from "../control/objects.ts";
import { create, eventually, gatewayEndpoints, Replica, type ReplicaOptions, read, told } from "./control-site.ts";
import { idleRights, missingRights } from "./rights.ts";
import { suite } from "./server.ts";
import { clientFor, kubeconfigText, type TestServer } from "./test-server.ts";

const rbac = (plural: string, kind: string, namespaced: boolean): KubeResource => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced,
});
const RBAC = new Map(
  [
    rbac("clusterroles", "ClusterRole", false),
    rbac("clusterrolebindings", "ClusterRoleBinding", false),
    rbac("roles", "Role", true),
    rbac("rolebindings", "RoleBinding", true),
  ].map((resource) => [resource.kind, resource]),
);

const quiet = createLogger({ level: "fatal", format: "text" });

/** Of endpoints that Kubernetes made of a selector which the Service had. */
const LEFT = {
  "kubernetes.io/service-name": "web",
  "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
};

suite("a gateway with the rights of the manifests", (running) => {
  let server: TestServer;
  let namespace: string;
  let alice: KubeClient;
  const cleanups: (() => unknown)[] = [];
  beforeEach(async () => {
    server = running();
    namespace = await server.namespace();
    await gatewayEndpoints(server, ["10.244.0.5"]);
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** Grants alice what a gateway's account has, and starts a replica as her. */
  async function start(options: ReplicaOptions = {}): Promise<Replica> {
    const { watchNamespace, privilegedPolicies = true } = options;
    const { name, token } = server.user("alice");
    const place = { namespace: SYSTEM, ...(watchNamespace === undefined ? {} : { watchNamespace }) };
    for (const object of accessObjects(place)) {
      const resource = RBAC.get(object.kind);
      if (!resource || (!privilegedPolicies && object.metadata.name.startsWith("clusterlink:privileged"))) continue;
      const bound = "subjects" in object ? { subjects: [{ kind: "User", apiGroup: resource.group, name }] } : {};
      await server.client.apply(resource, { ...object, ...bound } as unknown as KubeObject, { force: true });
      const { namespace: of, name: its } = object.metadata;
      cleanups.push(() => server.client.delete(resource, { namespace: of, name: its }));
    }
    const folder = mkdtempSync(join(tmpdir(), "alice-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, kubeconfigText(server, { token }));
    const client = await clientFor(kubeconfig);
    alice = client;
    await eventually("the rights", () =>
      client.page(PODS, { namespace: watchNamespace, limit: 1 }).catch(() => undefined),
    );
    await loadSharedKeys(client, SYSTEM);
    const replica = await Replica.start(server, { ...options, client });
    cleanups.push(() => replica.stop());
    return replica;
  }

  /** Has it do everything that it ever does with the objects of one namespace. */
  async function work(replica: Replica): Promise<void> {
    await create(server, "Import", namespace, "web", importOf(80));
    await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
    await gatewayEndpoints(server, ["10.244.0.6"]);
    for (const app of ["x", "y"]) {
      await server.client.patch(SERVICES, { namespace, name: "web" }, { spec: { selector: { app } } });
      await eventually("the repair", async () => {
        return (await server.client.get(SERVICES, { namespace, name: "web" }))?.spec?.selector === undefined;
      });
    }
    const slice = { metadata: { name: "left", namespace, labels: LEFT }, addressType: "IPv4", endpoints: [] };
    await server.client.create(ENDPOINT_SLICES, slice as EndpointSlice);
    await eventually("no strange endpoints", async () => {
      return !(await server.client.get(ENDPOINT_SLICES, { namespace, name: "left" }));
    });
    await eventually("an event", async () => {
      return (await server.client.all(EVENTS, { namespace })).find(({ reason }) => reason === "ServiceRepaired");
    });
    await server.client.delete(customResource("Import"), { namespace, name: "web" });
    await eventually("no Service", async () => !(await server.client.get(SERVICES, { namespace, name: "web" })));
    await create(server, "Export", namespace, "db", { port: 5432 });
    await told(server, "Export", namespace, "db", "ExportValid False ServiceMissing");
    const service = { metadata: { name: "db", namespace }, spec: { ports: [{ port: 5432 }] } } as Service;
    await server.client.create(SERVICES, service);
    await told(server, "Export", namespace, "db", "ExportValid True Valid");
    await create(server, "AccessPolicy", namespace, "all", ALLOW_ALL);
    await told(server, "AccessPolicy", namespace, "all", "PolicyValid True Valid");
    await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: 1 }] });
    await told(server, "Peer", SYSTEM, "west", "PeerReachable False NoHeartbeat");
    await eventually("its event", async () => (await server.client.all(EVENTS, { namespace: SYSTEM }))[0]);
    const spec = { containers: [{ name: "c", image: "i" }] };
    await server.client.create(PODS, { metadata: { name: "p", namespace }, spec } as Pod);
    const status = { phase: "Running", podIP: "10.1.0.1", podIPs: [{ ip: "10.1.0.1" }] };
    await server.client.patchStatus(PODS, { namespace, name: "p" }, { status });
    await eventually("the client", () => replica.relay.tables?.clients["10.1.0.1/32"]);
    expect((await replica.site.status()).problems).toEqual([]);
  }

  describe("of the whole cluster", () => {
    test("does all of its work", async () => {
      const replica = await start();
      const started = server.handled().length;
      await work(replica);
      await create(server, "PrivilegedAccessPolicy", undefined, "all", ALLOW_ALL);
      await told(server, "PrivilegedAccessPolicy", undefined, "all", "PolicyValid True Valid");
      const store = new KubernetesStore({ client: alice, log: quiet, namespace: SYSTEM });
      for (const kind of KIND_NAMES) await store.get(kind, KINDS[kind].namespaced ? SYSTEM : undefined, "none");
      const granted = accessObjects({ namespace: SYSTEM }).flatMap((object) => (object["rules"] as PolicyRule[]) ?? []);
      expect(idleRights(server, "alice", granted)).toEqual([]);
      expect(missingRights(server, "alice", started)).toEqual([]);
    }, 30_000);
  });

  describe("of one namespace", () => {
    test("does all of its work there, obeys the administrators' policies, and leaves their statuses to others", async () => {
      const replica = await start({ watchNamespace: namespace });
      const started = server.handled().length;
      await create(server, "PrivilegedAccessPolicy", undefined, "all", ALLOW_ALL);
      await work(replica);
      expect(missingRights(server, "alice", started)).toEqual([]);
      expect(replica.relay.tables?.policies["privileged/all"]).toBeDefined();
      expect((await read(server, "PrivilegedAccessPolicy", undefined, "all"))?.status).toBeUndefined();
    }, 30_000);

    test("does without them when it is told to, and needs nothing of the cluster then", async () => {
      const replica = await start({ watchNamespace: namespace, privilegedPolicies: false });
      await create(server, "PrivilegedAccessPolicy", undefined, "all", ALLOW_ALL);
      await work(replica);
      expect(Object.keys(replica.relay.tables?.policies ?? {})).toEqual([`regular/${namespace}/all`]);
    }, 30_000);

    test("sees nothing of others: no Import, no Service, no pod", async () => {
      const other = await server.namespace();
      const replica = await start({ watchNamespace: namespace });
      await create(server, "Import", other, "web", importOf(80));
      await create(server, "Import", namespace, "web", importOf(80));
      await told(server, "Import", namespace, "web", "ImportServiceValid True Ready");
      expect(Object.keys(replica.relay.tables?.imports ?? {})).toEqual([`${namespace}/web`]);
      expect(await server.client.get(SERVICES, { namespace: other, name: "web" })).toBeUndefined();
    });
  });
});
