/** Keeps the gateway of an Instance deployed. */
import { gatewayOptionsOf } from "../deploy/instance.ts";
import { GATEWAY_NAME, INSTANCE_ANNOTATION } from "../deploy/names.ts";
import type { GatewayOptions } from "../deploy/options.ts";
import type { InstanceStatus } from "../resources/instance.ts";
import type { InstanceResource } from "../resources/kinds.ts";
import { keyOf, type ObjectKey, objectKey } from "../resources/meta.ts";
import { formatTimestamp } from "../resources/timestamp.ts";
import { customResource, type KubeObject, type KubeResource } from "../store/kubernetes/resource.ts";
import { SYSTEM_TIMING, type Timing } from "../store/kubernetes/timing.ts";
import { deployGateway } from "./deploy-gateway.ts";
import { nodeAddress } from "./node-address.ts";
import { removeGateway } from "./removal.ts";
import { FINALIZER, hasFinalizer, isDeleted, selectInstance } from "./select.ts";
import { type Deployed, refusedStatus, servedStatus } from "./status.ts";
import { OperatorWatches, type WatchedCluster } from "./watches.ts";

export interface OperatorParts extends WatchedCluster {
  timing?: Timing;
  /** How often everything is applied again, whether something was seen to change or not. Milliseconds; default 10 min. */
  resync?: number;
}

const RESYNC = 600_000;

/** After a failure it is tried again, in milliseconds; twice as late each time, up to the second. */
const RETRY = { first: 1000, longest: 60_000 };

const INSTANCES = customResource("Instance") as KubeResource<InstanceResource & KubeObject>;

/** Reconciles Instances, one pass after the other; each pass looks at all there is. */
export class Operator {
  readonly #watches: OperatorWatches;
  readonly #timing: Timing;
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  /** What was applied last, as the Instance's uid and generation; empty when something has to be applied again. */
  #applied = "";
  #appliedAt = 0;
  #failures = 0;
  #failure: string | undefined;
  #running: Promise<void> | undefined;

