import type { ObjectKey } from "../../resources/meta.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { KubeClient } from "./client.ts";
import { KubeApiError } from "./error.ts";
import { follow, retryDelay, SHORT_WATCH } from "./follow.ts";
import type { Selection, WatchFrame } from "./requests.ts";
import { type KubeObject, type KubeResource, keyOfObject, resourceName } from "./resource.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface ReflectorOptions<T extends KubeObject, P> {
  client: Pick<KubeClient, "list" | "watch">;
  resource: KubeResource<T>;
  /** Default: every object of the resource. */
  selection?: Selection;
  /**
   * What is kept of an object; undefined keeps nothing of it, as if it were not there. A change that leaves an equal
   * projection is not told. It must not keep a part of its argument that refers to the whole.
   */
  project: (object: T) => P | undefined;
  /** Changes that hold together: a list's as one, a watch's one by one. Also called, with none, when the first list is complete and empty. */
  onChanges: (changes: readonly Change<P>[]) => void;
  log: Logger;
  timing?: Timing;
  /** Objects on a page of a list. Default: 500. */
  pageSize?: number;
  /** A watch that says nothing for so many milliseconds is begun anew. Default: 150 s. */
  inactivity?: number;
}

/** A name that is used again by another object is a delete, then an upsert. */
export type Change<P> =
  | { type: "upsert"; key: ObjectKey; object: P; previous?: P }
  | { type: "delete"; key: ObjectKey; previous: P };

interface Entry<P> {
  uid: string | undefined;
  resourceVersion: string | undefined;
  object: P;
}

/**
 * The objects of a resource, kept equal to the API server by list and watch. What it holds is always a state that the
 * server had: a new list takes the place of the old state as a whole, and of it only what differs is told, so that no
 * change is lost or told twice, whatever breaks meanwhile.
 */
export class Reflector<T extends KubeObject, P> {
  #entries = new Map<ObjectKey, Entry<P>>();
  #synced = false;
  #failure: string | undefined;
  #lastContact: number | undefined;
  readonly #abort = new AbortController();
  readonly #timing: Timing;

  constructor(readonly options: ReflectorOptions<T, P>) {
    this.#timing = options.timing ?? SYSTEM_TIMING;
  }

  /** Whether a list has been complete once. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Why the last try failed; undefined while list and watch work. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** When the server was last heard of this resource: a list, an event or a bookmark. Milliseconds since the epoch. */
  get lastContact(): number | undefined {
    return this.#lastContact;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: ObjectKey): P | undefined {
    return this.#entries.get(key)?.object;
  }

  /** In no particular order. */
  *values(): Generator<P> {
    for (const { object } of this.#entries.values()) yield object;
  }

  *entries(): Generator<[ObjectKey, P]> {
    for (const [key, { object }] of this.#entries) yield [key, object];
  }

  /** Lists and watches until {@link stop}, whatever fails. */
  async run(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      let listed = Number.POSITIVE_INFINITY;
      try {
        const resourceVersion = await this.#list(signal);
        listed = this.#timing.now();
        for await (const frame of this.#follow(resourceVersion, signal)) {
          failures = 0;
          this.#take(frame);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (this.#timing.now() - listed >= SHORT_WATCH) failures = 0;
        if (error instanceof KubeApiError && error.code === "Expired") {
          this.options.log.info(`the history of ${resourceName(this.options.resource)} is over; listing again`);
        } else this.#fail(error);
        failures++;
      }
      if (failures > 1 || this.#failure !== undefined) {
        await this.#timing.sleep(retryDelay(Math.max(1, failures), this.#timing), signal);
      }
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  #follow(resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchFrame<T>> {
    const { client, resource, selection = {}, log, inactivity } = this.options;
    return follow({
      client,
      resource,
      selection,
      resourceVersion,
      signal,
      timing: this.#timing,
      log,
      ...(inactivity === undefined ? {} : { inactivity }),
      onFailure: (error) => {
        this.#failure = messageOf(error);
      },
      onOpen: () => {
        this.#failure = undefined;
        this.#heard();
      },
    });
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, selection, project, pageSize } = this.options;
    const fresh = new Map<ObjectKey, Entry<P>>();
    const options = { ...selection, signal, ...(pageSize === undefined ? {} : { pageSize }) };
    const resourceVersion = await client.list(resource, options, {
      restart: () => fresh.clear(),
      item: (item) => {
        const object = project(item);
        if (object === undefined) return;
        const { uid, resourceVersion: version } = item.metadata;
        fresh.set(keyOfObject(item), { uid, resourceVersion: version, object });
      },
    });
    const changes = this.#replace(fresh);
    const first = !this.#synced;
    this.#synced = true;
    this.#failure = undefined;
    this.#heard();
    if (first || changes.length > 0) this.options.onChanges(changes);
    return resourceVersion;
  }

  #replace(fresh: Map<ObjectKey, Entry<P>>): Change<P>[] {
    const changes: Change<P>[] = [];
    for (const [key, { object }] of this.#entries)
      if (!fresh.has(key)) changes.push({ type: "delete", key, previous: object });
    for (const [key, entry] of fresh) changes.push(...this.#differences(key, entry));
    this.#entries = fresh;
    return changes;
  }

  #take(frame: WatchFrame<T>): void {
    this.#heard();
    if (frame.type === "BOOKMARK") return;
    const { uid, resourceVersion } = frame.object.metadata;
    const key = keyOfObject(frame.object);
    const object = frame.type === "DELETED" ? undefined : this.options.project(frame.object);
    if (object === undefined) {
      const known = this.#entries.get(key);
      if (!known || known.uid !== uid) return;
      this.#entries.delete(key);
      this.options.onChanges([{ type: "delete", key, previous: known.object }]);
      return;
    }
    const entry = { uid, resourceVersion, object };
    const changes = this.#differences(key, entry);
    this.#entries.set(key, entry);
    if (changes.length > 0) this.options.onChanges(changes);
  }

  /** What an entry changes; an equal one takes over the object that is known. */
  #differences(key: ObjectKey, entry: Entry<P>): Change<P>[] {
    const known = this.#entries.get(key);
    if (!known) return [{ type: "upsert", key, object: entry.object }];
    if (known.uid !== entry.uid) {
      return [
        { type: "delete", key, previous: known.object },
        { type: "upsert", key, object: entry.object },
      ];
    }
    if (known.resourceVersion === entry.resourceVersion || Bun.deepEquals(known.object, entry.object)) {
      entry.object = known.object;
      return [];
    }
    return [{ type: "upsert", key, object: entry.object, previous: known.object }];
  }

  #heard(): void {
    this.#lastContact = this.#timing.now();
  }

  #fail(error: unknown): void {
    this.#failure = messageOf(error);
    this.options.log.warn(`${resourceName(this.options.resource)} cannot be listed; trying again`, { error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
