import { objectKey } from "../../resources/meta.ts";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import { ENDPOINT_SLICES, type EndpointSlice, PODS, SERVICES, type Service } from "../../store/kubernetes/resource.ts";
import type { Logger } from "../../telemetry/log.ts";
import { type PodClient, projectPod } from "./clients.ts";
import { SERVICE_NAME, serviceOfSlice } from "./ownership.ts";
import { trimService, trimSlice } from "./trim.ts";
import { follow, type Watches } from "./watches.ts";

export interface SiteWatchesOptions {
  client: Pick<KubeClient, "list" | "watch">;
  /** The gateway's own namespace. */
  namespace: string;
  /** The only namespace that is served; undefined for all. */
  watchNamespace: string | undefined;
  log: Logger;
}

/** The gateway's own Service. */
const GATEWAY_SERVICE = "clusterlink";

/** A pod is some 10 kB as it comes and a tenth of that as it is kept. */
const POD_PAGE = 200;

/** What a site in a cluster follows there besides its own kinds, one watch a resource. */
export class SiteWatches {
  readonly services: Watches<Service>;
  /** Of Services that are served, and of the gateway's own. */
  readonly slices: Watches<EndpointSlice>;
  readonly pods: Watches<PodClient>;
  /** Key of the gateway's own Service. */
  readonly gatewayService: string;

  constructor({ client, namespace, watchNamespace, log }: SiteWatchesOptions) {
    this.gatewayService = objectKey(namespace, GATEWAY_SERVICE);
    const served = watchNamespace === undefined ? {} : { namespace: watchNamespace };
    const own = { namespace, labelSelector: `${SERVICE_NAME}=${GATEWAY_SERVICE}` };
    const apart = watchNamespace !== undefined && watchNamespace !== namespace;
    this.services = follow({ client, resource: SERVICES, selections: [served], project: trimService, log });
    this.slices = follow({
      client,
      resource: ENDPOINT_SLICES,
      selections: [{ ...served, labelSelector: SERVICE_NAME }, ...(apart ? [own] : [])],
      project: (slice) => trimSlice(slice, (each) => serviceOfSlice(each) === this.gatewayService),
      log,
    });
    this.pods = follow({ client, resource: PODS, selections: [served], project: projectPod, pageSize: POD_PAGE, log });
  }

  /** Whether all of it has been read once. */
  get synced(): boolean {
    return this.#all.every(({ synced }) => synced);
  }

  /** What is behind the cluster at present, for people. */
  get problems(): string[] {
    return this.#all.flatMap(({ problems }) => problems);
  }

  start(): void {
    for (const watches of this.#all) watches.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((watches) => watches.stop()));
  }

  get #all(): readonly Watches<unknown>[] {
    return [this.services, this.slices, this.pods];
  }
}
