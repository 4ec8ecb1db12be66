/**
 * Server-side apply: which manager set which field, conflicts, and the removal of what a manager no longer applies.
 * Lists that Kubernetes keys are merged by their keys, every other list is one value.
 */
import { type Cause, Failure } from "./failure.ts";
import { asObject, asText, isObject, type Json, type JsonObject } from "./json.ts";

/** The keys of the lists that are merged, by the name of the field. */
const LIST_KEYS: Record<string, string[]> = {
  conditions: ["type"],
  containers: ["name"],
  env: ["name"],
  ports: ["port", "containerPort", "protocol"],
  volumeMounts: ["mountPath"],
  volumes: ["name"],
  ownerReferences: ["uid"],
};

/** The fields that a manager set: a leaf is an empty object, as in `fieldsV1`. */
type Fields = { [key: string]: Fields };

export interface Manager {
  manager: string;
  operation: "Apply" | "Update";
  subresource?: string;
  apiVersion: string;
  time: string;
}

/** What nobody manages. */
const UNMANAGED = new Set(
  ["apiVersion", "kind"].concat(
    ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"].map(
      (name) => `metadata.${name}`,
    ),
  ),
);

/**
 * @param live undefined where the object is created
 * @returns the object with the configuration merged into it
 * @throws Failure 409 when others manage fields that would change, unless it is forced
 */
export function applyTo(live: JsonObject | undefined, config: JsonObject, by: Manager, force: boolean): JsonObject {
  const entries = entriesOf(live);
  const own = entries.find((entry) => isSame(entry, by));
  const applied = fieldsOf(config);
  let merged = live ? structuredClone(live) : {};
  if (own) merged = removeFields(merged, subtract(fieldsIn(own), applied)) as JsonObject;
  const before = structuredClone(merged);
  merged = mergeInto(merged, config, "") as JsonObject;
  const others = entries.filter((entry) => entry !== own);
  const conflicts = others.flatMap((entry) =>
    leaves(applied)
      .filter((path) => has(fieldsIn(entry), path) && !Bun.deepEquals(valueAt(before, path), valueAt(config, path)))
      .map((path) => ({ entry, path })),
  );
  if (conflicts.length > 0 && !force) throw conflictWith(conflicts);
  const kept = others
    .map((entry) =>
      without(
        entry,
        conflicts.map(({ path }) => path),
      ),
    )
    .filter((entry) => entry !== undefined);
  return withEntries(merged, [...kept, entryOf(by, applied)]);
}

/** @returns the object with the fields that this write changed managed by its writer. */
export function trackUpdate(before: JsonObject | undefined, after: JsonObject, by: Manager): JsonObject {
  const changed = leaves(fieldsOf(after)).filter(
    (path) => before === undefined || !Bun.deepEquals(valueAt(before, path), valueAt(after, path)),
  );
  const gone = before ? leaves(fieldsOf(before)).filter((path) => valueAt(after, path) === undefined) : [];
  const entries = entriesOf(before);
  if (changed.length + gone.length === 0) return withEntries(after, entries);
  const own = entries.find((entry) => isSame(entry, by));
  const others = entries
    .filter((entry) => entry !== own)
    .map((entry) => without(entry, [...changed, ...gone]))
    .filter((entry) => entry !== undefined);
  const fields = own ? fieldsIn(own) : {};
  for (const path of gone) remove(fields, path);
  for (const path of changed) add(fields, path);
  return withEntries(after, Object.keys(fields).length === 0 ? others : [...others, entryOf(by, fields)]);
}

function mergeInto(live: Json | undefined, config: Json, name: string): Json {
  if (isObject(config)) {
    const merged: JsonObject = isObject(live) ? { ...live } : {};
    for (const [key, value] of Object.entries(config)) merged[key] = mergeInto(merged[key], value, key);
    return merged;
  }
  const keys = LIST_KEYS[name];
  if (!Array.isArray(config) || !keys || !config.every(isObject)) return config;
  const merged = Array.isArray(live) ? [...live] : [];
  for (const item of config) {
    const index = merged.findIndex((each) => isObject(each) && keyOf(each, keys) === keyOf(item, keys));
    if (index === -1) merged.push(item);
    else merged[index] = mergeInto(merged[index], item, "");
  }
  return merged;
}

function keyOf(item: JsonObject, keys: string[]): string {
  const pairs = keys
    .filter((key) => item[key] !== undefined || key === "protocol")
    .map((key) => [key, item[key] ?? "TCP"]);
  return `k:${JSON.stringify(Object.fromEntries(keys.includes("protocol") && pairs.length === 1 ? [] : pairs))}`;
}

function fieldsOf(value: Json | undefined, path = ""): Fields {
  const fields: Fields = {};
  for (const [key, each] of Object.entries(asObject(value))) {
    const below = path === "" ? key : `${path}.${key}`;
    if (UNMANAGED.has(below)) continue;
    const keys = LIST_KEYS[key];
    if (isObject(each) && Object.keys(each).length > 0) fields[`f:${key}`] = fieldsOf(each, below);
    else if (Array.isArray(each) && keys && each.length > 0 && each.every(isObject)) {
      fields[`f:${key}`] = Object.fromEntries(each.map((item) => [keyOf(item, keys), fieldsOf(item, `${below}[]`)]));
    } else fields[`f:${key}`] = {};
  }
  if (path === "") for (const key of ["f:metadata", "f:status"]) if (isEmpty(fields[key])) delete fields[key];
  return fields;
}

