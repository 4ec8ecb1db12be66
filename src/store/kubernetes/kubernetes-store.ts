import { KINDS, type KindName, type ResourceOf } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";
import type { Logger } from "../../telemetry/log.ts";
import { conflict, notFound, StoreError } from "../errors.ts";
import type { ListOptions, ListResult, Store, WatchEvent, WatchOptions, WriteOptions } from "../store.ts";
import type { KubeClient } from "./client.ts";
import { KubeApiError, reasonOf } from "./error.ts";
import { follow } from "./follow.ts";
import { type InvalidObject, type Judged, judgeObject } from "./judge.ts";
import { type KnownByKind, type KnownObjects, nothingKnown } from "./known-objects.ts";
import { customResource, type KubeObject, keyOfObject } from "./resource.ts";
import { type ScopeOptions, scopeOf } from "./scope.ts";
import { mergePatchBetween } from "./status-patch.ts";
import { SYSTEM_TIMING, type Timing } from "./timing.ts";

export interface KubernetesStoreOptions extends ScopeOptions {
  client: KubeClient;
  log: Logger;
  timing?: Timing;
  /** A watch that says nothing for so many milliseconds is begun anew. Default: 150 s. */
  inactivity?: number;
}

/** An unconditional update is tried so often against others who write. */
const UPDATE_TRIES = 5;

/** Fields that were dropped are told once a place, of so many places. */
const MOST_WARNINGS = 1_000;

/**
 * The resources in a Kubernetes API server. Throws {@link KubeApiError}, which is a StoreError.
 *
 * An object that the server has and that does not count here (accepted under another CRD) is as if it were not there:
 * lists leave it out and watches tell it as deleted. {@link invalid} has it, in step with what they told.
 */
export class KubernetesStore implements Store {
  readonly #known: KnownByKind = nothingKnown();
  readonly #warned = new Set<string>();
  readonly #broken = new Map<KindName, string>();
  readonly #timing: Timing;

  constructor(readonly options: KubernetesStoreOptions) {
    this.#timing = options.timing ?? SYSTEM_TIMING;
  }

  /** The objects that do not count, as an unselective list and watch of the kind told last. */
  invalid<K extends KindName>(kind: K): ReadonlyMap<ObjectKey, InvalidObject<K>> {
    return this.#knownOf(kind).invalid;
  }

