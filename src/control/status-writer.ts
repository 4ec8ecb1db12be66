import { setCondition } from "../resources/conditions.ts";
import type { GatewayKindName, ResourceOf } from "../resources/kinds.ts";
import type { Condition, ObjectKey } from "../resources/meta.ts";
import { formatTimestamp } from "../resources/timestamp.ts";
import { backoff } from "../store/backoff.ts";
import { StoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

/** A condition as a reconciler wants it; when it changed and on which generation is added when it is written. */
export type WantedCondition = Pick<Condition, "type" | "status" | "reason" | "message">;

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

interface Task {
  kind: GatewayKindName;
  key: ObjectKey;
  failures: number;
}

/** @returns the whole status of an object as wanted; equal to the present one when nothing is to be written. */
export function statusOf(
  object: ResourceOf<GatewayKindName>,
  wanted: WantedStatus,
  now: number,
): Record<string, unknown> {
  const { generation } = object.metadata;
  let conditions = object.status?.conditions;
  for (const condition of wanted.conditions) {
    conditions = setCondition(conditions, { ...condition, observedGeneration: generation }, formatTimestamp(now));
  }
  return { ...wanted.fields, ...(conditions === undefined ? {} : { conditions }) };
}

/**
 * Brings statuses to what is wanted of them, one write at a time for each object, and writes only what differs. A failed
 * write is tried again with backoff, on the object as it is then.
 */
export class StatusWriter {
  readonly #wanted = new Map<string, WantedStatus>();
  readonly #queue = new Map<string, Task>();
  readonly #timers = new Set<Timer>();
  /** Objects as they were written last, until the store tells of them. */
  readonly #written = new Map<string, ResourceOf<GatewayKindName>>();
  readonly #busy = new Set<string>();
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(readonly options: StatusWriterOptions) {}

  /** Replaces what is wanted of every object of a kind; objects that are not named are left alone. */
  want(kind: GatewayKindName, statuses: ReadonlyMap<ObjectKey, WantedStatus>): void {
    for (const id of this.#wanted.keys()) {
      const key = id.slice(kind.length + 1);
      if (!id.startsWith(`${kind} `) || statuses.has(key)) continue;
      this.#wanted.delete(id);
      this.#written.delete(id);
    }
    for (const [key, wanted] of statuses) {
      this.#wanted.set(`${kind} ${key}`, wanted);
      if (this.#pending(kind, key, wanted)) this.#enqueue({ kind, key, failures: 0 });
    }
  }

  /** Writes what is wanted and not written, because this process was not the one that writes. */
  resume(): void {
    for (const [id, wanted] of this.#wanted) {
      const [kind, key] = id.split(" ") as [GatewayKindName, ObjectKey];
      if (this.#pending(kind, key, wanted)) this.#enqueue({ kind, key, failures: 0 });
    }
  }

  /** Writes no more; resolves when the write under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#queue.clear();
    await this.#running;
  }

  #pending(kind: GatewayKindName, key: ObjectKey, wanted: WantedStatus): boolean {
    const object = this.#current(kind, key);
    return object !== undefined && this.#statusToWrite(object, wanted) !== undefined;
  }

  /** The object as the store told of it last, or as it was written since. */
  #current(kind: GatewayKindName, key: ObjectKey): ResourceOf<GatewayKindName> | undefined {
    const id = `${kind} ${key}`;
    const told: ResourceOf<GatewayKindName> | undefined = this.options.current(kind, key);
    const written = this.#written.get(id);
    if (written === undefined) return told;
    if (told?.metadata.uid === written.metadata.uid && isOlder(told, written)) return written;
    this.#written.delete(id);
    return told;
  }

  #statusToWrite(object: ResourceOf<GatewayKindName>, wanted: WantedStatus): Record<string, unknown> | undefined {
    const status = statusOf(object, wanted, (this.options.clock ?? Date.now)());
    return Bun.deepEquals(object.status ?? {}, status) ? undefined : status;
  }

  #enqueue(task: Task): void {
    if (this.#stopped || this.options.writes?.(task.kind) === false) return;
    this.#queue.set(`${task.kind} ${task.key}`, task);
    this.#running ??= this.#work();
  }

  async #work(): Promise<void> {
    await Promise.resolve();
    const { concurrency = 1 } = this.options;
    while (this.#queue.size > 0) await Promise.all(Array.from({ length: concurrency }, () => this.#drain()));
    this.#running = undefined;
  }

  async #drain(): Promise<void> {
    for (const [id, task] of this.#queue) {
      if (this.#busy.has(id)) continue;
      this.#queue.delete(id);
      this.#busy.add(id);
      await this.#write(id, task);
      this.#busy.delete(id);
    }
  }

  async #write(id: string, task: Task): Promise<void> {
    const wanted = this.#wanted.get(id);
    const object = this.#current(task.kind, task.key);
    if (!wanted || !object || this.options.writes?.(task.kind) === false) return;
    const status = this.#statusToWrite(object, wanted);
    if (!status) return;
    try {
      const changed = { ...object, status } as ResourceOf<GatewayKindName>;
      const written = await this.options.store.updateStatus(task.kind, changed);
      this.#written.set(id, written);
      this.options.onWritten?.(object, written);
    } catch (error) {
      if (error instanceof StoreError && error.code === "NotFound") return;
      const failures = task.failures + 1;
      const expected = error instanceof StoreError && error.code === "Conflict";
      if (!expected) this.options.log.warn("a status cannot be written", { kind: task.kind, key: task.key, error });
      this.#retry({ ...task, failures });
    }
  }

  #retry(task: Task): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#enqueue(task);
      },
      backoff(task.failures, { first: 20, longest: 30_000 }),
    );
    this.#timers.add(timer);
  }
}

/** Resource versions of one object are numbers that rise, in both stores (for Kubernetes: KEP-5504). */
function isOlder(a: ResourceOf<GatewayKindName>, b: ResourceOf<GatewayKindName>): boolean {
  return Number(a.metadata.resourceVersion) < Number(b.metadata.resourceVersion);
}
