import type { GatewayKindName, ResourceOf } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";
import type { ClientEntry, ExportEntry, ImportEntry } from "../../snapshot/tables.ts";
import type { KubeClient } from "../../store/kubernetes/client.ts";
import type { KubernetesStore } from "../../store/kubernetes/kubernetes-store.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { SiteObjects } from "../objects.ts";
import type { Outcome } from "../reconcile/outcome.ts";
import type { InvalidObject, ListenerFailures, SiteHost, SiteKind, Surroundings } from "../reconcile/site-kind.ts";
import { reconcilePods } from "./clients.ts";
import { Election, type ElectionTimes } from "./election.ts";
import { Events, occurrencesOf } from "./events.ts";
import { reconcileKubernetesExports } from "./exports.ts";
import { reconcileKubernetesImports } from "./imports.ts";
import { invalidObject } from "./invalid.ts";
import { PortRegister } from "./port-register.ts";
import { ServiceKeeper } from "./service-keeper.ts";
import { SiteWatches } from "./site-watches.ts";

export interface KubernetesSiteOptions {
  client: KubeClient;
  /** Where the objects are that the site is made of. */
  store: Pick<KubernetesStore, "invalid" | "problems">;
  /** The gateway's own namespace. */
  namespace: string;
  /** The only namespace that is served; absent for all. */
  watchNamespace?: string;
  /** Whether PrivilegedAccessPolicies are read and obeyed. */
  privilegedPolicies: boolean;
  /** Where imported services listen. */
  importAddress: string;
  /** Ports of the gateway's own listeners, each with a name for people. */
  reserved: ReadonlyMap<number, string>;
  /** Of this replica, the same after a restart of its control. */
  identity: string;
  /** Name of this pod or host. */
  instance: string;
  /** How long client identities are trusted without a working watch of pods, milliseconds. */
  identityMaxAge: number;
  log: Logger;
  election?: Partial<ElectionTimes>;
  /** Milliseconds since the epoch. */
  clock?: () => number;
}

const KINDS = ["Peer", "Export", "Import", "AccessPolicy"] as const;

const POLICIES = ["PrivilegedAccessPolicy", "AccessPolicy"] as const;

/** Problems of one sort that are listed. */
const MAX_PROBLEMS = 20;

/** The Lease of the replicas. */
const LEASE = "clusterlink-gateway";

/** How long requests that are under way may take at the end, milliseconds. */
const STOP_LIMIT = 1_000;

/** How often the age of client identities is looked at, milliseconds. */
const FRESHNESS_INTERVAL = 1_000;

/** A Kubernetes cluster as a site: Imports are Services, Exports lead to Services, clients are pods. */
export class KubernetesSite implements SiteKind, Surroundings {
  readonly surroundings: Surroundings = this;
  readonly kinds: readonly GatewayKindName[];
  readonly #watches: SiteWatches;
  readonly #election: Election;
  readonly #events: Events;
  readonly #keeper: ServiceKeeper;
  readonly #ports: PortRegister;
  #host: SiteHost | undefined;
  /** Keys of the Services that Exports lead to, whether they are there or not. */
  readonly #exported = new Set<ObjectKey>();
  #complete = false;
  #fresh = true;
  #freshness: Timer | undefined;

