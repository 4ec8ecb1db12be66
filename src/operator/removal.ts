/** Takes a gateway out of a cluster. */
import { gatewayObjects } from "../deploy/gateway.ts";
import type { ManifestObject } from "../deploy/manifest-object.ts";
import { GATEWAY_SELECTOR, IMPORT_SERVICES, IMPORT_SLICES } from "../deploy/names.ts";
import type { GatewayOptions } from "../deploy/options.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { ENDPOINT_SLICES, PODS, SERVICES } from "../store/kubernetes/resource.ts";
import { SYSTEM_TIMING, type Timing } from "../store/kubernetes/timing.ts";
import { deleteObject } from "./apply.ts";

/** Pods may take their grace to end; after so many milliseconds the rest is removed in spite of them. */
const PODS_GONE_WITHIN = 60_000;

/** Between two looks at the pods, in milliseconds. */
const INTERVAL = 500;

/**
 * Removes a gateway's objects: first its Deployment, and when its pods have drained, the rest, and the Services and
 * EndpointSlices that they made for Imports. Left are the Secret, the namespace, and the resources of users.
 *
 * @param onRemoved - called with everything that was there.
 * @throws KubeApiError; to be called again then.
 */
export async function removeGateway(
  client: KubeClient,
  options: GatewayOptions,
  onRemoved: (object: ManifestObject) => void = () => {},
  timing: Timing = SYSTEM_TIMING,
): Promise<void> {
  for (const object of gatewayObjects(options).toReversed()) {
    if (await deleteObject(client, object)) onRemoved(object);
    if (object.kind === "Deployment") {
      await podsGone(client, options.namespace, timing);
      await removeImportServices(client, onRemoved);
    }
  }
}

async function podsGone(client: KubeClient, namespace: string, timing: Timing): Promise<void> {
  const labelSelector = Object.entries(GATEWAY_SELECTOR)
    .map((pair) => pair.join("="))
    .join(",");
  const end = timing.now() + PODS_GONE_WITHIN;
  while (timing.now() < end) {
    const pods = await client.all(PODS, { namespace, labelSelector });
    if (pods.length === 0) return;
    await timing.sleep(INTERVAL);
  }
}

/** Nobody repairs them any more, and nothing answers behind them. */
async function removeImportServices(client: KubeClient, onRemoved: (object: ManifestObject) => void): Promise<void> {
  for (const { metadata } of await client.all(SERVICES, { labelSelector: IMPORT_SERVICES })) {
    const { name, namespace = "" } = metadata;
    const object = { apiVersion: "v1", kind: "Service", metadata: { name, namespace } };
    if (await deleteObject(client, object)) onRemoved(object);
  }
  for (const { metadata } of await client.all(ENDPOINT_SLICES, { labelSelector: IMPORT_SLICES })) {
    await client.delete(ENDPOINT_SLICES, { name: metadata.name, namespace: metadata.namespace });
  }
}
