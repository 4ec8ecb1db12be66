/**
 * Who manages which field: server-side apply and the tracking of updates, as Kubernetes does them for custom resources.
 * Pure: objects and the time come in, objects go out.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and k8s.io/apimachinery `managedfields`.
 */
import {
  compare,
  difference,
  differenceBelow,
  EMPTY_SET,
  type FieldSet,
  fieldsOf,
  hasPath,
  intersection,
  isEmpty,
  pathSet,
  printPaths,
  toFieldsV1,
  union,
} from "./field-set.ts";
import { isObject, type JsonObject, jsonEqual } from "./json.ts";
import { syncLastApplied, takenOverFrom } from "./last-applied.ts";
import { decodeManaged, encodeManaged, type Managed } from "./managed-entries.ts";
import { metadataOf } from "./object-fields.ts";

/** Who writes, through which door. */
export interface Writer {
  manager: string;
  apiVersion: string;
  subresource?: string;
  /** RFC 3339, to the second. */
  time: string;
}

export interface FieldConflict {
  /** As in `conflict with "kubectl-create" using clusterlink.net/v1alpha1`. */
  manager: string;
  /** For example `.spec.port`. */
  field: string;
}

/** The applied configuration sets fields that other managers own to other values. */
export class ApplyConflict extends Error {
  readonly code = "ApplyConflict";
  constructor(readonly conflicts: readonly FieldConflict[]) {
    super(conflictMessage(conflicts));
    this.name = "ApplyConflict";
  }
}

/** More managers by update than this are folded into one, oldest first, so that an object stays bounded. */
const MAX_UPDATE_MANAGERS = 10;
const FOLDED_MANAGER = "ancient-changes";

/** Fields that nobody manages: identity, and what the server itself writes. */
const UNMANAGED = [
  ["apiVersion"],
  ["kind"],
  ["metadata"],
  ...[
    "name",
    "generateName",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ].map((name) => ["metadata", name]),
]
  .map((path) => pathSet(...path))
  .reduce(union);

const STATUS = pathSet("status");

function withManagedFields(object: JsonObject, managed: readonly Managed[]): JsonObject {
  const { managedFields: _, ...metadata } = metadataOf(object);
  const entries = encodeManaged(managed).map((entry) => ({ ...entry }) as unknown as JsonObject);
  return { ...object, metadata: entries.length === 0 ? metadata : { ...metadata, managedFields: entries } };
}

function tracked(set: FieldSet, subresource: string | undefined): FieldSet {
  const managed = difference(set, UNMANAGED);
  return subresource === "status" ? intersectionBelow(managed, "status") : differenceBelow(managed, STATUS);
}

function intersectionBelow(set: FieldSet, name: string): FieldSet {
  const child = set.children.get(`f:${name}`);
  return child === undefined ? EMPTY_SET : { member: false, children: new Map([[`f:${name}`, child]]) };
}

function isSame(a: Managed["entry"], writer: Writer, operation: "Apply" | "Update"): boolean {
  return a.operation === operation && a.manager === writer.manager && a.subresource === writer.subresource;
}

/** What of `before` → `after` others lose: what was changed under them and what is gone. */
function takeFromOthers(managed: readonly Managed[], lost: FieldSet): Managed[] {
  return managed.map((one) => ({ ...one, set: difference(one.set, lost) }));
}

function foldOldest(managed: readonly Managed[]): Managed[] {
  const updates = managed
    .filter(({ entry }) => entry.operation === "Update")
    .sort((a, b) => ((a.entry.time ?? "") < (b.entry.time ?? "") ? -1 : 1));
  if (updates.length <= MAX_UPDATE_MANAGERS) return [...managed];
  const folded = updates.slice(0, updates.length - MAX_UPDATE_MANAGERS + 1);
  const last = folded[folded.length - 1];
  if (last === undefined) return [...managed];
  const { subresource: _, ...entry } = last.entry;
  return [
    ...managed.filter((one) => !folded.includes(one)),
    { entry: { ...entry, manager: FOLDED_MANAGER }, set: folded.map(({ set }) => set).reduce(union) },
  ];
}

/**
 * Tracks a create, an update or a patch: what `after` changed of `before` now belongs to the writer, and to nobody else.
 * A client may write `metadata.managedFields` itself; an empty or unreadable list leaves it as it was, and a single
 * empty entry forgets all managers. An object that nobody is recorded for stays so until its first apply.
 * @param before what is stored; absent for a create
 * @returns `after` with its `metadata.managedFields`
 */
export function trackUpdate(before: JsonObject | undefined, after: JsonObject, writer: Writer): JsonObject {
  const given = metadataOf(after)["managedFields"];
  const stored = decodeManaged(before === undefined ? undefined : metadataOf(before)["managedFields"]);
  const forget = Array.isArray(given) && given.length === 1 && jsonEqual(given[0], {});
  const requested = writer.subresource === undefined ? decodeManaged(given) : [];
  const managed = forget && writer.subresource === undefined ? [] : requested.length > 0 ? requested : stored;
  if (before !== undefined && managed.length === 0) return withManagedFields(after, []);

  const change = compare(before ?? {}, after);
  const gained = tracked(union(change.added, change.modified), writer.subresource);
  const removed = tracked(change.removed, writer.subresource);
  const others = takeFromOthers(
    managed.filter(({ entry }) => !isSame(entry, writer, "Update")),
    union(gained, removed),
  );
  const own = managed.find(({ entry }) => isSame(entry, writer, "Update"));
  const set = union(difference(own?.set ?? EMPTY_SET, removed), gained);
  const same = own !== undefined && jsonEqual(toFieldsV1(own.set), toFieldsV1(set));
  const entry: Managed["entry"] = {
    manager: writer.manager,
    operation: "Update",
    apiVersion: writer.apiVersion,
    time: same ? (own.entry.time ?? writer.time) : writer.time,
    fieldsType: "FieldsV1",
    ...(writer.subresource === undefined ? {} : { subresource: writer.subresource }),
  };
  return withManagedFields(after, foldOldest([...others, { entry, set }]));
}

