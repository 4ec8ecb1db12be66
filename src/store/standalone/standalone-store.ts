/** The store of a site without Kubernetes: one SQLite file, in one process. */
import type { Database } from "bun:sqlite";
import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import { alreadyExists, expired, notFound, StoreError } from "../errors.ts";
import type { ListOptions, ListResult, Store, WatchEvent, WatchOptions, WriteOptions } from "../store.ts";
import { applyManifests, type ManifestFile, releaseManifests } from "./apply.ts";
import { openDatabase } from "./database.ts";
import { asStoreError, checkPreconditions, checkSize, type Preconditions, refuseOwned } from "./guards.ts";
import { type Change, History, type Retention } from "./history.ts";
import { listPage, parseVersion } from "./list.ts";
import { ObjectTable, type Row } from "./object-table.ts";
import { selectionOf } from "./selection.ts";
import { created, deleted, isFinished, type Surroundings, updated, validated, withStatus } from "./transitions.ts";
import { Watcher, type WatcherOptions } from "./watcher.ts";

export interface StandaloneOptions {
  /** The state folder; made if missing. */
  directory: string;
  /** The gateway's own namespace. */
  namespace: string;
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number;
  /** How much history watches can go back. Default: 10,000 changes, 64 MiB. */
  retention?: Partial<Retention>;
  /** See {@link WatcherOptions}. Default: 1,000 events, 1 MiB, 30 s. */
  watcher?: Partial<WatcherOptions>;
}

type DeleteOptions = WriteOptions & { preconditions?: Preconditions };

/**
 * A {@link Store} in SQLite. Every write is one synchronous transaction, on disk before its promise resolves; an
 * object that came from a manifest file is written by nobody else, its status excepted.
 */
export class StandaloneStore implements Store {
  readonly #database: Database;
  readonly #history: History;
  readonly #table: ObjectTable;
  readonly #namespace: string;
  readonly #clock: () => number;
  readonly #watcherOptions: WatcherOptions;
  readonly #watchers = new Map<KindName, Set<{ offer(change: Change): void; close(): void }>>();

  /** @throws {@link StoreError} `Unavailable` when the file cannot be used */
  constructor(options: StandaloneOptions) {
    this.#clock = options.clock ?? Date.now;
    this.#namespace = options.namespace;
    this.#watcherOptions = { buffer: 1000, bufferSize: 1024 * 1024, bookmarkInterval: 30_000, ...options.watcher };
    this.#database = openDatabase(options.directory, this.#clock());
    this.#history = new History(this.#database, { changes: 10_000, bytes: 64 * 1024 * 1024, ...options.retention });
    this.#table = new ObjectTable(this.#database, this.#history);
  }

  async get<K extends KindName>(
    kind: K,
    namespace: string | undefined,
    name: string,
  ): Promise<ResourceOf<K> | undefined> {
    return this.#guard(() => this.#table.read(kind, namespace ?? "", name)?.object);
  }

  async list<K extends KindName>(kind: K, options: ListOptions = {}): Promise<ListResult<K>> {
    return this.#guard(() => listPage(kind, options, this.#table, this.#history));
  }