  constructor(readonly parts: OperatorParts) {
    this.#timing = parts.timing ?? SYSTEM_TIMING;
    this.#watches = new OperatorWatches(parts, (drifted) => {
      if (drifted) this.#applied = "";
      this.#wake.resolve();
    });
  }

  /** Whether all that it acts upon has been read once. */
  get synced(): boolean {
    return this.#watches.synced;
  }

  /** Begins to reconcile; again has no effect. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends. The pass that is under way writes nothing from here on; what it leaves undone is the next operator's. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    await this.#running;
    await this.#watches.stop();
  }

  async #run(): Promise<void> {
    this.#watches.start();
    const { signal } = this.#stopping;
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.#watches.whenSynced, ended]);
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      const wait = await this.#pass();
      const rest = new AbortController();
      await Promise.race([this.#wake.promise, ended, this.#timing.sleep(wait, rest.signal)]);
      rest.abort();
    }
  }

  /** @returns after how many milliseconds to look again when nothing happens. */
  async #pass(): Promise<number> {
    const { log, resync = RESYNC } = this.parts;
    try {
      await this.#reconcile();
      this.#failures = 0;
      return resync;
    } catch (error) {
      if (this.#stopping.signal.aborted) return 0;
      log.warn("the Instances cannot be reconciled; trying again", { error });
      return Math.min(RETRY.longest, RETRY.first * 2 ** this.#failures++);
    }
  }

  async #reconcile(): Promise<void> {
    const { served, refused } = selectInstance(this.#watches.instances());
    for (const instance of refused) {
      if (isDeleted(instance)) await this.#release(instance);
      else if (served !== undefined) await this.#tell(instance, refusedStatus(instance, keyOf(served), this.#now()));
    }
    if (served !== undefined) await (isDeleted(served) ? this.#remove(served) : this.#serve(served));
  }

  async #serve(instance: InstanceResource): Promise<void> {
    const key = keyOf(instance);
    const options = gatewayOptionsOf(key, instance.spec);
    if (!hasFinalizer(instance))
      await this.#setFinalizers(instance, [...(instance.metadata.finalizers ?? []), FINALIZER]);
    const failed = await this.#deploy(instance, options).catch((error: unknown) => ({ error }));
    this.#failure = failed && (failed.error instanceof Error ? failed.error.message : String(failed.error));
    await this.#tell(instance, servedStatus(instance, await this.#deployed(options), this.#now()));
    if (failed) throw failed.error;
  }

  /** Applies the gateway's objects where that is due, and removes those of a namespace that it has left. */
  async #deploy(instance: InstanceResource, options: GatewayOptions): Promise<undefined> {
    const { client, log, resync = RESYNC } = this.parts;
    const { signal } = this.#stopping;
    const { uid, generation } = instance.metadata;
    const due = `${uid} ${generation}`;
    if (this.#applied === due && this.#timing.now() - this.#appliedAt < resync) return;
    this.#applied = due;
    try {
      const left = this.#namespacesOf(keyOf(instance)).filter((each) => each !== options.namespace);
      await deployGateway({ client, log, signal }, options, left);
      this.#appliedAt = this.#timing.now();
    } catch (error) {
      this.#applied = "";
      throw error;
    }
  }

  /** @returns the namespaces that have a gateway of this Instance. */
  #namespacesOf(instance: ObjectKey): string[] {
    return [...this.#watches.deployments()].flatMap(({ metadata: { annotations, namespace } }) =>
      annotations?.[INSTANCE_ANNOTATION] === instance && namespace ? [namespace] : [],
    );
  }

  async #deployed({ namespace, ingress }: GatewayOptions): Promise<Deployed> {
    const key = objectKey(namespace, GATEWAY_NAME);
    return {
      deployment: this.#watches.deployment(key),
      service: this.#watches.service(key),
      nodeAddress: ingress.type === "NodePort" ? await nodeAddress(this.parts.client) : undefined,
      failure: this.#failure,
    };
  }

  /** Where the Instance says that its gateway is, and where it still has one because it has moved. */
  async #remove(instance: InstanceResource): Promise<void> {
    const { namespace } = instance.spec;
    await this.#removeFrom(new Set([namespace, ...this.#namespacesOf(keyOf(instance))]), instance);
    this.#applied = "";
    await this.#dropFinalizer(instance);
  }

  /** Another Instance is served, and may be where this one says, too: only what is known as this one's goes. */
  async #release(instance: InstanceResource): Promise<void> {
    if (!hasFinalizer(instance)) return;
    await this.#removeFrom(this.#namespacesOf(keyOf(instance)), instance);
    await this.#dropFinalizer(instance);
  }

  async #removeFrom(namespaces: Iterable<string>, instance: InstanceResource): Promise<void> {
    const key = keyOf(instance);
    const { signal } = this.#stopping;
    for (const namespace of namespaces) {
      this.parts.log.info("removing the gateway of a deleted Instance", { instance: key, namespace });
      const options = { ...gatewayOptionsOf(key, instance.spec), namespace };
      await removeGateway(this.parts.client, options, { signal, timing: this.#timing });
    }
  }

  async #dropFinalizer(instance: InstanceResource): Promise<void> {
    const { finalizers = [] } = instance.metadata;
    await this.#setFinalizers(
      instance,
      finalizers.filter((each) => each !== FINALIZER),
    );
  }

  /** @throws KubeApiError Conflict when somebody else has changed the Instance: the watch tells of it. */
  async #setFinalizers(instance: InstanceResource, finalizers: string[]): Promise<void> {
    const { resourceVersion } = instance.metadata;
    const patch = { metadata: { finalizers, resourceVersion } };
    await this.parts.client.patch(INSTANCES, instance.metadata, patch, { signal: this.#stopping.signal });
  }

  async #tell(instance: InstanceResource, status: InstanceStatus): Promise<void> {
    if (Bun.deepEquals(status, instance.status)) return;
    const { ip = null, port = null } = status.ingress ?? {};
    const body = { status: { ...status, ingress: { ...status.ingress, ip, port } } };
    await this.parts.client.patchStatus(INSTANCES, instance.metadata, body, { signal: this.#stopping.signal });
  }

  #now(): string {
    return formatTimestamp(this.#timing.now());
  }
}
