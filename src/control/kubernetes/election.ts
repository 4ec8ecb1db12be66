import type { KubeClient } from "../../store/kubernetes/client.ts";
import { KubeApiError } from "../../store/kubernetes/error.ts";
import { LEASES, type Lease } from "../../store/kubernetes/resource.ts";
import { SYSTEM_TIMING, type Timing } from "../../store/kubernetes/timing.ts";
import type { Logger } from "../../telemetry/log.ts";

export interface ElectionOptions {
  client: Pick<KubeClient, "get" | "create" | "replace">;
  namespace: string;
  /** Of the Lease. */
  name: string;
  /** Of this candidate. One that holds the Lease already goes on at once: it is this gateway's control before a restart. */
  identity: string;
  log: Logger;
  /** Called with whether this process leads, whenever that changes. */
  onChange: (leads: boolean) => void;
  /** Milliseconds; the defaults are those of Kubernetes' own controllers: 15 s, 10 s, 2 s. */
  times?: Partial<ElectionTimes>;
  timing?: Timing;
}

export interface ElectionTimes {
  /** How long the others wait for a holder that renews no more. */
  duration: number;
  /** After so long without a renewal the holder gives up: before the others may begin. */
  renewal: number;
  /** Between two tries. */
  retry: number;
}

const TIMES: ElectionTimes = { duration: 15_000, renewal: 10_000, retry: 2_000 };

/** How long a gateway that ends waits for the answer to its resignation, milliseconds. */
const RELEASE_LIMIT = 1_000;

/** A write that failed because the Lease is not as it was seen last, or is there no more. */
const CHANGED: ReadonlySet<string> = new Set(["Conflict", "NotFound", "AlreadyExists"]);

type Spec = NonNullable<Lease["spec"]>;

/**
 * Of all replicas of a gateway at most one leads: it holds a Lease (coordination.k8s.io/v1). The clocks of different
 * machines are never compared: a Lease has ended when this process has seen it unchanged for its duration.
 */
export class Election {
  readonly #times: ElectionTimes;
  readonly #timing: Timing;
  readonly #stopping = new AbortController();
  #leadership: AbortController | undefined;
  /** When the leadership ends unless it is renewed, on the clock of `performance`. */
  #until = 0;
  #deposing: Timer | undefined;
  /** As it was seen last, and when it was first seen so, on this process's clock. */
  #seen: { lease: Lease; at: number } | undefined;
  /** Until when another one may believe that it leads, as far as was seen, even if its Lease has been deleted since. */
  #othersUntil = 0;
  #running: Promise<void> | undefined;
  #answered = false;

  constructor(readonly options: ElectionOptions) {
    this.#times = { ...TIMES, ...options.times };
    this.#timing = options.timing ?? SYSTEM_TIMING;
  }

  /**
   * Aborts when the leadership ends; undefined while somebody else leads or nobody does, and when it is over though the
   * timer that says so has not run yet, as after a pause of the whole process.
   */
  get leadership(): AbortSignal | undefined {
    return performance.now() < this.#until ? this.#leadership?.signal : undefined;
  }

