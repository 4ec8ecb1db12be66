/** `--wait`: shows how far a Deployment is until it is there. */
import { GATEWAY_NAME, GATEWAY_SELECTOR } from "../deploy/names.ts";
import { isRolledOut, podTrouble, rolloutText } from "../operator/rollout.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { DEPLOYMENTS, PODS, SERVICES } from "../store/kubernetes/resource.ts";
import { CliError } from "./errors.ts";
import { print } from "./output.ts";

/** How often the cluster is asked, in milliseconds. */
const INTERVAL = 500;

/**
 * Waits until the gateway's pods are ready, and prints every change on the way.
 *
 * @param timeout - in milliseconds. Throws a CliError that says what the pods lack when it has passed.
 */
export async function waitForGateway(client: KubeClient, namespace: string, timeout: number): Promise<void> {
  const end = Date.now() + timeout;
  const told = new Set<string>();
  const tell = (line: string) => {
    if (!told.has(line)) print(line);
    told.add(line);
  };
  for (;;) {
    const deployment = await client.get(DEPLOYMENTS, { namespace, name: GATEWAY_NAME });
    const text = deployment === undefined ? "waiting for the operator to deploy it" : rolloutText(deployment);
    tell(`gateway: ${text}`);
    if (deployment !== undefined && isRolledOut(deployment)) return tellIngress(client, namespace);
    const troubles = await podTroubles(client, namespace);
    for (const trouble of troubles) tell(`gateway: ${trouble}`);
    if (Date.now() >= end) {
      throw new CliError("failed", `the gateway did not become ready: ${[text, ...troubles].join("; ")}`);
    }
    await Bun.sleep(INTERVAL);
  }
}

async function podTroubles(client: KubeClient, namespace: string): Promise<string[]> {
  const labelSelector = Object.entries(GATEWAY_SELECTOR)
    .map((pair) => pair.join("="))
    .join(",");
  const pods = await client.all(PODS, { namespace, labelSelector });
  return pods.flatMap((pod) => podTrouble(pod) ?? []);
}

async function tellIngress(client: KubeClient, namespace: string): Promise<void> {
  const service = await client.get(SERVICES, { namespace, name: GATEWAY_NAME });
  const [port] = service?.spec?.ports ?? [];
  const [ingress] = service?.status?.loadBalancer?.ingress ?? [];
  const type = service?.spec?.type;
  if (type === "NodePort") print(`peers reach it at port ${port?.nodePort} of any node`);
  else if (type === "LoadBalancer") {
    const address = ingress?.ip ?? ingress?.hostname;
    print(
      address === undefined
        ? `the load balancer has no address yet; see: kubectl get service ${GATEWAY_NAME} -n ${namespace}`
        : `peers reach it at ${address}, port ${port?.port}`,
    );
  } else print(`peers reach it within the cluster only: ${GATEWAY_NAME}.${namespace}.svc, port ${port?.port}`);
}
