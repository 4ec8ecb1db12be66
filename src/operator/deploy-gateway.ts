/** Brings an Instance's gateway to where it is to be. */
import { gatewayObjects } from "../deploy/gateway.ts";
import { GATEWAY_NAME } from "../deploy/names.ts";
import type { GatewayOptions } from "../deploy/options.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { SERVICES } from "../store/kubernetes/resource.ts";
import type { Logger } from "../telemetry/log.ts";
import { applyObject } from "./apply.ts";
import { removeGateway } from "./removal.ts";

export interface DeployParts {
  client: KubeClient;
  log: Logger;
  /** Nothing is written after it. */
  signal: AbortSignal;
}

/**
 * Applies the gateway's objects, and when all of them are accepted, removes those of the namespaces that it has left: what
 * cannot be deployed costs nobody the gateway that runs. The new gateway takes over the Services of Imports, with their
 * addresses.
 *
 * @throws KubeApiError; to be called again then, with the namespaces that still have a gateway.
 */
export async function deployGateway(
  { client, log, signal }: DeployParts,
  options: GatewayOptions,
  left: readonly string[],
): Promise<void> {
  for (const object of gatewayObjects(options)) {
    if (object.kind === "Service") await freeNodePort(client, options, left, signal);
    const { outcome } = await applyObject(client, object, { signal });
    if (outcome !== "unchanged") log.info(`${object.kind} ${outcome}`, { name: object.metadata.name });
  }
  for (const namespace of left) {
    log.info("removing the gateway from the namespace that its Instance has left", { namespace });
    await removeGateway(client, { ...options, namespace }, { signal });
  }
}

/** A port of the nodes is one Service's: the one that is left gives it up first, or the new one would be refused. */
async function freeNodePort(
  client: KubeClient,
  { ingress }: GatewayOptions,
  left: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (ingress.type !== "NodePort" || ingress.port === undefined) return;
  for (const namespace of left) {
    const place = { namespace, name: GATEWAY_NAME };
    const service = await client.get(SERVICES, place, { signal });
    const holds = service?.spec?.ports?.some(({ nodePort }) => nodePort === ingress.port);
    if (holds) await client.delete(SERVICES, place, { signal });
  }
}
