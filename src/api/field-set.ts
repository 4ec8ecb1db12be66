/**
 * Sets of field paths as Kubernetes' server-side apply keeps them in `metadata.managedFields` (FieldsV1), for objects
 * whose maps are granular and whose lists are atomic. A path element is written `f:NAME`.
 *
 * Source: sigs.k8s.io/structured-merge-diff, packages `fieldpath` and `typed`; the semantics, not the code.
 */
import { isObject, type Json, type JsonObject, jsonEqual } from "./json.ts";

/** Immutable. `member` tells whether the path itself is in the set, apart from what is below it. */
export interface FieldSet {
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const EMPTY_SET: FieldSet = { member: false, children: new Map() };
const LEAF: FieldSet = { member: true, children: new Map() };

/** The depth of the deepest path that {@link fromFieldsV1} reads. */
const MAX_DEPTH = 64;

/** @returns whether no path is in the set. */
export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

function node(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { member, children: new Map([...children].filter(([, child]) => !isEmpty(child))) };
}

/** @returns the set of one path, given as plain field names. */
export function pathSet(...names: string[]): FieldSet {
  return names.reduceRight<FieldSet>((below, name) => node(false, [[`f:${name}`, below]]), LEAF);
}

/** @returns whether the path, given as plain field names, is itself in the set. */
export function hasPath(set: FieldSet, names: readonly string[]): boolean {
  let at: FieldSet | undefined = set;
  for (const name of names) at = at?.children.get(`f:${name}`);
  return at?.member ?? false;
}

/** @returns the paths that are in either set. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [key, child] of b.children) children.set(key, union(children.get(key) ?? EMPTY_SET, child));
  return { member: a.member || b.member, children };
}

/** @returns the paths of `a` that are not in `b`; a path in `b` says nothing about the paths below it. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return node(
    a.member && !b.member,
    [...a.children].map(([key, child]) => [key, difference(child, b.children.get(key) ?? EMPTY_SET)] as const),
  );
}

/** @returns the paths of `a` that are neither in `b` nor below a path in `b`. */
export function differenceBelow(a: FieldSet, b: FieldSet): FieldSet {
  if (b.member) return EMPTY_SET;
  return node(
    a.member,
    [...a.children].map(([key, child]) => [key, differenceBelow(child, b.children.get(key) ?? EMPTY_SET)] as const),
  );
}

/** @returns the paths that are in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return node(
    a.member && b.member,
    [...a.children].map(([key, child]) => [key, intersection(child, b.children.get(key) ?? EMPTY_SET)] as const),
  );
}

/** @returns the paths as Kubernetes prints them in conflicts (`.spec.port`), in order. */
export function printPaths(set: FieldSet, prefix = ""): string[] {
  const below = [...set.children].flatMap(([key, child]) =>
    printPaths(child, key.startsWith("f:") ? `${prefix}.${key.slice(2)}` : `${prefix}[${key}]`),
  );
  return set.member ? [prefix, ...below] : below;
}

/** @returns the paths that an applied configuration sets: its leaves, lists and empty maps. */
export function fieldsOf(value: JsonObject): FieldSet {
  return node(
    false,
    Object.entries(value).map(([key, item]) => {
      const below = isObject(item) && Object.keys(item).length > 0 ? fieldsOf(item) : LEAF;
      return [`f:${key}`, below] as const;
    }),
  );
}

function everyPath(value: Json): FieldSet {
  if (!isObject(value)) return LEAF;
  return node(
    true,
    Object.entries(value).map(([key, item]) => [`f:${key}`, everyPath(item)] as const),
  );
}

export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** @returns how `after` differs from `before`; maps that come or go count as paths themselves. */
export function compare(before: JsonObject, after: JsonObject): Comparison {
  const added: [string, FieldSet][] = [];
  const modified: [string, FieldSet][] = [];
  const removed: [string, FieldSet][] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const path = `f:${key}`;
    // A label may be called `constructor`, which every object has from its prototype.
    const left = Object.hasOwn(before, key) ? before[key] : undefined;
    const right = Object.hasOwn(after, key) ? after[key] : undefined;
    if (right === undefined) {
      if (left !== undefined) removed.push([path, everyPath(left)]);
    } else if (left === undefined) {
      added.push([path, everyPath(right)]);
    } else if (isObject(left) && isObject(right)) {
      const inner = compare(left, right);
      added.push([path, inner.added]);
      modified.push([path, inner.modified]);
      removed.push([path, inner.removed]);
    } else if (!jsonEqual(left, right)) {
      modified.push([path, LEAF]);
      if (isObject(left)) removed.push([path, { ...everyPath(left), member: false }]);
      if (isObject(right)) added.push([path, { ...everyPath(right), member: false }]);
    }
  }
  return { added: node(false, added), modified: node(false, modified), removed: node(false, removed) };
}

/** @returns the set in the JSON form of FieldsV1: `{"f:spec":{".":{},"f:port":{}}}`. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const fields: JsonObject = {};
  if (set.member && set.children.size > 0) fields["."] = {};
  for (const [key, child] of set.children) fields[key] = toFieldsV1(child);
  return fields;
}

/**
 * Reads the JSON form of FieldsV1.
 * @throws {RangeError} where it is malformed or deeper than any resource.
 */
export function fromFieldsV1(fields: unknown, depth = 0): FieldSet {
  if (!isObject(fields)) throw new RangeError("fieldsV1 must be an object of objects");
  if (depth > MAX_DEPTH) throw new RangeError(`fieldsV1 is nested more than ${MAX_DEPTH} levels deep`);
  const children: [string, FieldSet][] = [];
  let member = false;
  for (const [key, below] of Object.entries(fields)) {
    if (key === ".") member = true;
    else if (/^[fkvi]:/.test(key)) {
      const child = fromFieldsV1(below, depth + 1);
      children.push([key, child.children.size === 0 ? LEAF : child]);
    } else throw new RangeError(`fieldsV1 has the key ${JSON.stringify(key)}; a path element starts with "f:"`);
  }
  return node(member, children);
}
