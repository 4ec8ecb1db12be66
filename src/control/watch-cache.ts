import type { KindName, ResourceOf } from "../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../resources/meta.ts";
import { backoff } from "../store/backoff.ts";
import { StoreError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";

export interface WatchCacheOptions {
  store: Pick<Store, "list" | "watch">;
  log: Logger;
  /** Called after every change of `objects`, and when `synced` becomes true. */
  onChange: () => void;
}

/** A watch that ends sooner is not begun again at once, so that a store that ends them all costs little. Milliseconds. */
const SHORTEST_WATCH = 100;

const RETRY = { first: 100, longest: 10_000 };

/**
 * All objects of one kind, kept equal to the store by list and watch. What it holds is always a state that the store
 * had: a new list takes the place of the old one as a whole, and until the first has come, `synced` is false.
 */
export class WatchCache<K extends KindName> {
  #objects = new Map<ObjectKey, ResourceOf<K>>();
  #synced = false;
  #failure: string | undefined;
  /** When the last list or watch was begun, on the clock of `performance`. */
  #begun = Number.NEGATIVE_INFINITY;
  readonly #abort = new AbortController();

  constructor(
    readonly kind: K,
    readonly options: WatchCacheOptions,
  ) {}

  get synced(): boolean {
    return this.#synced;
  }

  /** By key, in no particular order. The objects are never changed in place. */
  get objects(): ReadonlyMap<ObjectKey, ResourceOf<K>> {
    return this.#objects;
  }

  /** Why the last try failed; undefined while list and watch work. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Lists and watches until {@link stop}, whatever fails: at once when a watch has come to be too old, with backoff when
   * the version of a list that has just been read is too old already, and when anything else fails.
   */
  async run(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    let expiries = 0;
    while (!signal.aborted) {
      try {
        this.#begun = performance.now();
        const version = await this.#list();
        failures = 0;
        await this.#followOn(version);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StoreError && error.code === "Expired") {
          expiries = this.#wasShort() ? expiries + 1 : 0;
          if (expiries > 0) await Bun.sleep(backoff(expiries, RETRY));
          continue;
        }
        failures++;
        this.#failure = error instanceof Error ? error.message : String(error);
        this.options.log.warn(`the watch of ${this.kind} failed and is begun again`, { error });
        await Bun.sleep(backoff(failures, RETRY));
      }
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  async #list(): Promise<string> {
    const objects = new Map<ObjectKey, ResourceOf<K>>();
    let next: string | undefined;
    let version: string;
    do {
      const page = await this.options.store.list(this.kind, next === undefined ? {} : { continue: next });
      for (const object of page.items) objects.set(keyOf(object), object);
      next = page.continue;
      version = page.resourceVersion;
    } while (next !== undefined);
    this.#objects = objects;
    this.#synced = true;
    this.#failure = undefined;
    this.options.onChange();
    return version;
  }

  /** One watch after the other, until one fails. */
  async #followOn(from: string): Promise<void> {
    for (let version = from; !this.#abort.signal.aborted; ) {
      this.#begun = performance.now();
      version = await this.#follow(version);
      if (this.#wasShort()) await Bun.sleep(SHORTEST_WATCH);
    }
  }

  #wasShort(): boolean {
    return performance.now() - this.#begun < SHORTEST_WATCH;
  }

  /** @returns the version that the watch had reached when it ended: servers end watches now and then. */
  async #follow(from: string): Promise<string> {
    const { signal } = this.#abort;
    let version = from;
    for await (const event of this.options.store.watch(this.kind, { resourceVersion: from, signal })) {
      if (event.type === "BOOKMARK") {
        version = event.resourceVersion;
        continue;
      }
      version = event.object.metadata.resourceVersion;
      if (event.type === "DELETED") this.#objects.delete(keyOf(event.object));
      else this.#objects.set(keyOf(event.object), event.object);
      this.options.onChange();
    }
    return version;
  }
}
