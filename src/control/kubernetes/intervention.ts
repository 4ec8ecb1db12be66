import type { ObjectKey } from "../../resources/meta.ts";
import { SERVICES } from "../../store/kubernetes/resource.ts";
import { keyOfWrite } from "./cluster-objects.ts";
import type { Scene } from "./plan.ts";
import type { Write } from "./write.ts";

/** Something that is done to a Service though no Import asks for it, because somebody else did the opposite. */
export interface Intervention {
  reason: "ServiceRepaired" | "ServiceRemoved";
  /** Of the Service. */
  name: ObjectKey;
  /** For people. */
  message: string;
}

/**
 * @returns whether a write of an Import's plan is an intervention: to a Service that was there when its Import was judged
 * last, and is changed though the Import and its port are not; or to one that is taken for the Import's because somebody
 * copied its labels.
 */
export function interventionOf({ key, imported, port }: Scene, write: Write): Intervention | undefined {
  if (imported === undefined || write.resource !== SERVICES) return undefined;
  const name = keyOfWrite(write);
  if (write.verb === "delete") {
    if (name === key) return undefined;
    const message = `Service ${name} had the labels of one that the gateway makes for this Import, which does not need it, and was removed.`;
    return { reason: "ServiceRemoved", name, message };
  }
  const { status, metadata } = imported;
  if (status?.targetPort !== port) return undefined;
  const judged = status?.conditions?.find(({ type }) => type === "ImportServiceValid");
  if (judged?.status !== "True" || judged.observedGeneration !== metadata.generation) return undefined;
  if (judged.reason === "Merged") return undefined;
  const what = write.verb === "create" ? "was deleted and is made again" : "was changed and is put right";
  return { reason: "ServiceRepaired", name, message: `Service ${name} ${what}.` };
}

/**
 * @returns whether a write makes sense only once a Service is what it has to be: the removal of endpoints that Kubernetes
 * makes of a selector which the Service still has.
 */
export function restsOnService({ slices, ours }: Scene, write: Write): boolean {
  if (write.verb !== "delete" || write.resource === SERVICES) return false;
  const { name } = write.object;
  return !slices.some((slice) => slice.metadata.name === name && ours(slice));
}
