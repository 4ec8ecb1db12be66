import { isObjectMissing, readStatus, statusError } from "./error.ts";
import { readLines } from "./lines.ts";
import { type ListOptions, readPages, type TakeItems } from "./paging.ts";
import type {
  DeleteOptions,
  Page,
  PageOptions,
  PatchOptions,
  RequestOptions,
  Selection,
  WatchFrame,
  WatchOptions,
} from "./requests.ts";
import {
  apiVersionOf,
  collectionPath,
  type KubeObject,
  type KubeResource,
  type ObjectName,
  objectPath,
} from "./resource.ts";
import { Transport, type TransportOptions, type TransportRequest } from "./transport.ts";

const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
};

const FIELD_MANAGER = "clusterlink";

/**
 * The Kubernetes API, as far as a gateway needs it. Every method throws KubeApiError; no message has a
 * credential in it.
 */
export class KubeClient {
  readonly #transport: Transport;

  constructor(options: TransportOptions) {
    this.#transport = new Transport(options);
  }

  /** @returns undefined when there is no such object; a kind that the server does not know is an error. */
  async get<T extends KubeObject>(
    resource: KubeResource<T>,
    name: ObjectName,
    options: { signal?: AbortSignal } = {},
  ): Promise<T | undefined> {
    try {
      return (await this.#transport.json({ method: "GET", path: objectPath(resource, name), ...options })) as T;
    } catch (error) {
      if (isObjectMissing(error)) return undefined;
      throw error;
    }
  }

  /** One page of a list; all of it without `limit`. Items have no `kind` and no `apiVersion`, as the server sends them. */
  async page<T extends KubeObject>(resource: KubeResource<T>, options: PageOptions = {}): Promise<Page<T>> {
    const query = selectionQuery(options);
    if (options.limit !== undefined) query.set("limit", String(options.limit));
    if (options.continue !== undefined) query.set("continue", options.continue);
    if (options.resourceVersion !== undefined) {
      query.set("resourceVersion", options.resourceVersion);
      query.set("resourceVersionMatch", "Exact");
    }
    const path = collectionPath(resource, options.namespace);
    const body = await this.#transport.json({ method: "GET", path, query, signal: options.signal });
    const { items, metadata } = body as { items?: T[] | null; metadata: Record<string, unknown> };
    const { resourceVersion, continue: next, remainingItemCount } = metadata;
    return {
      items: items ?? [],
      resourceVersion: typeof resourceVersion === "string" ? resourceVersion : "",
      ...(typeof next === "string" && next !== "" ? { continue: next } : {}),
      ...(typeof remainingItemCount === "number" ? { remainingItemCount } : {}),
    };
  }

  /** A whole list, all of one version; see {@link readPages}. @returns that version */
  async list<T extends KubeObject>(
    resource: KubeResource<T>,
    options: ListOptions,
    take: TakeItems<T>,
  ): Promise<string> {
    return readPages((page) => this.page(resource, page), options, take);
  }

  /** All objects of a selection. */
  async all<T extends KubeObject>(
    resource: KubeResource<T>,
    options: Selection & { signal?: AbortSignal } = {},
  ): Promise<T[]> {
    let items: T[] = [];
    await this.list(resource, options, {
      item: (item) => items.push(item),
      restart: () => {
        items = [];
      },
    });
    return items;
  }

  /**
   * One watch, until the server ends it or the signal aborts.
   * Throws KubeApiError: `Expired` when the version is too old, `Unavailable` when the connection broke.
   */
  async *watch<T extends KubeObject>(resource: KubeResource<T>, options: WatchOptions): AsyncGenerator<WatchFrame<T>> {
    const query = selectionQuery(options);
    query.set("watch", "true");
    query.set("allowWatchBookmarks", "true");
    query.set("resourceVersion", options.resourceVersion);
    if (options.timeoutSeconds !== undefined) query.set("timeoutSeconds", String(options.timeoutSeconds));
    const asked = { method: "GET" as const, path: collectionPath(resource, options.namespace), query };
    const { signal } = options;
    const body = await this.#transport.stream({ ...asked, signal });
    options.onOpen?.();
    for await (const line of readLines(body, asked)) {
      const { type, object } = JSON.parse(line) as { type: string; object: T };
      if (type === "ERROR") throw statusError(readStatus(object, 500), { method: "WATCH", path: asked.path });
      if (type === "BOOKMARK") yield { type, resourceVersion: object.metadata.resourceVersion ?? "" };
      else if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") yield { type, object };
    }
  }

  /** @param object - may have `generateName` and an empty name. */
  async create<T extends KubeObject>(resource: KubeResource<T>, object: T, options: RequestOptions = {}): Promise<T> {
    const path = collectionPath(resource, object.metadata.namespace);
    return this.#write<T>({ method: "POST", path, body: typed(resource, object) }, options);
  }

  /** Replaces an object; with its `resourceVersion` only if it is still that. `subresource` for example `status`. */
  async replace<T extends KubeObject>(
    resource: KubeResource<T>,
    object: T,
    options: RequestOptions & { subresource?: string } = {},
  ): Promise<T> {
    const path = objectPath(resource, object.metadata, options.subresource);
    return this.#write<T>({ method: "PUT", path, body: typed(resource, object) }, options);
  }

  async patch<T extends KubeObject>(
    resource: KubeResource<T>,
    name: ObjectName,
    body: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    const { type = "merge", subresource, force } = options;
    const query = new URLSearchParams(type === "apply" && force ? { force: "true" } : {});
    const path = objectPath(resource, name, subresource);
    return this.#write<T>({ method: "PATCH", path, query, body, contentType: PATCH_TYPES[type] }, options);
  }

  /** A merge patch of the status subresource. */
  async patchStatus<T extends KubeObject>(
    resource: KubeResource<T>,
    name: ObjectName,
    body: { metadata?: { resourceVersion?: string }; status: unknown },
    options: RequestOptions = {},
  ): Promise<T> {
    return this.patch(resource, name, body, { ...options, subresource: "status" });
  }

  /** Server-side apply of an object; creates it where it is not there. */
  async apply<T extends KubeObject>(
    resource: KubeResource<T>,
    object: T,
    options: RequestOptions & { force?: boolean; subresource?: string } = {},
  ): Promise<T> {
    return this.patch(resource, object.metadata, typed(resource, object), { ...options, type: "apply" });
  }

  /**
   * Deletes an object.
   * @returns false when there was none
   */
  async delete(resource: KubeResource, name: ObjectName, options: DeleteOptions = {}): Promise<boolean> {
    const { preconditions, propagationPolicy, gracePeriodSeconds } = options;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      ...(preconditions === undefined ? {} : { preconditions }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(options.dryRun ? { dryRun: ["All"] } : {}),
    };
    try {
      const path = objectPath(resource, name);
      await this.#transport.json({ method: "DELETE", path, body, signal: options.signal });
      return true;
    } catch (error) {
      if (isObjectMissing(error)) return false;
      throw error;
    }
  }

  /** Anything else, for example `/version` or a subresource; the answer is JSON. */
  async request(request: TransportRequest): Promise<unknown> {
    return this.#transport.json(request);
  }

  async #write<T>(request: TransportRequest, { dryRun, fieldManager, signal }: RequestOptions): Promise<T> {
    const query = request.query ?? new URLSearchParams();
    query.set("fieldManager", fieldManager ?? FIELD_MANAGER);
    if (dryRun) query.set("dryRun", "All");
    return (await this.#transport.json({ ...request, query, signal })) as T;
  }
}

function typed<T extends KubeObject>(resource: KubeResource<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function selectionQuery({ labelSelector, fieldSelector }: Selection): URLSearchParams {
  const query = new URLSearchParams();
  if (labelSelector) query.set("labelSelector", labelSelector);
  if (fieldSelector) query.set("fieldSelector", fieldSelector);
  return query;
}
