/** Lists as they were at one version, page by page. */
import { KINDS, type KindName, type ResourceOf } from "../../resources/kinds.ts";
import { expired, StoreError } from "../errors.ts";
import type { ListOptions, ListResult } from "../store.ts";
import { decodeToken, encodeToken } from "./continue-token.ts";
import type { History } from "./history.ts";
import type { ObjectTable, Place } from "./object-table.ts";
import { selectionOf } from "./selection.ts";

type Entry = Place & { object: string };

const START: Place = { namespace: "", name: "" };

/**
 * @returns one page of the list, the whole of it without `limit`, sorted by namespace and name. Every page of a list is
 * of the version of its first page.
 * @throws {@link StoreError} `Expired` when that version is no longer retained, `Invalid` for a bad selector or token
 */
export function listPage<K extends KindName>(
  kind: K,
  options: ListOptions,
  table: ObjectTable,
  history: History,
): ListResult<K> {
  const selection = selectionOf(options);
  const token =
    options.continue === undefined || options.continue === "" ? undefined : decodeToken(options.continue, kind);
  const version = token?.version ?? exactVersion(options.resourceVersion) ?? history.version;
  if (version < history.horizon || version > history.version) {
    throw expired(
      `The provided ${token ? "continue parameter" : "resourceVersion"} is too old to display a consistent list of ${KINDS[kind].plural}; start the list over`,
    );
  }
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY;
  const items: ResourceOf<K>[] = [];
  let remaining = 0;
  let last: Place | undefined;
  for (const entry of entriesAt(kind, version, token?.after ?? START, limit + 1, table, history)) {
    if (!selection.has(entry)) continue;
    if (items.length < limit) {
      const object: ResourceOf<K> = JSON.parse(entry.object);
      items.push(object);
      last = entry;
      continue;
    }
    remaining += 1;
    if (selection.selective) break;
    if (version !== history.version || last === undefined) continue;
    remaining = table.count(kind, selection.namespace, last);
    break;
  }
  const resourceVersion = String(version);
  if (remaining === 0 || last === undefined) return { items, resourceVersion };
  const next = encodeToken({ version, kind, after: { namespace: last.namespace, name: last.name } });
  return { items, resourceVersion, continue: next, ...(selection.selective ? {} : { remainingItemCount: remaining }) };
}

/** The objects after a place as they were at a version: those of now, with every later change undone. */
function* entriesAt(
  kind: KindName,
  version: number,
  after: Place,
  wanted: number,
  table: ObjectTable,
  history: History,
): Generator<Entry> {
  const undo = version === history.version ? [] : history.undo(kind, version).filter((entry) => isAfter(entry, after));
  let next = 0;
  for (const row of table.scan(kind, after, wanted)) {
    for (let old = undo[next]; old && isAfter(row, old); old = undo[next]) {
      if (old.previous !== null) yield { ...old, object: old.previous };
      next++;
    }
    const old = undo[next];
    if (!old || isAfter(old, row)) {
      yield row;
      continue;
    }
    next++;
    if (old.previous !== null) yield { ...old, object: old.previous };
  }
  for (const old of undo.slice(next)) if (old.previous !== null) yield { ...old, object: old.previous };
}

function isAfter(a: Place, b: Place): boolean {
  return a.namespace === b.namespace ? a.name > b.name : a.namespace > b.namespace;
}

function exactVersion(text: string | undefined): number | undefined {
  return text === undefined || text === "" ? undefined : parseVersion(text);
}

/**
 * @returns the number in a resourceVersion.
 * @throws {@link StoreError} `Invalid` when the text is none of this store's
 */
export function parseVersion(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  const message = `Invalid value: ${JSON.stringify(text.slice(0, 64))}: must be a resourceVersion that this server gave`;
  throw new StoreError("Invalid", message, {
    faults: [{ path: "resourceVersion", type: "FieldValueInvalid", message }],
  });
}
