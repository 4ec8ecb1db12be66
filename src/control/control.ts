import type { GatewayKindName, ResourceOf } from "../resources/kinds.ts";
import type { ObjectKey } from "../resources/meta.ts";
import type { Channel } from "../snapshot/channel.ts";
import type { ListenerFailure, ToControl, ToRelay } from "../snapshot/messages.ts";
import type { CertificateEntry, GatewayAddress, SiteEntry } from "../snapshot/tables.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { HeartbeatMonitor, type HeartbeatOptions } from "./heartbeat/monitor.ts";
import { SiteObjects } from "./objects.ts";
import { Problems } from "./problems.ts";
import { Publisher } from "./publisher.ts";
import type { ListenerFailures, SiteKind } from "./reconcile/site-kind.ts";
import { StatusWriter } from "./status-writer.ts";
import { TableBuilder } from "./tables.ts";

export interface ControlOptions {
  store: Store;
  site: SiteKind;
  /** The site's own row, less what comes from elsewhere. */
  self: Omit<SiteEntry, "name" | "certificates" | "clientsFresh">;
  certificates: CertificateEntry;
  /** The gateway's own namespace. */
  namespace: string;
  log: Logger;
  onBeat?: NonNullable<HeartbeatOptions["onBeat"]>;
}

/** Changes that come together are published together: those within this many milliseconds of the first. */
const COALESCE = 2;

/**
 * After a publication there is none for so many times its duration, so that no flood of changes keeps this process from
 * anything else. A change that comes alone does not wait.
 */
const REST = 4;

/** Statuses that are written at once where the store is another machine's. */
const REMOTE_WRITES = 8;

/**
 * Holds what is wanted of a site and tells it to the relays. It is on the path of no connection: while it is gone, the
 * relays go on with what they were told last.
 */
export class Control {
  readonly objects: SiteObjects;
  readonly publisher: Publisher;
  readonly heartbeats: HeartbeatMonitor;
  readonly problems = new Problems();
  readonly #builder: TableBuilder;
  readonly #statuses: StatusWriter;
  #certificates: CertificateEntry;
  #authzKeys: Pick<SiteEntry, "authzKey" | "acceptedAuthzKeys">;
  #failures: ListenerFailures = new Map();
  #timer: Timer | undefined;
  /** When the next publication may be, on the clock of `performance`. */
  #rested = 0;
  #draining = false;

  constructor(readonly options: ControlOptions) {
    const { store, log, site, namespace, self } = options;
    this.#certificates = options.certificates;
    this.#authzKeys = { authzKey: self.authzKey };
    const { kinds, surroundings } = site;
    this.objects = new SiteObjects({
      store,
      log,
      onChange: (kind) => this.#touch(kind),
      ...(kinds === undefined ? {} : { kinds }),
    });
    this.#statuses = new StatusWriter({
      store,
      log,
      current: <K extends GatewayKindName>(kind: K, key: ObjectKey) =>
        this.objects.get(kind, key) ?? (surroundings?.invalidAt(kind, key)?.object as ResourceOf<K> | undefined),
      ...(surroundings === undefined
        ? {}
        : {
            concurrency: REMOTE_WRITES,
            writes: (kind) => surroundings.writes(kind),
            onWritten: (before, after) => surroundings.onStatus(before, after),
          }),
    });
    this.publisher = new Publisher({ log, onChange: () => this.#compareFailures() });
    this.heartbeats = new HeartbeatMonitor({
      certificates: () => this.#certificates,
      timeout: self.deadlines.handshake,
      onChange: () => this.#touch("Peer"),
      ...(options.onBeat === undefined ? {} : { onBeat: options.onBeat }),
    });
    this.#builder = new TableBuilder({
      objects: this.objects,
      site,
      namespace,
      health: (peer) => this.heartbeats.health(peer),
      failures: () => this.#failures,
      statuses: this.#statuses,
    });
  }

  get certificates(): CertificateEntry {
    return this.#certificates;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Begins to read the store; relays get their first snapshot when all of it has been read. */
  start(): void {
    this.objects.start();
    this.options.site.surroundings?.start({
      touch: (section) => {
        this.#builder.touch(section);
        this.#schedule();
      },
      resume: () => this.#statuses.resume(),
    });
  }

  /** What is behind what it is read from at present, or contested, and why, for people. */
  get behind(): string[] {
    const { surroundings } = this.options.site;
    return [...this.objects.problems, ...(surroundings?.problems ?? []), ...this.#statuses.problems];
  }

  /** Takes a relay as a follower. */
  attach(channel: Channel<ToRelay, ToControl>): void {
    this.publisher.attach(channel);
  }

  /** Puts new certificates into use, here and at the relays. */
  renew(certificates: CertificateEntry): void {
    this.#certificates = certificates;
    this.heartbeats.reconnect();
    this.#schedule();
  }

  /** Signs `/authz` tokens with another key from now on, and accepts those of some others. All are base64. */
  renewAuthzKey(authzKey: string, accepted: readonly string[]): void {
    this.#authzKeys = { authzKey, ...(accepted.length === 0 ? {} : { acceptedAuthzKeys: [...accepted] }) };
    this.#schedule();
  }

  /** Is not ready from now on, and goes on telling the relays what changes while they drain. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends everything but the relays. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.objects.stop();
    this.heartbeats.stop();
    await this.#statuses.stop();
    await this.options.site.surroundings?.stop();
    this.publisher.close();
  }

  #touch(kind: GatewayKindName): void {
    this.#builder.touchKind(kind);
    this.#schedule();
  }

  #schedule(): void {
    const delay = Math.max(COALESCE, this.#rested - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const begun = performance.now();
      this.#publish();
      const ended = performance.now();
      this.#rested = ended + REST * (ended - begun);
    }, delay);
  }

  #publish(): void {
    if (!this.objects.synced || this.options.site.surroundings?.synced === false) return;
    this.heartbeats.update(this.#peers());
    const tables = this.#builder.build();
    const self: SiteEntry = {
      ...this.options.self,
      ...this.#authzKeys,
      name: this.#certificates.name,
      certificates: this.#certificates,
      clientsFresh: this.options.site.clientsFresh(),
    };
    this.publisher.publish({ site: { self }, ...tables });
  }

  #peers(): Map<string, GatewayAddress[]> {
    const own = [...this.objects.all("Peer")].filter(({ metadata }) => metadata.namespace === this.options.namespace);
    return new Map(own.map(({ metadata, spec }) => [metadata.name, spec.gateways]));
  }

  /** Listeners that relays could not bind show in the conditions of their Imports. */
  #compareFailures(): void {
    const failures = new Map<string, ListenerFailure>();
    for (const relay of this.publisher.relays)
      for (const failure of relay.failedListeners) failures.set(failure.key, failure);
    if (Bun.deepEquals(failures, this.#failures)) return;
    this.#failures = failures;
    this.#builder.touch("imports");
    this.#schedule();
  }
}