  /** Throws `Expired` at once when the version is not retained, later when the reader falls behind the history. */
  watch<K extends KindName>(kind: K, options: WatchOptions): AsyncIterable<WatchEvent<K>> {
    const version = parseVersion(options.resourceVersion);
    if (version < this.#history.horizon || version > this.#history.version) {
      throw expired(`too old resource version: ${version} (${this.#history.horizon}); list again and watch from there`);
    }
    const watcher = new Watcher(kind, version, selectionOf(options), this.#history, this.#watcherOptions);
    return this.#follow(kind, watcher, options.signal);
  }

  async create<K extends KindName>(kind: K, object: ResourceOf<K>, options: WriteOptions = {}): Promise<ResourceOf<K>> {
    const wanted = validated(kind, object);
    return this.#transact(options, () => {
      const made = created(wanted, this.#surroundings());
      const { namespace = "", name } = made.metadata;
      if (this.#table.read(kind, namespace, name)) throw alreadyExists(kind, name);
      checkSize(kind, made);
      return this.#table.insert(kind, made, null);
    });
  }

  async update<K extends KindName>(kind: K, object: ResourceOf<K>, options: WriteOptions = {}): Promise<ResourceOf<K>> {
    const wanted = validated(kind, object);
    return this.#transact(options, () => {
      const row = this.#current(kind, wanted);
      const next = updated(kind, row.object, wanted);
      if (next === row.object) return next;
      refuseOwned(kind, row);
      checkSize(kind, next);
      return isFinished(next) ? this.#table.remove(kind, row, next) : this.#table.replace(kind, row, next);
    });
  }

  async updateStatus<K extends KindName>(
    kind: K,
    object: ResourceOf<K>,
    options: WriteOptions = {},
  ): Promise<ResourceOf<K>> {
    const wanted = validated(kind, object);
    return this.#transact(options, () => {
      const row = this.#current(kind, wanted);
      const next = withStatus(row.object, wanted);
      checkSize(kind, next);
      return next === row.object ? next : this.#table.replace(kind, row, next);
    });
  }

  async delete<K extends KindName>(
    kind: K,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<ResourceOf<K>> {
    return this.#transact(options, () => {
      const row = this.#table.read(kind, namespace ?? "", name);
      if (!row) throw notFound(kind, name);
      checkPreconditions(kind, row, options.preconditions ?? {});
      refuseOwned(kind, row);
      return this.#remove(kind, row);
    });
  }

  async namespaces(): Promise<string[]> {
    return this.#guard(() => [...new Set([...this.#table.namespaces(), "default", this.#namespace])].sort());
  }

  /** @returns the manifest file that an object belongs to, relative to the folder; `undefined` when to none. */
  origin(kind: KindName, namespace: string | undefined, name: string): string | undefined {
    return this.#guard(() => this.#table.read(kind, namespace ?? "", name)?.origin ?? undefined);
  }

  /** Makes the objects of manifest files what the files say, in one transaction. See {@link applyManifests}. */
  applyManifests(files: readonly ManifestFile[]): string[] {
    return this.#transact({}, () =>
      applyManifests(files, {
        table: this.#table,
        surroundings: this.#surroundings(),
        remove: (kind, row) => void this.#remove(kind, row),
      }),
    );
  }

  /** Gives what came from manifest files to the API: for a gateway that is started without them. */
  releaseManifests(): void {
    this.#transact({}, () => releaseManifests(this.#table));
  }

  /** Ends every watch and closes the file; nothing may be called afterwards. */
  close(): void {
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.close();
    this.#watchers.clear();
    this.#database.close();
  }

  async *#follow<K extends KindName>(
    kind: K,
    watcher: Watcher<K>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<K>, void, undefined> {
    const watchers = this.#watchers.get(kind) ?? new Set();
    const stop = () => {
      watchers.delete(watcher);
      watcher.close();
    };
    this.#watchers.set(kind, watchers.add(watcher));
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      yield* watcher.events();
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  /** Runs a write in one transaction and tells the watchers when it is on disk. A dry run is rolled back. */
  #transact<T>(options: WriteOptions, write: () => T): T {
    const rewind = this.#history.mark();
    let result: { value: T } | undefined;
    try {
      this.#database
        .transaction(() => {
          result = { value: write() };
          if (options.dryRun) throw new DryRun();
        })
        .immediate();
    } catch (error) {
      this.#table.takeChanges();
      rewind();
      if (!(error instanceof DryRun) || !result) throw asStoreError(error);
      return result.value;
    }
    for (const change of this.#table.takeChanges()) {
      for (const watcher of this.#watchers.get(change.kind) ?? []) watcher.offer(change);
    }
    if (!result) throw new StoreError("Unavailable", "the store wrote nothing");
    return result.value;
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw asStoreError(error);
    }
  }

  /** The stored object that a write is about, once its preconditions hold. */
  #current<K extends KindName>(kind: K, wanted: ResourceOf<K>): Row<K> {
    const { namespace = "", name, uid, resourceVersion } = wanted.metadata;
    const row = this.#table.read(kind, namespace, name);
    if (!row) throw notFound(kind, name);
    checkPreconditions(kind, row, { uid, resourceVersion });
    return row;
  }

  #remove<K extends KindName>(kind: K, row: Row<K>): ResourceOf<K> {
    const { namespace = "", name } = row.object.metadata;
    const marked = deleted(row.object, this.#clock());
    if (!marked) return this.#table.remove(kind, row, row.object);
    if (row.origin !== null) this.#table.setOrigin(kind, { namespace, name }, null);
    return marked === row.object ? marked : this.#table.replace(kind, row, marked);
  }

  #surroundings(): Surroundings {
    return { now: this.#clock(), uid: () => crypto.randomUUID(), suffix: randomSuffix };
  }
}

/** Rolls a transaction back without being an error. */
class DryRun extends Error {}

/** Five characters that spell no word, as Kubernetes completes a generateName. */
function randomSuffix(): string {
  const alphabet = "bcdfghjklmnpqrstvwxz2456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => alphabet[byte % alphabet.length]).join("");
}
