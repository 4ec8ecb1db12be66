/** Takes a gateway out of a cluster. */
import { gatewayObjects } from "../deploy/gateway.ts";
import type { ManifestObject } from "../deploy/manifest-object.ts";
import {
  GATEWAY_NAME,
  GATEWAY_NAMESPACE_LABEL,
  GATEWAY_SELECTOR,
  IMPORT_SERVICES,
  IMPORT_SLICES,
} from "../deploy/names.ts";
import type { GatewayOptions } from "../deploy/options.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { isObjectMissing } from "../store/kubernetes/error.ts";
import type { DeleteOptions } from "../store/kubernetes/requests.ts";
import { DEPLOYMENTS, ENDPOINT_SLICES, type KubeMeta, PODS, SERVICES } from "../store/kubernetes/resource.ts";
import { SYSTEM_TIMING, type Timing } from "../store/kubernetes/timing.ts";
import { deleteObject, FIELD_MANAGER } from "./apply.ts";

/** Pods may take their grace to end; after so many milliseconds the rest is removed in spite of them. */
const PODS_GONE_WITHIN = 60_000;

/** Between two looks at the pods, in milliseconds. */
const INTERVAL = 500;

/** Selects the Deployments and pods of gateways. */
const GATEWAYS = Object.entries(GATEWAY_SELECTOR)
  .map((pair) => pair.join("="))
  .join(",");

export interface Removal {
  /** Called with everything that was there. */
  onRemoved?: (object: ManifestObject) => void;
  /** Nothing is written after it. */
  signal?: AbortSignal;
  timing?: Timing;
}

/**
 * Removes a gateway's objects: first its pods, and when they have drained, the rest, and the Services and EndpointSlices
 * that they made for Imports. Where another gateway is in the cluster the Services stay, with their addresses: it has made
 * them, or takes them over. The Deployment is the last, because that is by what a gateway is found: a removal that was
 * broken off is seen to be unfinished. Left are the Secret, the namespace, and the resources of users.
 *
 * @throws KubeApiError; to be called again then.
 */
export async function removeGateway(client: KubeClient, options: GatewayOptions, removal: Removal = {}): Promise<void> {
  const { onRemoved = () => {}, signal } = removal;
  const remove = async (object: ManifestObject, seen: DeleteOptions = {}) => {
    if (await deleteObject(client, object, { ...seen, signal })) onRemoved(object);
  };
  await endPods(client, options.namespace, removal);
  const objects = gatewayObjects(options).toReversed();
  for (const object of objects) if (object.kind !== "Deployment") await remove(object);
  await removeImportServices(client, options.namespace, remove, signal);
  for (const object of objects) if (object.kind === "Deployment") await remove(object);
}

/** Scales the Deployment to none, and waits for its pods to have gone. */
async function endPods(client: KubeClient, namespace: string, { signal, timing = SYSTEM_TIMING }: Removal) {
  try {
    const none = { spec: { replicas: 0 } };
    await client.patch(DEPLOYMENTS, { namespace, name: GATEWAY_NAME }, none, { fieldManager: FIELD_MANAGER, signal });
  } catch (error) {
    if (!isObjectMissing(error)) throw error;
  }
  const end = timing.now() + PODS_GONE_WITHIN;
  while (timing.now() < end) {
    const pods = await client.all(PODS, { namespace, labelSelector: GATEWAYS, ...(signal && { signal }) });
    if (pods.length === 0) return;
    await timing.sleep(INTERVAL, signal);
  }
}

/** Nobody repairs them any more, and nothing answers behind them. What has changed since it was listed is not deleted. */
async function removeImportServices(
  client: KubeClient,
  gateway: string,
  remove: (object: ManifestObject, seen: DeleteOptions) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const asked = { ...(signal && { signal }) };
  const gateways = await client.all(DEPLOYMENTS, { labelSelector: GATEWAYS, ...asked });
  const lastOne = gateways.every(({ metadata }) => metadata.namespace === gateway);
  const services = lastOne ? await client.all(SERVICES, { labelSelector: IMPORT_SERVICES, ...asked }) : [];
  for (const { metadata } of services) {
    const { name, namespace = "" } = metadata;
    await remove({ apiVersion: "v1", kind: "Service", metadata: { name, namespace } }, asSeen(metadata));
  }
  for (const { metadata } of await client.all(ENDPOINT_SLICES, { labelSelector: IMPORT_SLICES, ...asked })) {
    const { name, namespace, labels } = metadata;
    const of = labels?.[GATEWAY_NAMESPACE_LABEL];
    const ours = of === gateway || (of === undefined && lastOne);
    if (ours) await client.delete(ENDPOINT_SLICES, { name, namespace }, { ...asSeen(metadata), signal });
  }
}

/** The API server answers Conflict when the object is another, or is not as it was. */
function asSeen({ uid = "", resourceVersion = "" }: KubeMeta): DeleteOptions {
  return { preconditions: { uid, resourceVersion } };
}
