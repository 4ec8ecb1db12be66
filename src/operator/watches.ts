/** What the operator watches: the Instances of its namespace, and the Deployments and Services of all gateways. */
import { GATEWAY_SELECTOR } from "../deploy/names.ts";
import type { InstanceResource } from "../resources/kinds.ts";
import type { ObjectKey } from "../resources/meta.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { Informer } from "../store/kubernetes/informer.ts";
import type { Change } from "../store/kubernetes/reflector.ts";
import {
  customResource,
  DEPLOYMENTS,
  type Deployment,
  type KubeObject,
  type KubeResource,
  SERVICES,
  type Service,
} from "../store/kubernetes/resource.ts";
import type { Logger } from "../telemetry/log.ts";

/** The cluster that an operator serves. */
export interface WatchedCluster {
  client: KubeClient;
  log: Logger;
  /** The operator's own, where the Instances are that it serves. */
  namespace: string;
}

export class OperatorWatches {
  readonly #instances: Informer<InstanceResource & KubeObject>;
  readonly #deployments: Informer<Deployment>;
  readonly #services: Informer<Service>;

  /** @param onChange - told of every change, and whether what was applied may be so no more. */
  constructor({ client, log, namespace }: WatchedCluster, onChange: (drifted: boolean) => void) {
    const selection = {
      labelSelector: Object.entries(GATEWAY_SELECTOR)
        .map((pair) => pair.join("="))
        .join(","),
    };
    const instances = customResource("Instance") as KubeResource<InstanceResource & KubeObject>;
    this.#instances = new Informer({
      client,
      log,
      selection: { namespace },
      resource: instances,
      project: withoutManagedFields,
    });
    this.#deployments = new Informer({ client, log, selection, resource: DEPLOYMENTS, project: withoutManagedFields });
    this.#services = new Informer({ client, log, selection, resource: SERVICES, project: withoutManagedFields });
    this.#instances.subscribe(() => onChange(false));
    this.#deployments.subscribe((changes) => onChange(changes.some(isDrift)));
    this.#services.subscribe((changes) => onChange(changes.some(isDrift)));
  }

  start(): void {
    for (const informer of this.#all) informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((informer) => informer.stop()));
  }

  /** Whether everything is known. */
  get synced(): boolean {
    return this.#all.every(({ synced }) => synced);
  }

  /** Resolves when everything is known. */
  get whenSynced(): Promise<unknown> {
    return Promise.all(this.#all.map((informer) => informer.whenSynced));
  }

  instances(): Iterable<InstanceResource> {
    return this.#instances.values();
  }

  deployments(): Iterable<Deployment> {
    return this.#deployments.values();
  }

  deployment(key: ObjectKey): Deployment | undefined {
    return this.#deployments.get(key);
  }

  service(key: ObjectKey): Service | undefined {
    return this.#services.get(key);
  }

  get #all() {
    return [this.#instances, this.#deployments, this.#services];
  }
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** @returns whether more than the status has changed. */
function isDrift(change: Change<Deployment | Service>): boolean {
  if (change.type === "delete" || change.previous === undefined) return true;
  return !Bun.deepEquals(wanted(change.object), wanted(change.previous));
}

function wanted({ metadata: { labels, annotations }, spec }: Deployment | Service): unknown {
  return { labels, annotations: { ...annotations, "deployment.kubernetes.io/revision": "" }, spec };
}
