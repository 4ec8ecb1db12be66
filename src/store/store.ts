/** Where resources live. Two implementations: standalone (SQLite) and kubernetes. */
import type { KindName, ResourceOf } from "../resources/kinds.ts";

export interface ListOptions {
  namespace?: string;
  /** As Kubernetes writes it: `a=b,c!=d,e in (f,g),!h`. */
  labelSelector?: string;
  /** `metadata.name=X` and `metadata.namespace=X` only. */
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  /** Reads the list as it was at exactly this version; Expired when it is no longer retained. Not together with `continue`. */
  resourceVersion?: string;
}

export interface ListResult<K extends KindName> {
  items: ResourceOf<K>[];
  /** The version that the whole list was read at: a watch from here misses nothing and repeats nothing. */
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

export type WatchEvent<K extends KindName> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: ResourceOf<K> }
  | { type: "BOOKMARK"; resourceVersion: string };

export interface WatchOptions extends Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector"> {
  /** Events after this version are delivered. */
  resourceVersion: string;
  signal: AbortSignal;
}

export interface WriteOptions {
  /** Validate and answer, but keep nothing. */
  dryRun?: boolean;
  /** Who writes: shown in managedFields and in conflicts. */
  fieldManager?: string;
}

/**
 * Promises: a write that has resolved survives any crash; a resourceVersion only rises; a watch delivers every
 * change after its start once and in order.
 * Throws {@link StoreError} (see errors.ts): NotFound, AlreadyExists, Conflict, Expired, Invalid, Unavailable.
 */
export interface Store {
  get<K extends KindName>(kind: K, namespace: string | undefined, name: string): Promise<ResourceOf<K> | undefined>;
  list<K extends KindName>(kind: K, options?: ListOptions): Promise<ListResult<K>>;
  /** Throws Expired when the version is no longer retained. Ends when `signal` aborts. */
  watch<K extends KindName>(kind: K, options: WatchOptions): AsyncIterable<WatchEvent<K>>;
  create<K extends KindName>(kind: K, object: ResourceOf<K>, options?: WriteOptions): Promise<ResourceOf<K>>;
  /** `object.metadata.resourceVersion`, when not empty, must be the stored one, or Conflict. Leaves `status` alone. */
  update<K extends KindName>(kind: K, object: ResourceOf<K>, options?: WriteOptions): Promise<ResourceOf<K>>;
  /** Replaces `status`, and who manages it where a resourceVersion is given; writes nothing when both are equal. */
  updateStatus<K extends KindName>(kind: K, object: ResourceOf<K>, options?: WriteOptions): Promise<ResourceOf<K>>;
  delete<K extends KindName>(
    kind: K,
    namespace: string | undefined,
    name: string,
    options?: WriteOptions & { preconditions?: { uid?: string; resourceVersion?: string } },
  ): Promise<ResourceOf<K>>;
  /** The namespaces that there are, sorted: those that an object names, `default` and the gateway's own. */
  namespaces(): Promise<string[]>;
}
