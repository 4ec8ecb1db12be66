/** Gets, lists and the start of watches, with the meaning that Kubernetes gives to `resourceVersion`. */
import { KINDS, type KindName, type ResourceOf } from "../resources/kinds.ts";
import { API_VERSION, GROUP } from "../resources/meta.ts";
import { notFound } from "../store/errors.ts";
import type { ListResult, Store } from "../store/store.ts";
import type { Representation } from "./negotiate.ts";
import type { IncludeObject, ListParameters } from "./parameters.ts";
import { ApiError } from "./status-error.ts";
import { partialMetadata, printerOf, type TableColumn, tableOf } from "./table.ts";
import { bookmarkOf, type WatchStream } from "./watch.ts";

export interface Viewer {
  kind: KindName;
  representation: Representation;
  include: IncludeObject;
  /** Milliseconds since the epoch, for ages. */
  now: () => number;
}

/** @returns one object in the form that was asked for. */
export function showObject({ kind, representation, include, now }: Viewer, object: ResourceOf<KindName>): object {
  const { form, metaVersion } = representation;
  if (form === "metadata") return partialMetadata(object, metaVersion);
  if (form === "object") return object;
  const printer = printerOf(kind);
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return tableOf(metaVersion, metadata, printer.columns, [printer.row(object, now(), include, metaVersion)]);
}

/** @returns a list in the form that was asked for. */
export function showList({ kind, representation, include, now }: Viewer, list: ListResult<KindName>): object {
  const { form, metaVersion } = representation;
  const { items, ...metadata } = list;
  if (form === "object") return { apiVersion: API_VERSION, kind: `${kind}List`, metadata, items };
  if (form === "metadata") {
    const partial = items.map((item) => partialMetadata(item, metaVersion));
    return { kind: "PartialObjectMetadataList", apiVersion: metaVersion, metadata, items: partial };
  }
  const printer = printerOf(kind);
  const rows = items.map((item) => printer.row(item, now(), include, metaVersion));
  return tableOf(metaVersion, metadata, printer.columns, rows);
}

/**
 * @param atLeast the oldest version that will do
 * @throws {StoreError} NotFound. @throws {ApiError} 504 where the store has not come that far
 */
export async function getObject(
  store: Store,
  kind: KindName,
  namespace: string | undefined,
  name: string,
  atLeast?: bigint,
): Promise<ResourceOf<KindName>> {
  if (atLeast !== undefined && atLeast > 0n) {
    requireReached(atLeast, (await store.list(kind, { limit: 1 })).resourceVersion);
  }
  const object = await store.get(kind, namespace, name);
  if (object === undefined) throw notFound(kind, name);
  return object;
}

/** @throws {ApiError | StoreError} 410 for an exact version that is no longer retained, 504 for one yet to come */
export async function listObjects(
  store: Store,
  kind: KindName,
  namespace: string | undefined,
  parameters: ListParameters,
): Promise<ListResult<KindName>> {
  const { resourceVersion: wanted = 0n, resourceVersionMatch: match, limit, continue: token } = parameters;
  const exact = wanted !== 0n && (match === "Exact" || (match === undefined && limit !== undefined));
  if (exact) requireReached(wanted, (await store.list(kind, { limit: 1 })).resourceVersion);
  const result: ListResult<KindName> = await store.list(kind, {
    ...selectionOf(namespace, parameters),
    ...(limit === undefined ? {} : { limit }),
    ...(token === undefined ? {} : { continue: token }),
    ...(exact ? { resourceVersion: String(wanted) } : {}),
  });
  if (!exact) requireReached(wanted, result.resourceVersion);
  return result;
}

/** @returns what restricts a list or a watch. */
export function selectionOf(
  namespace: string | undefined,
  { labelSelector, fieldSelector }: Pick<ListParameters, "labelSelector" | "fieldSelector">,
) {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** How many objects a watch reads at once of those that it tells first, so that who reads slowly holds no more. */
const INITIAL_PAGE = 100;

/** The objects of a list from its first page on, each page read when the one before has been taken. */
async function* pagesFrom(
  store: Store,
  kind: KindName,
  options: ReturnType<typeof selectionOf>,
  first: ListResult<KindName>,
): AsyncGenerator<ResourceOf<KindName>, void, undefined> {
  let page = first;
  for (;;) {
    yield* page.items;
    if (page.continue === undefined) return;
    page = await store.list(kind, { ...options, limit: INITIAL_PAGE, continue: page.continue });
  }
}

/** Where a watch starts, and what it tells first. */
export async function startWatch(
  store: Store,
  kind: KindName,
  namespace: string | undefined,
  parameters: ListParameters,
): Promise<Pick<WatchStream<KindName>, "initial" | "from" | "tellInitialEnd">> {
  const { resourceVersion: wanted = 0n, sendInitialEvents, allowWatchBookmarks } = parameters;
  const initially = sendInitialEvents ?? wanted === 0n;
  if (!initially && wanted !== 0n) return { initial: [], from: String(wanted), tellInitialEnd: false };
  const options = selectionOf(namespace, parameters);
  const list: ListResult<KindName> = await store.list(kind, { ...options, limit: initially ? INITIAL_PAGE : 1 });
  requireReached(wanted, list.resourceVersion);
  return {
    initial: initially ? pagesFrom(store, kind, options, list) : [],
    from: list.resourceVersion,
    tellInitialEnd: sendInitialEvents === true && allowWatchBookmarks,
  };
}

/** @returns how a watch shows its objects: a Table names its columns in the first event only. */
export function watchView(viewer: Viewer): Pick<WatchStream<KindName>, "render" | "renderBookmark"> {
  const { kind, representation } = viewer;
  const { form, metaVersion } = representation;
  const none: TableColumn[] = [];
  return {
    render(object, first) {
      const shown = showObject(viewer, object);
      return form === "table" && !first ? { ...shown, columnDefinitions: none } : shown;
    },
    renderBookmark(metadata) {
      if (form === "table") return tableOf(metaVersion, metadata, none, []);
      if (form === "metadata") return { kind: "PartialObjectMetadata", apiVersion: metaVersion, metadata };
      return bookmarkOf(kind, metadata);
    },
  };
}

/** @returns the answer to a successful delete. */
export function deletedStatus(kind: KindName, { metadata }: ResourceOf<KindName>): object {
  const details = { name: metadata.name, group: GROUP, kind: KINDS[kind].plural, uid: metadata.uid };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

function requireReached(wanted: bigint, current: string): void {
  if (wanted <= BigInt(current)) return;
  const message = `Too large resource version: ${wanted}, current: ${current}`;
  throw new ApiError("Timeout", message, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "" }],
    retryAfterSeconds: 1,
  });
}