  constructor(readonly options: KubernetesSiteOptions) {
    const { client, namespace, watchNamespace, log, election, instance, identity } = options;
    this.#watches = new SiteWatches({ client, namespace, watchNamespace, log });
    const { services, slices, pods, gatewayService } = this.#watches;
    this.kinds = options.privilegedPolicies ? [...KINDS, "PrivilegedAccessPolicy"] : KINDS;
    this.#election = new Election({
      client,
      namespace,
      name: LEASE,
      identity,
      log,
      onChange: (leads) => this.#onLeadership(leads),
      ...(election === undefined ? {} : { times: election }),
    });
    const leadership = () => this.#election.leadership;
    this.#events = new Events({ client, instance, leadership, log });
    this.#ports = new PortRegister({
      reserved: options.reserved,
      leads: () => this.leads,
      onMoved: (imported, message) =>
        this.#events.tell(imported, { type: "Normal", reason: "TargetPortMoved", message }),
    });
    this.#keeper = new ServiceKeeper({
      client,
      services,
      slices,
      namespace,
      gatewayService,
      leadership,
      log,
      onChange: () => this.#host?.touch("imports"),
      onIntervention: (imported, reason, message) => this.#events.tell(imported, { type: "Warning", reason, message }),
    });
    services.subscribe((changes) => {
      if (changes.some(({ key }) => this.#exported.has(key))) this.#host?.touch("exports");
      this.#onRead();
    });
    slices.subscribe(() => this.#onRead());
    pods.subscribe(() => this.#host?.touch("clients"));
  }

  start(host: SiteHost): void {
    this.#host = host;
    this.#watches.start();
    this.#election.start();
    this.#freshness = setInterval(() => this.#checkFreshness(), FRESHNESS_INTERVAL);
  }

  /** Ends what is under way, then lets another replica lead. */
  async stop(): Promise<void> {
    this.#host = undefined;
    clearInterval(this.#freshness);
    const ended = Promise.all([this.#keeper.rest(), this.#events.stop(), this.#election.stop()]);
    await Promise.race([ended, Bun.sleep(STOP_LIMIT)]);
    await this.#election.release();
    await this.#watches.stop();
  }

  get synced(): boolean {
    return this.#watches.synced;
  }

  get problems(): string[] {
    const { problems } = this.options.store;
    return [...problems, ...this.#watches.problems, ...this.#keeper.problems, ...this.#invalidPolicies()];
  }

  /** Whether this replica is the one that writes. */
  get leads(): boolean {
    return this.#election.leadership !== undefined;
  }

  /** A gateway of one namespace may read the administrators' policies, which others write the statuses of. */
  writes(kind: GatewayKindName): boolean {
    return this.leads && (kind !== "PrivilegedAccessPolicy" || this.options.watchNamespace === undefined);
  }

  invalid(kind: GatewayKindName): ReadonlyMap<ObjectKey, InvalidObject> {
    return new Map(Array.from(this.options.store.invalid(kind), ([key, each]) => [key, invalidObject(each)]));
  }

  invalidAt(kind: GatewayKindName, key: ObjectKey): InvalidObject | undefined {
    const found = this.options.store.invalid(kind).get(key);
    return found && invalidObject(found);
  }

  onStatus(before: ResourceOf<GatewayKindName>, after: ResourceOf<GatewayKindName>): void {
    for (const occurrence of occurrencesOf(before.status?.conditions, after.status?.conditions)) {
      this.#events.tell(after, occurrence);
    }
  }

  imports(objects: SiteObjects, failures: ListenerFailures): Outcome<ImportEntry> {
    const imports = new Map([...objects.all("Import")].map((imported) => [keyOf(imported), imported]));
    const allotments = this.#ports.allot(imports, failures);
    this.#keeper.update(
      new Map([...imports].map(([key, imported]) => [key, { imported, port: allotments.get(key)?.port }])),
    );
    return reconcileKubernetesImports(imports.values(), {
      allotments,
      address: this.options.importAddress,
      failures,
      serviceCondition: (key) => this.#keeper.condition(key),
    });
  }

  exports(objects: SiteObjects): Outcome<ExportEntry> {
    this.#exported.clear();
    return reconcileKubernetesExports(objects.all("Export"), (key) => {
      this.#exported.add(key);
      return this.#watches.services.get(key);
    });
  }

  clients(): Outcome<ClientEntry> & { kind: GatewayKindName } {
    return { kind: "Workload", rows: reconcilePods(this.#watches.pods.values()), statuses: new Map() };
  }

  clientsFresh(): boolean {
    const { identityMaxAge, clock = Date.now } = this.options;
    return !this.#watches.pods.isStale(identityMaxAge, clock());
  }

  /** Most Services and endpoints matter to nobody here; but nothing is published before all have been read once. */
  #onRead(): void {
    if (this.#complete || !this.synced) return;
    this.#complete = true;
    this.#host?.touch("imports");
  }

  /** A policy that is not obeyed may be one that denies: somebody has to know. */
  #invalidPolicies(): string[] {
    return POLICIES.flatMap((kind) =>
      Array.from(this.options.store.invalid(kind).keys(), (key) => `${kind} ${key} is not valid and not in force`),
    ).slice(0, MAX_PROBLEMS);
  }

  #checkFreshness(): void {
    const fresh = this.clientsFresh();
    if (fresh === this.#fresh) return;
    this.#fresh = fresh;
    if (fresh) this.options.log.info("client identities are known again");
    else this.options.log.warn("the pods could not be read for too long: no client is identified until they can");
    this.#host?.touch("clients");
  }

  #onLeadership(leads: boolean): void {
    if (!leads) {
      void this.#keeper.rest();
      return;
    }
    this.#keeper.lead();
    this.#host?.resume();
  }
}
