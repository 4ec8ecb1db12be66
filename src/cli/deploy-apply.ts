/** Applying a deployment, with a line for every object. */
import type { ManifestObject } from "../deploy/manifest-object.ts";
import { PEER_ANNOTATION } from "../deploy/names.ts";
import { applyObject } from "../operator/apply.ts";
import { formerDeployments, stopCommands } from "../operator/former.ts";
import { type LiveObject, nameOf, resourceOf, shownName } from "../operator/object-resource.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import { CliError } from "./errors.ts";
import { note, print } from "./output.ts";

/** The oldest Kubernetes whose API server knows all that the CRDs ask of it (rules in CEL). */
const OLDEST_MINOR = 25;

/** How long a CRD may take to be established, in milliseconds. */
const ESTABLISHED_WITHIN = 30_000;

/** Checks, before anything is applied, that the cluster can have it. Throws a CliError. */
export async function checkCluster(client: KubeClient, plan: DeployPlan, peer: string): Promise<void> {
  const { major, minor, gitVersion } = (await client.request({ method: "GET", path: "/version" })) as {
    major: string;
    minor: string;
    gitVersion: string;
  };
  if (Number(major) === 1 && Number.parseInt(minor, 10) < OLDEST_MINOR) {
    throw new CliError("failed", `the cluster is Kubernetes ${gitVersion}; it must be 1.${OLDEST_MINOR} or newer`);
  }
  const wanted = plan.objects.find((object) => object.kind === "Secret");
  if (wanted === undefined) return;
  await checkFormer(client, wanted.metadata.namespace ?? "");
  const secret = await client.get(resourceOf(wanted), nameOf(wanted));
  const there = secret?.metadata.annotations?.[PEER_ANNOTATION];
  if (there !== undefined && there !== peer) {
    const { namespace } = wanted.metadata;
    throw new CliError(
      "failed",
      `namespace '${namespace}' has the gateway of peer '${there}'; remove it first (clusterlink delete peer --name ${there} --namespace ${namespace}), or give another --namespace`,
    );
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

/** Applies everything, and waits in between for the CRDs. Throws what the API server says, with the object's name. */
export async function applyPlan(client: KubeClient, plan: DeployPlan): Promise<void> {
  for (const object of plan.definitions) await applyOne(client, object);
  for (const object of plan.definitions) await established(client, object);
  for (const object of plan.objects) await applyOne(client, object);
}

async function applyOne(client: KubeClient, object: ManifestObject): Promise<void> {
  try {
    const { outcome } = await applyObject(client, object);
    print(`${shownName(object)} ${outcome}`);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new CliError("refused", `${shownName(object)}: ${said}`, { cause });
  }
}

interface DefinitionStatus {
  conditions?: { type: string; status: string; message?: string }[];
}

async function established(client: KubeClient, object: ManifestObject): Promise<void> {
  const end = Date.now() + ESTABLISHED_WITHIN;
  for (;;) {
    const live: LiveObject | undefined = await client.get(resourceOf(object), nameOf(object));
    const conditions = (live?.status as DefinitionStatus | undefined)?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return;
    if (Date.now() >= end) {
      const refused = conditions.find(({ type, status }) => type === "NamesAccepted" && status === "False");
      throw new CliError(
        "failed",
        `${shownName(object)} is not established: ${refused?.message ?? "no reason is told"}`,
      );
    }
    await Bun.sleep(100);
  }
}
