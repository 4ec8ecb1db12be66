/** What manifest files make of the store. */
import { isDeepStrictEqual } from "node:util";
import { KINDS, type KindName, type ResourceOf } from "../../resources/kinds.ts";
import { type ObjectKey, objectKey } from "../../resources/meta.ts";
import type { ObjectTable, Row } from "./object-table.ts";
import { created, type Surroundings, updated } from "./transitions.ts";

/** A validated object of any kind. */
export type ManifestObject = { [K in KindName]: { kind: K; object: ResourceOf<K> } }[KindName];

export interface ManifestFile {
  /** Relative to the folder; what came from the file is recorded under it. */
  path: string;
  /** `undefined`: the file cannot be read now, and what came from it stays as it is. */
  objects: readonly ManifestObject[] | undefined;
  /** The file has no bytes, as one that a shell has made for the output of a command that has said nothing yet. */
  empty?: true;
}

export interface ApplyTools {
  table: ObjectTable;
  surroundings: Surroundings;
  remove<K extends KindName>(kind: K, row: Row<K>): void;
}

/**
 * Makes the objects that belong to manifest files what the files say. An object that a file no longer has is deleted;
 * one that moved to another file stays. An object made through the API is taken over only when the file says the same;
 * one that two files have belongs to the one that has it already, else to the first by name.
 *
 * @returns the problems, for people: objects that are not as their file says
 */
export function applyManifests(files: readonly ManifestFile[], tools: ApplyTools): string[] {
  const { table } = tools;
  const owned = table.owned();
  const problems = emptied(files, owned);
  const claims = new Map<string, string>();
  const sound = files.filter(({ objects }) => objects !== undefined);
  const declared = new Set(sound.flatMap(({ path, objects = [] }) => objects.map((each) => `${path}\n${idOf(each)}`)));
  const broken = new Set(files.filter(({ objects }) => objects === undefined).map(({ path }) => path));
  for (const { kind, namespace, name, origin } of owned) {
    const id = identify(kind, objectKey(namespace === "" ? undefined : namespace, name));
    if (broken.has(origin) || declared.has(`${origin}\n${id}`)) claims.set(id, origin);
  }
  for (const { path, objects = [] } of [...sound].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    for (const each of objects) {
      const id = idOf(each);
      const holder = claims.get(id) ?? path;
      if (holder !== path) {
        problems.push(`${path}: ${id} is in ${holder} too; keep it in one of them`);
        continue;
      }
      const problem = applyOne(each.kind, each.object, path, tools);
      if (problem === undefined) claims.set(id, path);
      else problems.push(`${path}: ${id} ${problem}`);
    }
  }
  for (const { kind, namespace, name } of owned) {
    const id = identify(kind, objectKey(namespace === "" ? undefined : namespace, name));
    const row = claims.has(id) ? undefined : table.read(kind, namespace, name);
    if (row) tools.remove(kind, row);
  }
  return problems;
}

/** Gives what belongs to manifest files to the API. */
export function releaseManifests(table: ObjectTable): void {
  for (const { kind, namespace, name } of table.owned()) table.setOrigin(kind, { namespace, name }, null);
}

function emptied(files: readonly ManifestFile[], owned: readonly { origin: string }[]): string[] {
  const origins = new Set(owned.map(({ origin }) => origin));
  return files
    .filter(({ path, empty }) => empty && origins.has(path))
    .map(({ path }) => `${path}: is empty, so that what came from it stays; remove the file to delete it`);
}

function applyOne<K extends KindName>(
  kind: K,
  wanted: ResourceOf<K>,
  path: string,
  tools: ApplyTools,
): string | undefined {
  const { table, surroundings } = tools;
  const { namespace = "", name } = wanted.metadata;
  const row = table.read(kind, namespace, name);
  if (!row) {
    table.insert(kind, created(wanted, surroundings), path);
    return undefined;
  }
  const { metadata } = row.object;
  if (metadata.deletionTimestamp !== undefined) return "is being deleted; it is made anew when that is done";
  const { managedFields = [] } = metadata;
  const next = updated(kind, row.object, { ...wanted, metadata: { ...wanted.metadata, managedFields } });
  if (row.origin === null && !saysTheSame(row.object, wanted)) {
    return "was made through the API and differs; delete it there, or take it out of the file";
  }
  if (row.origin !== path) table.setOrigin(kind, { namespace, name }, path);
  if (next !== row.object) table.replace(kind, row, next);
  return undefined;
}

function saysTheSame(stored: ResourceOf<KindName>, wanted: ResourceOf<KindName>): boolean {
  const relevant = ({ metadata, spec }: ResourceOf<KindName>) => {
    const { "kubectl.kubernetes.io/last-applied-configuration": _, ...annotations } = metadata.annotations ?? {};
    return { spec, labels: metadata.labels ?? {}, annotations, finalizers: metadata.finalizers ?? [] };
  };
  return isDeepStrictEqual(relevant(stored), relevant(wanted));
}

function idOf({ kind, object }: ManifestObject): string {
  return identify(kind, objectKey(object.metadata.namespace, object.metadata.name));
}

/** For example `import shop/web`. */
function identify(kind: KindName, key: ObjectKey): string {
  return `${KINDS[kind].singular} ${key}`;
}