function isEmpty(fields: Fields | undefined): boolean {
  return fields !== undefined && Object.keys(fields).length === 0;
}

function leaves(fields: Fields, path: string[] = []): string[][] {
  const entries = Object.entries(fields);
  if (entries.length === 0) return path.length === 0 ? [] : [path];
  return entries.flatMap(([key, below]) => leaves(below, [...path, key]));
}

function has(fields: Fields, path: string[]): boolean {
  let at: Fields | undefined = fields;
  for (const part of path) at = at?.[part];
  return at !== undefined && isEmpty(at);
}

function add(fields: Fields, path: string[]): void {
  let at = fields;
  for (const part of path) {
    at[part] ??= {};
    at = at[part] as Fields;
  }
}

function remove(fields: Fields, [first, ...rest]: string[]): void {
  const below = first === undefined ? undefined : fields[first];
  if (first === undefined || below === undefined) return;
  if (rest.length > 0) remove(below, rest);
  if (isEmpty(below)) delete fields[first];
}

function subtract(from: Fields, other: Fields): string[][] {
  return leaves(from).filter((path) => !path.every((_, i) => hasPath(other, path.slice(0, i + 1))));
}

function hasPath(fields: Fields, path: string[]): boolean {
  let at: Fields | undefined = fields;
  for (const part of path) at = at?.[part];
  return at !== undefined;
}

function removeFields(object: Json, paths: string[][]): Json {
  return paths.reduce(removeField, object);
}

function removeField(value: Json, path: string[]): Json {
  const [first = "", ...rest] = path;
  if (Array.isArray(value)) {
    const kept = value.map((item) => (matchesKey(item, first) && rest.length > 0 ? removeField(item, rest) : item));
    return kept.filter((item) => !(matchesKey(item, first) && onlyKeys(item, first)));
  }
  const name = first.slice(2);
  if (!isObject(value) || value[name] === undefined) return value;
  if (rest.length === 0) return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
  const below = removeField(value[name], rest);
  const gone = (isObject(below) && Object.keys(below).length === 0) || (Array.isArray(below) && below.length === 0);
  return gone ? Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)) : { ...value, [name]: below };
}

function matchesKey(item: Json, part: string): boolean {
  return part.startsWith("k:") && Object.values(LIST_KEYS).some((keys) => isObject(item) && keyOf(item, keys) === part);
}

/** Whether nothing is left of an item but what defaults would set, so that it goes as a whole. */
function onlyKeys(item: Json, part: string): boolean {
  const keys = Object.keys(JSON.parse(part.slice(2)) as JsonObject);
  return isObject(item) && Object.keys(item).every((key) => keys.includes(key));
}

function valueAt(object: JsonObject, path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((value, part) => {
    if (Array.isArray(value)) return value.find((item) => matchesKey(item, part));
    return asObject(value)[part.slice(2)];
  }, object);
}

type Entry = JsonObject;

function entriesOf(object: JsonObject | undefined): Entry[] {
  const { managedFields } = asObject(object?.["metadata"]);
  return Array.isArray(managedFields) ? managedFields.map(asObject) : [];
}

function fieldsIn(entry: Entry): Fields {
  return structuredClone(asObject(entry["fieldsV1"])) as Fields;
}

function isSame(entry: Entry, by: Manager): boolean {
  const { manager, operation, subresource } = entry;
  return manager === by.manager && operation === by.operation && asText(subresource) === (by.subresource ?? "");
}

function entryOf(by: Manager, fields: Fields): Entry {
  return { ...by, fieldsType: "FieldsV1", fieldsV1: fields };
}

function without(entry: Entry, paths: string[][]): Entry | undefined {
  const fields = fieldsIn(entry);
  for (const path of paths) if (has(fields, path)) remove(fields, path);
  return isEmpty(fields) ? undefined : { ...entry, fieldsV1: fields };
}

function withEntries(object: JsonObject, entries: Entry[]): JsonObject {
  return { ...object, metadata: { ...asObject(object["metadata"]), managedFields: entries } };
}

function conflictWith(conflicts: { entry: Entry; path: string[] }[]): Failure {
  const causes = conflicts.map(
    ({ entry, path }): Cause => ({
      reason: "FieldManagerConflict",
      message: `conflict with "${asText(entry["manager"])}" using ${asText(entry["apiVersion"])}`,
      field: path.map((part) => (part.startsWith("f:") ? `.${part.slice(2)}` : `[${part.slice(2)}]`)).join(""),
    }),
  );
  const count = causes.length === 1 ? "1 conflict" : `${causes.length} conflicts`;
  const text = causes.map(({ message, field }) => `${message}: ${field}`).join("\n");
  return new Failure(409, "Conflict", `Apply failed with ${count}: ${text}`, {
    causes: causes.map((each) => ({ ...each })),
  });
}