/**
 * Server-side apply: merges `config` into `live`, removes what the manager applied before and applies no longer and
 * nobody else manages, and records who manages what.
 * @param live what is stored; absent where the apply creates
 * @returns the object to store; deeply equal to `live` where nothing changes
 * @throws {ApplyConflict} where others manage fields that would change, unless `force`
 */
export function applyConfig(
  live: JsonObject | undefined,
  config: JsonObject,
  writer: Writer,
  force: boolean,
): JsonObject {
  const before = live ?? {};
  const managed = managersBeforeApply(before, writer);
  const own = managed.find(({ entry }) => isSame(entry, writer, "Apply"));
  const others = managed.filter((one) => one !== own);
  const applied = tracked(fieldsOf(config), writer.subresource);

  const merged = mergeConfig(before, config, writer.subresource);
  const stillManaged = others.map(({ set }) => set).reduce(union, applied);
  const pruned = own === undefined ? merged : prune(merged, difference(own.set, stillManaged), stillManaged);
  const after = syncLastApplied(pruned, config, writer.manager);

  const change = compare(before, pruned);
  const changed = tracked(union(change.added, change.modified), writer.subresource);
  const contested = difference(changed, takenOverFrom(before, writer.manager, writer.apiVersion));
  const conflicts = others.flatMap(({ entry, set }) =>
    printPaths(intersection(set, contested)).map((field) => ({ manager: describeManager(entry), field })),
  );
  if (conflicts.length > 0 && !force) throw new ApplyConflict(conflicts);

  const lost = union(changed, tracked(change.removed, writer.subresource));
  const same = own !== undefined && jsonEqual(toFieldsV1(own.set), toFieldsV1(applied));
  const entry: Managed["entry"] = {
    manager: writer.manager,
    operation: "Apply",
    apiVersion: writer.apiVersion,
    time: same ? (own.entry.time ?? writer.time) : writer.time,
    fieldsType: "FieldsV1",
    ...(writer.subresource === undefined ? {} : { subresource: writer.subresource }),
  };
  return withManagedFields(after, [...takeFromOthers(others, lost), { entry, set: applied }]);
}

/** An object that nobody is recorded for belongs, as far as apply is concerned, to one who was there before. */
function managersBeforeApply(live: JsonObject, writer: Writer): Managed[] {
  const managed = decodeManaged(metadataOf(live)["managedFields"]);
  const set = tracked(compare({}, live).added, writer.subresource);
  if (managed.length > 0 || isEmpty(set)) return managed;
  const entry: Managed["entry"] = {
    manager: "before-first-apply",
    operation: "Update",
    apiVersion: writer.apiVersion,
    time: writer.time,
    fieldsType: "FieldsV1",
  };
  return [{ entry, set }];
}

function mergeConfig(live: JsonObject, config: JsonObject, subresource: string | undefined): JsonObject {
  if (subresource === "status") {
    return config["status"] === undefined ? live : merge(live, { status: config["status"] });
  }
  const { status: _, ...rest } = config;
  const { managedFields: __, resourceVersion: ___, ...metadata } = metadataOf(rest);
  return merge(live, { ...rest, metadata });
}

/** Maps are merged key by key; everything else, lists included, is replaced. */
function merge(live: JsonObject, config: JsonObject): JsonObject {
  const merged: JsonObject = { ...live };
  for (const [key, value] of Object.entries(config)) {
    const there = live[key];
    merged[key] = isObject(there) && isObject(value) ? merge(there, value) : value;
  }
  return merged;
}

/** Removes the leaves of `gone`, and the maps that this leaves empty unless somebody manages them. */
function prune(value: JsonObject, gone: FieldSet, kept: FieldSet, path: readonly string[] = []): JsonObject {
  const pruned: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const below = gone.children.get(`f:${key}`);
    const here = [...path, key];
    if (below === undefined) pruned[key] = item;
    else if (isObject(item) && Object.keys(item).length > 0) {
      const inner = prune(item, below, kept, here);
      if (Object.keys(inner).length > 0 || hasPath(kept, here)) pruned[key] = inner;
    } else if (!below.member) pruned[key] = item;
  }
  return pruned;
}

function describeManager(entry: Managed["entry"]): string {
  const door = entry.subresource === undefined ? "" : ` with subresource ${JSON.stringify(entry.subresource)}`;
  const name = `${JSON.stringify(entry.manager)}${door}`;
  if (entry.operation === "Apply") return name;
  return `${name} using ${entry.apiVersion}`;
}

function conflictMessage(conflicts: readonly FieldConflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.field}`;
  }
  const managers = [...new Set(conflicts.map(({ manager }) => manager))].sort();
  const lines = managers.flatMap((manager) => [
    `conflicts with ${manager}:`,
    ...conflicts.filter((one) => one.manager === manager).map(({ field }) => `- ${field}`),
  ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}
