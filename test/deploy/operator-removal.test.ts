/** What the operator takes out of a cluster, and what it leaves, on a real API server without controllers. */
import { beforeEach, expect, test } from "bun:test";
import { GATEWAY_LABELS, INSTANCE_ANNOTATION } from "../../src/deploy/names.ts";
import { type GatewayOptions, OPERATOR_NAMESPACE } from "../../src/deploy/options.ts";
import { removeGateway } from "../../src/operator/removal.ts";
import { KubeClient } from "../../src/store/kubernetes/client.ts";
import { loadConnection } from "../../src/store/kubernetes/kubeconfig.ts";
import {
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  type EndpointSlice,
  type KubeObject,
  type KubeResource,
  PODS,
  type Pod,
  SERVICE_ACCOUNTS,
  SERVICES,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { onRealApiServer } from "../kubernetes/server.ts";
import { called, FINALIZER, INSTANCES, until, useOperator } from "./operator-account.ts";

onRealApiServer("an operator that removes gateways", (server) => {
  const operator = useOperator(server);
  const { create } = operator;
  let client: KubeClient;
  let namespace: string;
  let other: string;
  beforeEach(async () => {
    client = server().client;
    namespace = await server().namespace();
    other = await server().namespace();
  });

  const move = (name: string, to: string) => client.patch(INSTANCES, called(name), { spec: { namespace: to } });
  const gone = (name: string) =>
    until(`the end of ${name}`, async () => (await client.get(INSTANCES, called(name))) === undefined);
  const deployment = (of: string) => client.get(DEPLOYMENTS, { namespace: of, name: "clusterlink" });
  const service = (of: string) => client.get(SERVICES, { namespace: of, name: "clusterlink" });
  const account = (of: string) => client.get(SERVICE_ACCOUNTS, { namespace: of, name: "clusterlink" });

  const importLabels = {
    "app.kubernetes.io/managed-by": "clusterlink.net",
    "clusterlink.net/import-name": "web",
    "clusterlink.net/import-namespace": "shop",
  };
  const makeService = (name: string, labels: Record<string, string>) =>
    client.create(SERVICES, { metadata: { namespace, name, labels }, spec: { ports: [{ port: 80 }] } } as Service);
  const makeSlice = (name: string, labels: Record<string, string>) =>
    client.create(ENDPOINT_SLICES, {
      metadata: { namespace, name, labels: { "endpointslice.kubernetes.io/managed-by": "clusterlink.net", ...labels } },
      addressType: "IPv4",
      endpoints: [],
    } as EndpointSlice);

  /** A pod of the gateway, which nobody ends: the removal waits for it. */
  async function podThatStays(): Promise<() => Promise<unknown>> {
    const metadata = { namespace, name: "gateway", labels: GATEWAY_LABELS };
    await client.create(PODS, { metadata, spec: { containers: [{ name: "c", image: "i" }] } } as Pod);
    return () => client.delete(PODS, metadata, { gracePeriodSeconds: 0 });
  }

  test("an Instance that moves takes its gateway along, and leaves the Services of Imports to it", async () => {
    await create("one", { namespace });
    await until("the Deployment", () => deployment(namespace));
    const { uid } = (await makeService("web", importLabels)).metadata;
    const slice = { "kubernetes.io/service-name": "web" };
    await makeSlice("old-1", { ...slice, "clusterlink.net/gateway-namespace": namespace });
    await makeSlice("new-1", { ...slice, "clusterlink.net/gateway-namespace": other });
    await move("one", other);
    await until("the Deployment there", () => deployment(other));
    await until("nothing here", async () => (await deployment(namespace)) === undefined);
    expect(await account(namespace)).toBeUndefined();
    expect((await client.get(SERVICES, { namespace, name: "web" }))?.metadata.uid).toBe(uid as string);
    expect(await client.get(ENDPOINT_SLICES, { namespace, name: "old-1" })).toBeUndefined();
    expect(await client.get(ENDPOINT_SLICES, { namespace, name: "new-1" })).toBeDefined();
  });

  test("an Instance that moves to where nothing can be keeps its gateway where it is", async () => {
    await create("one", { namespace });
    const { uid } = (await until("the Deployment", () => deployment(namespace))).metadata;
    await move("one", "mistyped-namespace");
    const told = await until("the failure", async () => {
      const condition = (await client.get(INSTANCES, called("one")))?.status?.conditions?.[0];
      return condition?.status === "False" && condition;
    });
    expect(told.message).toContain('namespaces "mistyped-namespace" not found');
    const kept = await deployment(namespace);
    expect(kept?.metadata.uid).toBe(uid as string);
    expect(kept?.spec?.replicas).toBe(1);
    expect(await service(namespace)).toBeDefined();
  });

  test("a gateway that moves takes its port of the nodes along", async () => {
    await create("one", { namespace, ingress: { type: "NodePort", port: 30444 } });
    await until("the Deployment", () => deployment(namespace));
    await move("one", other);
    await until("the Deployment there", () => deployment(other));
    expect((await service(other))?.spec?.ports?.[0]?.nodePort).toBe(30444);
    await until("nothing here", async () => (await deployment(namespace)) === undefined);
  });

  test("what an Instance has left while no operator ran goes with it when it is deleted", async () => {
    await create("one", { namespace });
    await until("the Deployment", () => deployment(namespace));
    await operator.stop();
    await move("one", other);
    await client.delete(INSTANCES, called("one"));
    operator.start();
    await gone("one");
    expect(await deployment(namespace)).toBeUndefined();
    expect(await account(namespace)).toBeUndefined();
  });

  test("an operator that is stopped writes nothing more, and the next one finds what it has left undone", async () => {
    await create("one", { namespace });
    await until("the Deployment", () => deployment(namespace));
    const end = await podThatStays();
    await move("one", other);
    await until("the end of the pods asked for", async () => (await deployment(namespace))?.spec?.replicas === 0);
    await operator.stop();
    await end();
    await Bun.sleep(1_000);
    expect((await deployment(namespace))?.metadata.annotations?.[INSTANCE_ANNOTATION]).toBe(
      `${OPERATOR_NAMESPACE}/one`,
    );
    expect(await service(namespace)).toBeDefined();
    operator.start();
    await until("nothing here", async () => (await deployment(namespace)) === undefined);
    expect(await service(namespace)).toBeUndefined();
    expect(await account(namespace)).toBeUndefined();
  });

  test("an Instance with the finalizer that waits for another is released when it is deleted", async () => {
    await create("one", { namespace });
    await until("the Deployment", () => deployment(namespace));
    // ClusterLink's operator serves any number of Instances, and leaves the same finalizer on all of them.
    await create("two", { namespace });
    await client.patch(INSTANCES, called("two"), { metadata: { finalizers: [FINALIZER] } });
    await client.delete(INSTANCES, called("two"));
    await gone("two");
    expect((await deployment(namespace))?.spec?.replicas).toBe(1);
    expect(await service(namespace)).toBeDefined();
  });

  test("of Services and EndpointSlices only those go that a gateway made for an Import", async () => {
    await create("one", { namespace });
    await until("the Deployment", () => deployment(namespace));
    await makeService("imported", importLabels);
    await makeService("theirs", { "app.kubernetes.io/managed-by": "clusterlink.net" });
    await makeSlice("imported-1", { "kubernetes.io/service-name": "imported" });
    await makeSlice("theirs-1", {});
    await client.delete(INSTANCES, called("one"));
    await gone("one");
    const has = async (resource: KubeResource<KubeObject>, name: string) =>
      (await client.get(resource, { namespace, name })) !== undefined;
    expect(await has(SERVICES, "imported")).toBe(false);
    expect(await has(SERVICES, "theirs")).toBe(true);
    expect(await has(ENDPOINT_SLICES, "imported-1")).toBe(false);
    expect(await has(ENDPOINT_SLICES, "theirs-1")).toBe(true);
  });

  test("a Service that somebody takes over meanwhile is not deleted", async () => {
    await makeService("web", importLabels);
    const theirs = { metadata: { labels: { "app.kubernetes.io/managed-by": "someone" } } };
    class Overtaken extends KubeClient {
      override async all<T extends KubeObject>(...asked: Parameters<typeof client.all<T>>): Promise<T[]> {
        const found = await super.all<T>(...asked);
        if (asked[0].plural === "services") await client.patch(SERVICES, { namespace, name: "web" }, theirs);
        return found;
      }
    }
    const overtaken = new Overtaken({ connection: await loadConnection({ kubeconfig: server().kubeconfig, env: {} }) });
    const options = gatewayOptions(other);
    await expect(removeGateway(overtaken, options)).rejects.toMatchObject({ code: "Conflict" });
    expect((await client.get(SERVICES, { namespace, name: "web" }))?.metadata.labels).toMatchObject(
      theirs.metadata.labels,
    );
    await removeGateway(client, options);
    expect(await client.get(SERVICES, { namespace, name: "web" })).toBeDefined();
  });
});

function gatewayOptions(namespace: string): GatewayOptions {
  const ingress = { type: "none", annotations: {} } as const;
  return { namespace, image: "clusterlink:test", replicas: 1, logLevel: "info", peerLabels: {}, ingress };
}
