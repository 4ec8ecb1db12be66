import { type GatewayKindName, KIND_NAMES, KINDS, type ResourceOf } from "../resources/kinds.ts";
import type { ObjectKey } from "../resources/meta.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { WatchCache } from "./watch-cache.ts";

type Caches = { [K in GatewayKindName]?: WatchCache<K> };

/** The objects of every kind that a gateway obeys, kept equal to the store. */
export class SiteObjects {
  readonly #caches: Caches;

  /**
   * @param kinds - those that the site has; of the others there is never an object. Default: all.
   * @param onChange - called with the kind whose objects changed, or were listed for the first time.
   */
  constructor(options: {
    store: Pick<Store, "list" | "watch">;
    kinds?: readonly GatewayKindName[];
    log: Logger;
    onChange: (kind: GatewayKindName) => void;
  }) {
    const { store, kinds = KIND_NAMES, log, onChange } = options;
    const cacheOf = <K extends GatewayKindName>(kind: K): [K, WatchCache<K>] => [
      kind,
      new WatchCache(kind, { store, log, onChange: () => onChange(kind) }),
    ];
    this.#caches = Object.fromEntries(kinds.map(cacheOf)) as unknown as Caches;
  }

  start(): void {
    for (const cache of Object.values(this.#caches)) void cache.run();
  }

  stop(): void {
    for (const cache of Object.values(this.#caches)) cache.stop();
  }

  /** Whether every kind has been listed. */
  get synced(): boolean {
    return Object.values(this.#caches).every(({ synced }) => synced);
  }

  /** Why kinds are behind the store at present, for people. */
  get problems(): string[] {
    return Object.values(this.#caches).flatMap(({ kind, failure }) =>
      failure === undefined ? [] : [`the ${KINDS[kind].plural} cannot be read: ${failure}`],
    );
  }

  all<K extends GatewayKindName>(kind: K): Iterable<ResourceOf<K>> {
    return this.#cache(kind)?.objects.values() ?? [];
  }

  get<K extends GatewayKindName>(kind: K, key: ObjectKey): ResourceOf<K> | undefined {
    return this.#cache(kind)?.objects.get(key);
  }

  #cache<K extends GatewayKindName>(kind: K): WatchCache<K> | undefined {
    return this.#caches[kind] as unknown as WatchCache<K> | undefined;
  }
}
