/** What `deploy peer` asks of a cluster before it applies anything. */
import { INSTANCE_NAME } from "../deploy/instance.ts";
import { GATEWAY_SELECTOR, PEER_ANNOTATION, PEER_SECRET } from "../deploy/names.ts";
import { OPERATOR_NAMESPACE } from "../deploy/options.ts";
import { formerDeployments, stopCommands } from "../operator/former.ts";
import type { InstanceResource } from "../resources/kinds.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { KubeApiError } from "../store/kubernetes/error.ts";
import {
  customResource,
  DEPLOYMENTS,
  type KubeObject,
  type KubeResource,
  SECRETS,
} from "../store/kubernetes/resource.ts";
import { CliError } from "./errors.ts";
import { note } from "./output.ts";

/** The oldest Kubernetes whose API server knows all that the CRDs ask of it: rules in CEL that name the field they judge. */
const OLDEST_MINOR = 28;

const INSTANCES = customResource("Instance") as KubeResource<InstanceResource & KubeObject>;

const SELECTOR = Object.entries(GATEWAY_SELECTOR)
  .map((pair) => pair.join("="))
  .join(",");

/** Checks, before anything is applied, that the cluster can have this peer's gateway in this namespace. Throws a CliError. */
export async function checkCluster(client: KubeClient, namespace: string, peer: string): Promise<void> {
  const { major, minor, gitVersion } = (await client.request({ method: "GET", path: "/version" })) as {
    major: string;
    minor: string;
    gitVersion: string;
  };
  if (Number(major) === 1 && Number.parseInt(minor, 10) < OLDEST_MINOR) {
    throw new CliError("failed", `the cluster is Kubernetes ${gitVersion}; it must be 1.${OLDEST_MINOR} or newer`);
  }
  await checkFormer(client, namespace);
  await checkOthers(client, namespace, peer);
}

/**
 * A second gateway would serve the same Imports; and the Instance of `deploy peer`, of which there is one, would take the
 * first gateway away from its namespace.
 */
async function checkOthers(client: KubeClient, namespace: string, peer: string): Promise<void> {
  const there = await peerIn(client, namespace);
  if (there !== undefined && there !== peer) throw new CliError("failed", inTheWay(namespace, there));
  const gateways = await client.all(DEPLOYMENTS, { labelSelector: SELECTOR });
  const places = [await instanceNamespace(client), ...gateways.map(({ metadata }) => metadata.namespace)];
  const other = places.find((place) => place !== undefined && place !== namespace);
  if (other !== undefined) throw new CliError("failed", inTheWay(other, await peerIn(client, other)));
}

function inTheWay(namespace: string, peer: string | undefined): string {
  const whose = peer === undefined ? "" : ` of peer '${peer}'`;
  return `namespace '${namespace}' has the gateway${whose}, and 'deploy peer' makes one peer of a cluster; remove it first: clusterlink delete peer --name ${peer ?? "NAME"} --namespace ${namespace}`;
}

/** @returns the peer that a namespace's Secret makes of the gateway there, as `deploy peer` notes it. */
async function peerIn(client: KubeClient, namespace: string): Promise<string | undefined> {
  const secret = await client.get(SECRETS, { namespace, name: PEER_SECRET });
  return secret?.metadata.annotations?.[PEER_ANNOTATION];
}

/** @returns where the Instance of `deploy peer` wants the gateway. */
async function instanceNamespace(client: KubeClient): Promise<string | undefined> {
  try {
    return (await client.get(INSTANCES, { namespace: OPERATOR_NAMESPACE, name: INSTANCE_NAME }))?.spec.namespace;
  } catch (error) {
    if (error instanceof KubeApiError && error.httpStatus === 404) return undefined;
    throw error;
  }
}

/** A ClusterLink that runs would serve the same Imports, and its operator the same Instance. */
async function checkFormer(client: KubeClient, namespace: string): Promise<void> {
  const found = await formerDeployments(client, namespace);
  const names = (runs: boolean) =>
    found.filter((each) => each.runs === runs).map((each) => `${each.namespace}/${each.name}`);
  if (names(true).length > 0) {
    throw new CliError(
      "failed",
      `ClusterLink runs in the cluster (deployments ${names(true).join(", ")}); two gateways cannot be one site. Stop it, which ends its connections, and deploy again; docs/migrate.md tells of it and of the way back:\n${indented(stopCommands(found))}`,
    );
  }
  if (names(false).length === 0) return;
  note(
    `note: ClusterLink's deployments ${names(false).join(", ")} are stopped and stay; remove them when you are sure`,
  );
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}
