/** A ClusterLink that is in the cluster already: its gateway and its operator, which this one takes the place of. */
import { OPERATOR_NAMESPACE } from "../deploy/options.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { DEPLOYMENTS, type Deployment } from "../store/kubernetes/resource.ts";

/** The Deployments of a ClusterLink gateway, and what its operator's name begins with. */
const GATEWAY = ["cl-controlplane", "cl-dataplane"];
const OPERATOR = "cl-operator";

export interface FormerDeployment {
  namespace: string;
  name: string;
  /** Whether it is meant to have pods. */
  runs: boolean;
}

/** @returns ClusterLink's Deployments: its operator first, which would start the others again. Throws KubeApiError. */
export async function formerDeployments(
  client: Pick<KubeClient, "all">,
  namespace: string,
): Promise<FormerDeployment[]> {
  const operators = await client.all(DEPLOYMENTS, { namespace: OPERATOR_NAMESPACE });
  const gateways = await client.all(DEPLOYMENTS, { namespace });
  return [
    ...operators.filter(({ metadata: { name } }) => name === OPERATOR || name.startsWith(`${OPERATOR}-`)),
    ...gateways.filter(({ metadata: { name } }) => GATEWAY.includes(name)),
  ].map(described);
}

/** @returns the commands that stop those which run. */
export function stopCommands(found: readonly FormerDeployment[]): string[] {
  const running = Map.groupBy(
    found.filter(({ runs }) => runs),
    ({ namespace }) => namespace,
  );
  return Array.from(running, ([namespace, deployments]) => {
    const names = deployments.map(({ name }) => `deployment/${name}`).join(" ");
    return `kubectl -n ${namespace} scale ${names} --replicas=0`;
  });
}

function described({ metadata: { namespace = "", name }, spec }: Deployment): FormerDeployment {
  return { namespace, name, runs: spec?.replicas !== 0 };
}
