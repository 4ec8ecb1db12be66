import { setCondition } from "../resources/conditions.ts";
import type { GatewayKindName, ResourceOf } from "../resources/kinds.ts";
import type { Condition, ObjectKey } from "../resources/meta.ts";
import { formatTimestamp } from "../resources/timestamp.ts";
import { StoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { Contests } from "./contests.ts";
import { KeyQueue } from "./key-queue.ts";

/**
 * A condition as a reconciler wants it; when it changed is added when it is written. Without a generation it was judged
 * on the object as it was known when it was wanted.
 */
export type WantedCondition = Pick<Condition, "type" | "status" | "reason" | "message" | "observedGeneration">;

/** What a status is to say. Conditions of other types stay; every other field not named is removed. */
export interface WantedStatus {
  conditions: WantedCondition[];
  /** For example `{targetPort: 8080}` or `{labels: {…}}`. */
  fields?: Record<string, unknown>;
}

export interface StatusWriterOptions {
  store: Pick<Store, "updateStatus">;
  /** The object as it is known now; undefined when it is gone. */
  current: <K extends GatewayKindName>(kind: K, key: ObjectKey) => ResourceOf<K> | undefined;
  log: Logger;
  /** Writes that may be under way at once. Default: 1. */
  concurrency?: number;
  /** Whether this process is the one that writes the statuses of a kind at present. Default: always. */
  writes?: (kind: GatewayKindName) => boolean;
  /** Called after each write with the object before and after. */
  onWritten?: (before: ResourceOf<GatewayKindName>, after: ResourceOf<GatewayKindName>) => void;
  /** Milliseconds since the epoch. */
  clock?: () => number;
}

/** What is wanted of an object, and of which one, for another may have its name by the time of the write. */
interface Wanted {
  status: WantedStatus;
  uid: string;
  /** What it was judged on. */
  generation: number;
}

/** What a write brings together. */
interface Attempt {
  status: WantedStatus;
  resourceVersion: string;
}

/** Contested objects that are named. */
const MAX_NAMED = 20;

const RETRY = { first: 20, longest: 30_000 };

/**
 * @param generation - what conditions were judged on that do not say it themselves
 * @returns the whole status of an object as wanted; equal to the present one when nothing is to be written.
 */
export function statusOf(
  object: ResourceOf<GatewayKindName>,
  wanted: WantedStatus,
  now: number,
  generation = object.metadata.generation,
): Record<string, unknown> {
  let conditions = object.status?.conditions;
  for (const condition of wanted.conditions) {
    const { observedGeneration = generation } = condition;
    conditions = setCondition(conditions, { ...condition, observedGeneration }, formatTimestamp(now));
  }
  return { ...wanted.fields, ...(conditions === undefined ? {} : { conditions }) };
}

/**
 * Brings statuses to what is wanted of them, one write at a time for each object, and writes only what differs. A failed
 * write is tried again with backoff, on the object as it is then; before that only when the object or what is wanted of
 * it has changed. Where somebody else writes a status otherwise, again and again, it is put right with growing pauses.
 */
export class StatusWriter {
  readonly #wanted = new Map<string, Wanted>();
  /** Objects as they were written last, until the store tells of them. */
  readonly #written = new Map<string, ResourceOf<GatewayKindName>>();
  /** Writes that are under way or failed: what would be the same again waits for them. */
  readonly #tried = new Map<string, Attempt>();
  /** Statuses as they were written last, and of which object: who finds another one there is not the only one who writes. */
  readonly #left = new Map<string, { uid: string; status: unknown }>();
  readonly #contests = new Contests();
  readonly #queue: KeyQueue;

  constructor(readonly options: StatusWriterOptions) {
    this.#queue = new KeyQueue({
      concurrency: options.concurrency ?? 1,
      retry: RETRY,
      work: (id) => this.#write(id),
      onFailure: (id, error) => {
        const [kind, key] = partsOf(id);
        const expected = error instanceof StoreError && error.code === "Conflict";
        if (!expected) options.log.warn("a status cannot be written", { kind, key, error });
      },
    });
    this.#queue.resume();
  }

  /** Replaces what is wanted of every object of a kind; objects that are not named are left alone. */
  want(kind: GatewayKindName, statuses: ReadonlyMap<ObjectKey, WantedStatus>): void {
    for (const id of this.#wanted.keys()) {
      const key = id.slice(kind.length + 1);
      if (!id.startsWith(`${kind} `) || statuses.has(key)) continue;
      this.#forget(id);
    }
    const differing: string[] = [];
    for (const [key, status] of statuses) {
      const id = idOf(kind, key);
      const judged = this.options.current(kind, key);
      if (judged === undefined) this.#wanted.delete(id);
      else {
        const { uid, generation } = judged.metadata;
        this.#wanted.set(id, { status, uid, generation });
        if (this.#isToBeTried(id)) differing.push(id);
      }
    }
    this.#add(differing);
  }

  /** Which statuses somebody else writes too, for people. */
  get problems(): string[] {
    return this.#contests.open.slice(0, MAX_NAMED).map((id) => {
      const why = "somebody else writes its status too, so that it is put right with pauses";
      return `${id}: ${why} (does another gateway serve it?)`;
    });
  }

  /** Writes what is wanted and not written, because this process was not the one that writes. */
  resume(): void {
    this.#tried.clear();
    this.#left.clear();
    this.#add([...this.#wanted.keys()].filter((id) => this.#isToBeTried(id)));
  }

  /** Writes no more; resolves when the writes under way have ended. */
  async stop(): Promise<void> {
    this.#contests.stop();
    await this.#queue.pause();
  }

  #add(ids: readonly string[]): void {
    this.#queue.add(ids.filter((id) => this.options.writes?.(partsOf(id)[0]) !== false));
  }

  #isToBeTried(id: string): boolean {
    const pending = this.#pending(id);
    if (pending === undefined) return false;
    const tried = this.#tried.get(id);
    return (
      tried === undefined ||
      tried.resourceVersion !== pending.object.metadata.resourceVersion ||
      !Bun.deepEquals(tried.status, pending.wanted.status)
    );
  }

  /** What is to be written of an object as it is now; undefined when nothing is. */
  #pending(
    id: string,
  ): { wanted: Wanted; object: ResourceOf<GatewayKindName>; status: Record<string, unknown> } | undefined {
    const wanted = this.#wanted.get(id);
    const object = this.#current(id);
    if (wanted === undefined || object === undefined || object.metadata.uid !== wanted.uid) return undefined;
    const status = statusOf(object, wanted.status, (this.options.clock ?? Date.now)(), wanted.generation);
    return Bun.deepEquals(object.status ?? {}, status) ? undefined : { wanted, object, status };
  }

  /** The object as the store told of it last, or as it was written since. */
  #current(id: string): ResourceOf<GatewayKindName> | undefined {
    const told: ResourceOf<GatewayKindName> | undefined = this.options.current(...partsOf(id));
    const written = this.#written.get(id);
    if (written === undefined) return told;
    if (told?.metadata.uid === written.metadata.uid && isOlder(told, written)) return written;
    this.#written.delete(id);
    return told;
  }

  /** Begins after whoever wanted it has ended: what relays are told comes first. */
  async #write(id: string): Promise<void> {
    await Promise.resolve();
    const [kind] = partsOf(id);
    this.#tried.delete(id);
    const pending = this.#pending(id);
    if (pending === undefined || this.options.writes?.(kind) === false) return;
    const { wanted, object, status } = pending;
    const contested = this.#isContested(id, object);
    if (contested && this.#contests.rests(id, () => this.#add([id]))) return;
    this.#tried.set(id, { status: wanted.status, resourceVersion: object.metadata.resourceVersion });
    try {
      const changed = { ...object, status } as ResourceOf<GatewayKindName>;
      const written = await this.options.store.updateStatus(kind, changed);
      this.#tried.delete(id);
      this.#written.set(id, written);
      this.#left.set(id, { uid: written.metadata.uid, status: written.status });
      if (contested && this.#contests.overruled(id)) this.#tellContest(id);
      this.options.onWritten?.(object, written);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "NotFound")) throw error;
      this.#tried.delete(id);
    }
  }

  /** Whether somebody else has written the status since. */
  #isContested(id: string, { metadata, status }: ResourceOf<GatewayKindName>): boolean {
    const left = this.#left.get(id);
    return left !== undefined && left.uid === metadata.uid && !Bun.deepEquals(left.status, status);
  }

  #tellContest(id: string): void {
    const [kind, key] = partsOf(id);
    const message = "somebody else writes this status too; it is put right with growing pauses";
    this.options.log.warn(`${message}. Two gateways must not serve the same namespace`, { kind, key });
  }

  #forget(id: string): void {
    for (const known of [this.#wanted, this.#written, this.#tried, this.#left]) known.delete(id);
    this.#contests.forget(id);
  }
}

function idOf(kind: GatewayKindName, key: ObjectKey): string {
  return `${kind} ${key}`;
}

function partsOf(id: string): [GatewayKindName, ObjectKey] {
  return id.split(" ") as [GatewayKindName, ObjectKey];
}

/** Resource versions of one object are numbers that rise, in both stores (for Kubernetes: KEP-5504). */
function isOlder(a: ResourceOf<GatewayKindName>, b: ResourceOf<GatewayKindName>): boolean {
  return Number(a.metadata.resourceVersion) < Number(b.metadata.resourceVersion);
}
