/** What the tests of the operator start with. */
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespaceObject } from "../../src/deploy/gateway.ts";
import { operatorObjects } from "../../src/deploy/operator.ts";
import { OPERATOR_NAMESPACE } from "../../src/deploy/options.ts";
import { applyObject } from "../../src/operator/apply.ts";
import { Operator } from "../../src/operator/operator.ts";
import type { InstanceResource } from "../../src/resources/kinds.ts";
import type { KubeClient } from "../../src/store/kubernetes/client.ts";
import { customResource, type KubeObject, type KubeResource } from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { clientFor, kubeconfigText, type TestServer } from "../kubernetes/test-server.ts";

export type Instance = InstanceResource & KubeObject;

export const INSTANCES = customResource("Instance") as KubeResource<Instance>;

export const FINALIZER = "instance.clusterlink.net/finalizer";

export async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(50);
  }
}

/** @returns a client of a user with the rights of the operator's account, and no other: nobody can grant what they do not have. */
async function grantedClient(server: TestServer): Promise<KubeClient> {
  const { name, token } = server.user("carol");
  await applyObject(server.client, namespaceObject(OPERATOR_NAMESPACE));
  for (const object of operatorObjects({ image: "", logLevel: "" })) {
    if (!object.apiVersion.startsWith("rbac.")) continue;
    const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name }];
    await applyObject(server.client, "subjects" in object ? { ...object, subjects } : object);
  }
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-operator-"));
  try {
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, kubeconfigText(server, { token }));
    const client = await clientFor(kubeconfig);
    await until("the rights", () =>
      client.page(INSTANCES, { namespace: OPERATOR_NAMESPACE, limit: 1 }).catch(() => undefined),
    );
    return client;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Removes every Instance as the operator that runs sees fit. */
async function removeInstances(client: KubeClient): Promise<void> {
  for (const { metadata } of await client.all(INSTANCES, { namespace: OPERATOR_NAMESPACE })) {
    await client.delete(INSTANCES, metadata);
    await until("the removal", async () => !(await client.get(INSTANCES, metadata)));
  }
}

/** @returns where an Instance of that name is, if the operator is to see it. */
export const called = (name: string) => ({ namespace: OPERATOR_NAMESPACE, name });

/** Declares that an operator runs in every test, with the rights of its account; its Instances end with the test. */
export function useOperator(server: () => TestServer) {
  const log = createLogger({ level: "fatal", format: "text" });
  let restricted: KubeClient;
  let operator: Operator;
  const start = () => {
    operator = new Operator({ client: restricted, log, namespace: OPERATOR_NAMESPACE });
    operator.start();
  };
  beforeEach(async () => {
    restricted = await grantedClient(server());
    start();
  });
  afterEach(async () => {
    await removeInstances(server().client);
    await operator.stop();
  });
  return {
    start,
    stop: () => operator.stop(),
    restricted: () => restricted,
    create: (name: string, spec: object) =>
      server().client.create(INSTANCES, { metadata: called(name), spec } as unknown as Instance),
  };
}