  /** Whether the API server let this process read or write the Lease when it was asked last, whoever holds it. */
  get answered(): boolean {
    return this.#answered;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives up what leads; when nothing is written any more, `release` lets another begin at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Ends the Lease, if this process had it to the end. Never rejects: without it the others wait a little longer. */
  async release(): Promise<void> {
    const held = this.#seen?.lease;
    this.#depose("the gateway ends");
    if (held?.spec?.holderIdentity !== this.options.identity) return;
    const spec = {
      ...held.spec,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: microTime(this.#timing.now()),
    };
    try {
      await this.options.client.replace(LEASES, { ...held, spec }, { signal: AbortSignal.timeout(RELEASE_LIMIT) });
    } catch (error) {
      this.options.log.warn("the Lease cannot be released; others wait until it ends", { error });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let again = false;
    while (!signal.aborted) {
      try {
        await this.#try();
        this.#answered = true;
        again = false;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubeApiError && CHANGED.has(error.code)) {
          this.#see(undefined);
          if (again) {
            // Somebody who was faster twice in a row is rare; a namespace that is missing answers so for ever.
            this.options.log.warn("the Lease cannot be written; trying again", { error });
            this.#answered = false;
          }
          again = !again;
        } else {
          this.options.log.warn("the Lease cannot be read or written; trying again", { error });
          this.#answered = false;
          again = false;
        }
      }
      // Whoever has lost the Lease must not go on leading until the next try.
      if (again) continue;
      await this.#timing.sleep(this.#times.retry * (0.9 + this.#timing.random() / 5), signal);
    }
  }

  async #try(): Promise<void> {
    const held = this.#seen?.lease;
    if (this.#leadership === undefined || held === undefined) this.#see(await this.#read());
    const current = this.#seen?.lease;
    if (current !== undefined && !this.#mayTake(current)) {
      this.#depose(`${current.spec?.holderIdentity} leads`);
      return;
    }
    if (current === undefined && performance.now() < this.#othersUntil) return;
    const begun = performance.now();
    const lease = await this.#write(current);
    this.#see(lease);
    this.#lead(begun);
  }

  async #read(): Promise<Lease | undefined> {
    const { client, namespace, name } = this.options;
    return client.get(LEASES, { namespace, name }, { signal: this.#limit() });
  }

  #write(current: Lease | undefined): Promise<Lease> {
    const { client, namespace, name, identity } = this.options;
    const now = microTime(this.#timing.now());
    const mine = current?.spec?.holderIdentity === identity;
    const spec: Spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#times.duration / 1000)),
      acquireTime: (mine ? current?.spec?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: (current?.spec?.leaseTransitions ?? 0) + (mine || current === undefined ? 0 : 1),
    };
    const signal = this.#limit();
    if (current === undefined) return client.create(LEASES, { metadata: { namespace, name }, spec }, { signal });
    return client.replace(LEASES, { ...current, spec }, { signal });
  }

  /** A request that takes longer is no use: the leadership could have ended meanwhile. */
  #limit(): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(this.#times.renewal / 2)]);
  }

  #mayTake({ spec }: Lease): boolean {
    const holder = spec?.holderIdentity ?? "";
    if (holder === "" || holder === this.options.identity) return true;
    const age = performance.now() - (this.#seen?.at ?? performance.now());
    return age >= (spec?.leaseDurationSeconds ?? 1) * 1000;
  }

  #see(lease: Lease | undefined): void {
    const before = this.#seen;
    if (lease === undefined) this.#seen = undefined;
    else if (before?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) {
      const at = performance.now();
      const { holderIdentity: holder = "", leaseDurationSeconds = 1 } = lease.spec ?? {};
      this.#seen = { lease, at };
      this.#othersUntil = holder === "" || holder === this.options.identity ? 0 : at + leaseDurationSeconds * 1000;
    }
  }

  /** @param begun - when the renewal was sent, on the clock of `performance`: the Lease may count from then. */
  #lead(begun: number): void {
    clearTimeout(this.#deposing);
    this.#until = begun + this.#times.renewal;
    const left = this.#until - performance.now();
    this.#deposing = setTimeout(() => this.#depose("the Lease could not be renewed in time"), left);
    if (this.#leadership !== undefined) return;
    this.#leadership = new AbortController();
    this.options.log.info("this replica leads: it writes statuses and Services", { identity: this.options.identity });
    this.options.onChange(true);
  }

  #depose(why: string): void {
    clearTimeout(this.#deposing);
    const leadership = this.#leadership;
    if (leadership === undefined) return;
    this.#leadership = undefined;
    leadership.abort(new Error(why));
    this.options.log.info("this replica does not lead any more", { why });
    this.options.onChange(false);
  }
}

/** @returns the text of a metav1.MicroTime, which has exactly six digits after the point. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
