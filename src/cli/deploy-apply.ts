/** Applying a deployment, with a line for every object. */
import type { ManifestObject } from "../deploy/manifest-object.ts";
import { applyObject } from "../operator/apply.ts";
import { type LiveObject, nameOf, resourceOf, shownName } from "../operator/object-resource.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import { CliError } from "./errors.ts";
import { print } from "./output.ts";

/** How long a CRD may take to be established, in milliseconds. */
const ESTABLISHED_WITHIN = 30_000;

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
