/** How far a Deployment is. Pure. */
import type { Deployment, Pod } from "../store/kubernetes/resource.ts";

/** @returns whether all its pods are of its newest template and ready; as `kubectl rollout status` judges. */
export function isRolledOut(deployment: Deployment): boolean {
  const { metadata, spec, status } = deployment;
  const wanted = spec?.replicas ?? 1;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return false;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
  return updatedReplicas >= wanted && replicas <= updatedReplicas && availableReplicas >= wanted;
}

/** @returns how far it is, in words: `1 of 2 pods ready`. */
export function rolloutText(deployment: Deployment): string {
  const { updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {};
  const wanted = deployment.spec?.replicas ?? 1;
  const ready = Math.min(updatedReplicas, availableReplicas);
  return `${ready} of ${wanted} ${wanted === 1 ? "pod" : "pods"} ready`;
}

/** @returns what keeps a pod from being ready: `clusterlink-x: ImagePullBackOff: …`; nothing when it only needs time. */
export function podTrouble(pod: Pod): string | undefined {
  const unscheduled = pod.status?.conditions?.find((each) => each.type === "PodScheduled" && each.status === "False");
  const { waiting, terminated } = pod.status?.containerStatuses?.[0]?.state ?? {};
  const last = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
  const reason = waiting?.reason ?? terminated?.reason ?? unscheduled?.reason;
  if (reason === undefined || reason === "ContainerCreating" || reason === "PodInitializing") return undefined;
  const message = lastWords(last?.message) ?? waiting?.message ?? terminated?.message ?? unscheduled?.message;
  const exit = last ? ` (exit code ${last.exitCode})` : "";
  return `${pod.metadata.name}: ${reason}${exit}${message ? `: ${message}` : ""}`;
}

/** What a gateway wrote at its end that is no log entry: why it could not start. */
function lastWords(text: string | undefined): string | undefined {
  const said = (text ?? "").split("\n").filter((line) => line.startsWith("clusterlink: "));
  return said.length === 0 ? undefined : said.map((line) => line.slice("clusterlink: ".length)).join("; ");
}