  /** Why kinds are behind the cluster at present, for people; a watch that broke is tried again by itself. */
  get problems(): string[] {
    return Array.from(this.#broken, ([kind, why]) => `the ${KINDS[kind].plural} cannot be watched: ${why}`);
  }

  async get<K extends KindName>(
    kind: K,
    namespace: string | undefined,
    name: string,
  ): Promise<ResourceOf<K> | undefined> {
    const raw = await this.#raw(kind, namespace, name);
    return raw && this.#accept(kind, raw);
  }

  async list<K extends KindName>(kind: K, options: ListOptions = {}): Promise<ListResult<K>> {
    const scope = scopeOf(this.options, kind, options.namespace);
    if (scope === "nowhere") return { items: [], resourceVersion: NOWHERE };
    const { limit, continue: next, resourceVersion, labelSelector, fieldSelector } = options;
    const selection = { ...scope, labelSelector, fieldSelector };
    const { client } = this.options;
    if (limit !== undefined || next !== undefined || resourceVersion !== undefined) {
      const page = await client.page(customResource(kind), { ...selection, limit, continue: next, resourceVersion });
      return { ...page, items: objectsOf(page.items.map((raw) => this.#judge(kind, raw))) };
    }
    let judged: Judged<K>[] = [];
    const version = await client.list(customResource(kind), selection, {
      item: (raw) => judged.push(this.#judge(kind, raw)),
      restart: () => {
        judged = [];
      },
    });
    if (isUnselective(options)) this.#knownOf(kind).replace(judged);
    return { items: objectsOf(judged), resourceVersion: version };
  }

  async *watch<K extends KindName>(kind: K, options: WatchOptions): AsyncGenerator<WatchEvent<K>> {
    const { signal, resourceVersion, labelSelector, fieldSelector } = options;
    const scope = scopeOf(this.options, kind, options.namespace);
    if (scope === "nowhere") return await aborted(signal);
    const { client, log, inactivity } = this.options;
    const known = isUnselective(options) ? this.#knownOf(kind) : undefined;
    const frames = follow({
      client,
      resource: customResource(kind),
      selection: { ...scope, labelSelector, fieldSelector },
      resourceVersion,
      signal,
      timing: this.#timing,
      log,
      ...(inactivity === undefined ? {} : { inactivity }),
      onOpen: () => this.#broken.delete(kind),
      onFailure: (error) => this.#broken.set(kind, reasonOf(error)),
    });
    for await (const frame of frames) {
      if (frame.type === "BOOKMARK") {
        yield frame;
        continue;
      }
      const judged = this.#judge(kind, frame.object);
      if (frame.type === "DELETED") known?.forget(keyOfObject(frame.object));
      else known?.take(judged);
      if (judged.ok) yield { type: frame.type, object: judged.object };
      else yield { type: "DELETED", object: frame.object as unknown as ResourceOf<K> };
    }
  }

  async create<K extends KindName>(kind: K, object: ResourceOf<K>, options: WriteOptions = {}): Promise<ResourceOf<K>> {
    return this.#accept(kind, await this.options.client.create(customResource(kind), sendable(object), options));
  }

  async update<K extends KindName>(kind: K, object: ResourceOf<K>, options: WriteOptions = {}): Promise<ResourceOf<K>> {
    const { namespace, name, resourceVersion } = object.metadata;
    const replace = async (version: string) => {
      const sent = sendable({ ...object, metadata: { ...object.metadata, resourceVersion: version } });
      return this.#accept(kind, await this.options.client.replace(customResource(kind), sent, options));
    };
    if (resourceVersion !== "") return replace(resourceVersion);
    for (let tries = 1; ; tries++) {
      const current = await this.#raw(kind, namespace, name);
      if (!current) throw notFound(kind, name);
      try {
        return await replace(current.metadata.resourceVersion ?? "");
      } catch (error) {
        if (tries === UPDATE_TRIES || !(error instanceof KubeApiError) || error.code !== "Conflict") throw error;
      }
    }
  }

  async updateStatus<K extends KindName>(
    kind: K,
    object: ResourceOf<K>,
    options: WriteOptions = {},
  ): Promise<ResourceOf<K>> {
    const { namespace, name, resourceVersion } = object.metadata;
    const current = await this.#currentStatus(kind, object);
    if (resourceVersion !== "" && current.resourceVersion !== resourceVersion) {
      throw conflict(kind, name, "the object has been modified; read it again and repeat the change");
    }
    const status = mergePatchBetween(current.status, object.status);
    if (status === undefined) return object;
    const body = { metadata: { resourceVersion: current.resourceVersion }, status };
    const raw = await this.options.client.patchStatus(customResource(kind), { namespace, name }, body, options);
    const judged = this.#judge(kind, raw);
    return judged.ok ? judged.object : { ...object, metadata: judged.invalid.metadata };
  }

  async delete<K extends KindName>(
    kind: K,
    namespace: string | undefined,
    name: string,
    options: WriteOptions & { preconditions?: { uid?: string; resourceVersion?: string } } = {},
  ): Promise<ResourceOf<K>> {
    const object = await this.#raw(kind, namespace, name);
    if (!object) throw notFound(kind, name);
    const deleted = await this.options.client.delete(customResource(kind), { namespace, name }, options);
    if (!deleted) throw notFound(kind, name);
    return this.#accept(kind, object);
  }

  async namespaces(): Promise<string[]> {
    const all = Object.keys(this.#known).flatMap((kind) => [...this.#knownOf(kind as KindName).valid.values()]);
    const names = all.map(({ metadata }) => metadata.namespace ?? this.options.namespace);
    return [...new Set(["default", this.options.namespace, ...names])].sort();
  }

  async #raw(kind: KindName, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    const scope = scopeOf(this.options, kind, namespace);
    if (scope === "nowhere") return undefined;
    return this.options.client.get(customResource(kind), { namespace, name });
  }

  /** What was told last, when it is what the caller's object rests on; else what the server has. */
  async #currentStatus<K extends KindName>(
    kind: K,
    object: ResourceOf<K>,
  ): Promise<{ resourceVersion: string; status: unknown }> {
    const { namespace, name, resourceVersion } = object.metadata;
    const known = this.#knownOf(kind).statusOf(keyOf(object));
    if (known && known.resourceVersion === resourceVersion) return known;
    const raw: (KubeObject & { status?: unknown }) | undefined = await this.#raw(kind, namespace, name);
    if (!raw) throw notFound(kind, name);
    return { resourceVersion: raw.metadata.resourceVersion ?? "", status: raw.status };
  }

  #knownOf<K extends KindName>(kind: K): KnownObjects<K> {
    return this.#known[kind] as unknown as KnownObjects<K>;
  }

  /** @throws StoreError `Invalid` */
  #accept<K extends KindName>(kind: K, raw: KubeObject): ResourceOf<K> {
    const judged = this.#judge(kind, raw);
    if (judged.ok) return judged.object;
    const { faults, metadata } = judged.invalid;
    const message = `${KINDS[kind].singular} "${metadata.name}" in the cluster is not valid`;
    throw new StoreError("Invalid", message, { kind, name: metadata.name, faults });
  }

  #judge<K extends KindName>(kind: K, raw: KubeObject): Judged<K> {
    const judged = judgeObject(kind, raw);
    for (const { path } of judged.ok ? judged.unknown : []) this.#warn(kind, path, keyOfObject(raw));
    return judged;
  }

  #warn(kind: KindName, path: string, key: ObjectKey): void {
    const place = `${kind} ${path.replace(/\[\d+\]/g, "[]")}`;
    if (this.#warned.has(place) || this.#warned.size >= MOST_WARNINGS) return;
    this.#warned.add(place);
    this.options.log.warn("a field in the cluster is not known here and is ignored", { kind, key, path });
  }
}

/** The version of a list that asks nobody. */
const NOWHERE = "0";

function objectsOf<K extends KindName>(all: readonly Judged<K>[]): ResourceOf<K>[] {
  return all.flatMap((judged) => (judged.ok ? [judged.object] : []));
}

function isUnselective({ namespace, labelSelector, fieldSelector }: ListOptions): boolean {
  return namespace === undefined && !labelSelector && !fieldSelector;
}

/** Without what only a server sets and an object from elsewhere has empty. */
function sendable(object: ResourceOf<KindName>): KubeObject {
  const { generation, ...metadata } = object.metadata;
  const given = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== ""));
  return { ...object, metadata: { ...given, name: metadata.name } };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
