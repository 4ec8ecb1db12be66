/** The operator on a real API server, where nothing else is: no kubelet, no controllers, so that tests play them. */
import { beforeEach, expect, test } from "bun:test";
import { Election } from "../../src/control/kubernetes/election.ts";
import { gatewayObjects } from "../../src/deploy/gateway.ts";
import { gatewayOptionsOf } from "../../src/deploy/instance.ts";
import type { ManifestObject } from "../../src/deploy/manifest-object.ts";
import { INSTANCE_ANNOTATION } from "../../src/deploy/names.ts";
import { operatorObjects } from "../../src/deploy/operator.ts";
import { OPERATOR_NAMESPACE } from "../../src/deploy/options.ts";
import type { PolicyRule } from "../../src/deploy/permissions.ts";
import { instanceSpec } from "../../src/resources/instance.ts";
import type { KubeClient } from "../../src/store/kubernetes/client.ts";
import {
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  type EndpointSlice,
  type KubeResource,
  SERVICES,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { idleRights, missingRights, rightsOf } from "../kubernetes/rights.ts";
import { onRealApiServer } from "../kubernetes/server.ts";
import { called, FINALIZER, INSTANCES, type Instance, until, useOperator } from "./operator-account.ts";

const log = createLogger({ level: "fatal", format: "text" });

onRealApiServer("the operator", (server) => {
  const operator = useOperator(server);
  const { create } = operator;
  let client: KubeClient;
  let namespace: string;
  beforeEach(async () => {
    client = server().client;
    namespace = await server().namespace();
  });

  const instance = async (name: string) => client.get(INSTANCES, called(name));
  const deployment = (of = namespace) => client.get(DEPLOYMENTS, { namespace: of, name: "clusterlink" });
  const service = () => client.get(SERVICES, { namespace, name: "clusterlink" });
  const reason = async (name: string, part: "dataplane" | "controlplane" = "dataplane") =>
    (await instance(name))?.status?.[part]?.conditions?.["DeploymentReady"]?.reason;

  test("every field of an Instance is in what it deploys", async () => {
    await create("one", {
      namespace,
      dataplane: { replicas: 4, type: "go" },
      ingress: { type: "LoadBalancer", port: 8443, annotations: { "lb.example/kind": "nlb" } },
      logLevel: "warning",
      containerRegistry: "registry.example/net",
      tag: "v7",
      peerLabels: { region: "eu" },
    });
    const made = await until("the Deployment", () => deployment());
    const [container] = made.spec?.template.spec?.containers ?? [];
    expect(made.spec?.replicas).toBe(4);
    expect(container?.image).toBe("registry.example/net/clusterlink:v7");
    expect(container?.args).toEqual(expect.arrayContaining(["--log-level=warn", "--peer-label=region=eu"]));
    expect(await service()).toMatchObject({
      metadata: { annotations: { "lb.example/kind": "nlb" } },
      spec: { type: "LoadBalancer", ports: [{ port: 8443 }] },
    });
    expect((await instance("one"))?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test("the status follows the pods and the load balancer", async () => {
    await create("one", { namespace, ingress: { type: "LoadBalancer" } });
    await until("a status", async () => (await reason("one")) === "ProgressingMode");
    expect((await instance("one"))?.status?.ingress?.conditions?.["ServiceReady"]?.status).toBe("False");
    const generation = (await deployment())?.metadata.generation;
    const status = {
      replicas: 1,
      updatedReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      observedGeneration: generation,
    };
    await client.patchStatus(DEPLOYMENTS, { namespace, name: "clusterlink" }, { status });
    await until(
      "ready pods",
      async () => (await reason("one")) === "Ready" && (await reason("one", "controlplane")) === "Ready",
    );
    const balanced = { loadBalancer: { ingress: [{ ip: "192.0.2.7" }] } };
    await client.patchStatus(SERVICES, { namespace, name: "clusterlink" }, { status: balanced });
    const ingress = await until("the address", async () => {
      const found = (await instance("one"))?.status?.ingress;
      return found?.ip !== undefined && found;
    });
    expect(ingress).toMatchObject({ ip: "192.0.2.7", port: 443, conditions: { ServiceReady: { status: "True" } } });
  });

  test("what somebody changes or deletes is put right", async () => {
    await create("one", { namespace });
    const made = await until("the Deployment", () => deployment());
    await client.patch(DEPLOYMENTS, made.metadata, { spec: { replicas: 9 } }, { fieldManager: "someone" });
    await until("one replica again", async () => (await deployment())?.spec?.replicas === 1);
    const { uid } = (await until("the Service", service)).metadata;
    await client.delete(SERVICES, { namespace, name: "clusterlink" });
    await until(
      "a new Service",
      async () => (await service())?.metadata.uid !== uid && (await service()) !== undefined,
    );
  });

  test("a change of the Instance reaches the pods", async () => {
    await create("one", { namespace });
    await until("the Deployment", () => deployment());
    await client.patch(INSTANCES, called("one"), { spec: { dataplane: { replicas: 2 } } });
    await until("two replicas", async () => (await deployment())?.spec?.replicas === 2);
    const generation = async () => (await instance("one"))?.status?.conditions?.[0]?.observedGeneration;
    await until(
      "the status of that",
      async () => (await generation()) === (await instance("one"))?.metadata.generation,
    );
  });

  test("a second Instance is refused, and takes over when the first goes", async () => {
    const other = await server().namespace();
    await create("one", { namespace });
    await until("the first", () => deployment());
    await create("two", { namespace: other });
    const refused = await until("the refusal", async () => (await instance("two"))?.status?.conditions?.[0]);
    expect(refused).toMatchObject({ type: "InstanceValid", status: "False", reason: "AnotherInstance" });
    expect(refused.message).toContain(`Instance ${OPERATOR_NAMESPACE}/one is deployed already`);
    expect(await deployment(other)).toBeUndefined();

    await client.delete(INSTANCES, called("one"));
    const next = await until("the second", () => deployment(other));
    expect(next.metadata.annotations?.[INSTANCE_ANNOTATION]).toBe(`${OPERATOR_NAMESPACE}/two`);
    expect(await deployment()).toBeUndefined();
    expect(await service()).toBeUndefined();
    await until("its status", async () => (await instance("two"))?.status?.conditions?.[0]?.status === "True");
  });

  test("an Instance in another namespace than the operator's is not served, nor written to", async () => {
    const metadata = { namespace, name: "stray" };
    const stray = await client.create(INSTANCES, { metadata, spec: { namespace } } as unknown as Instance);
    const other = await server().namespace();
    await create("one", { namespace: other });
    await until("a status", async () => (await reason("one")) === "ProgressingMode");
    expect(await deployment()).toBeUndefined();
    expect((await client.get(INSTANCES, metadata))?.metadata.resourceVersion).toBe(stray.metadata.resourceVersion);
  });

  test("peers are told the address of a node that is ready", async () => {
    const nodes: KubeResource = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
    const made = [
      { name: "a", address: "192.0.2.1", ready: "False" },
      { name: "b", address: "192.0.2.2", ready: "True" },
    ];
    try {
      for (const { name, address, ready } of made) {
        await client.create(nodes, { metadata: { name } });
        const addresses = [{ type: "ExternalIP", address }];
        await client.patchStatus(
          nodes,
          { name },
          { status: { addresses, conditions: [{ type: "Ready", status: ready }] } },
        );
      }
      await create("one", { namespace, ingress: { type: "NodePort" } });
      await until("the address", async () => (await instance("one"))?.status?.ingress?.ip === "192.0.2.2");
    } finally {
      for (const { name } of made) await client.delete(nodes, { name });
    }
  });

  test("an operator that starts goes on with the Instance that was deployed, not with the oldest", async () => {
    await operator.stop();
    await create("older", { namespace });
    const other = await server().namespace();
    const younger = await create("younger", { namespace: other });
    await client.patch(INSTANCES, younger.metadata, { metadata: { finalizers: [FINALIZER] } });
    operator.start();
    await until("the younger", () => deployment(other));
    expect(await deployment()).toBeUndefined();
  });

  test("an Instance of an older ClusterLink names the tag in imageTag, and one that says two things is refused", async () => {
    await create("one", { namespace, imageTag: "v0.2.1", containerRegistry: "registry.example" });
    const made = await until("the Deployment", () => deployment());
    expect(made.spec?.template.spec?.containers[0]?.image).toBe("registry.example/clusterlink:v0.2.1");
    await client.patch(INSTANCES, called("one"), { spec: { tag: "v0.2.1" } });
    const two = client.patch(INSTANCES, called("one"), { spec: { tag: "v0.3.0" } });
    await expect(two).rejects.toThrow(/spec\.imageTag: .*imageTag is the former name of tag.*remove imageTag/);
    expect(instanceSpec.safeParse({ tag: "v0.3.0", imageTag: "v0.2.1" }).error?.issues[0]?.path).toEqual(["imageTag"]);
  });

  test("the operator has no right but those that it makes use of, and those that it grants to gateways", async () => {
    const started = server().handled().length;
    await create("one", { namespace, ingress: { type: "NodePort" } });
    await until("a status", async () => (await reason("one")) === "ProgressingMode");
    const labels = {
      "app.kubernetes.io/managed-by": "clusterlink.net",
      "clusterlink.net/import-name": "left",
      "clusterlink.net/import-namespace": namespace,
      "endpointslice.kubernetes.io/managed-by": "clusterlink.net",
      "kubernetes.io/service-name": "left",
    };
    const left = { metadata: { namespace, name: "left", labels } };
    await client.create(SERVICES, { ...left, spec: { ports: [{ port: 80 }] } } as Service);
    await client.create(ENDPOINT_SLICES, { ...left, addressType: "IPv4", endpoints: [] } as EndpointSlice);
    await client.delete(INSTANCES, called("one"));
    await until("the removal", async () => !(await instance("one")));
    expect(await client.get(SERVICES, left.metadata)).toBeUndefined();
    const election = new Election({
      client: operator.restricted(),
      namespace: OPERATOR_NAMESPACE,
      name: "clusterlink-operator",
      identity: "one",
      log,
      onChange: () => undefined,
      times: { retry: 100 },
    });
    election.start();
    await until("leadership", async () => election.leadership);
    await Bun.sleep(300);
    await election.stop();
    await election.release();

    const rulesOf = (objects: ManifestObject[]) => objects.flatMap(({ rules }) => (rules as PolicyRule[]) ?? []);
    const granted = rulesOf(operatorObjects({ image: "", logLevel: "" }));
    const forGateways = rightsOf(rulesOf(gatewayObjects(gatewayOptionsOf("a/b", instanceSpec.parse({})))));
    const idle = idleRights(server(), "carol", granted);
    expect(idle.filter((right) => !forGateways.has(right))).toEqual([]);
    expect(idle.length).toBeGreaterThan(0);
    expect(missingRights(server(), "carol", started)).toEqual([]);
  });

  test("nothing is written while nothing changes", async () => {
    await create("one", { namespace });
    await until("a status", async () => (await reason("one")) === "ProgressingMode");
    await Bun.sleep(300);
    const versions = async () =>
      [await instance("one"), await deployment(), await service()].map((object) => object?.metadata.resourceVersion);
    const before = await versions();
    await Bun.sleep(1_000);
    expect(await versions()).toEqual(before);
  });

  test("what cannot be deployed is in the status", async () => {
    await create("one", { namespace: "missing-namespace" });
    const told = await until("the failure", async () => {
      const condition = (await instance("one"))?.status?.conditions?.[0];
      return condition?.status === "False" && condition;
    });
    expect(told).toMatchObject({ reason: "DeploymentFailed" });
    expect(told.message).toContain('namespaces "missing-namespace" not found');
  });
});
