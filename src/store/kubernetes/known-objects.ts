import { KINDS, type KindName, type ResourceOf } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";
import type { InvalidObject, Judged } from "./judge.ts";

/** What an unselective list and watch of a kind told last: shared with whoever they were told to, and not copied. */
export class KnownObjects<K extends KindName = KindName> {
  readonly valid = new Map<ObjectKey, ResourceOf<K>>();
  readonly invalid = new Map<ObjectKey, InvalidObject<K>>();

  take(judged: Judged<K>): void {
    const key = keyOf(judged.ok ? judged.object : judged.invalid);
    this.forget(key);
    if (judged.ok) this.valid.set(key, judged.object);
    else this.invalid.set(key, judged.invalid);
  }

  forget(key: ObjectKey): void {
    this.valid.delete(key);
    this.invalid.delete(key);
  }

  replace(all: readonly Judged<K>[]): void {
    this.valid.clear();
    this.invalid.clear();
    for (const judged of all) this.take(judged);
  }

  /** The version and the status of an object, if it is known. */
  statusOf(key: ObjectKey): { resourceVersion: string; status: unknown } | undefined {
    const known = this.valid.get(key) ?? this.invalid.get(key);
    return known && { resourceVersion: known.metadata.resourceVersion, status: known.status };
  }
}

export type KnownByKind = { [K in KindName]: KnownObjects<K> };

/** @returns nothing known of any kind. */
export function nothingKnown(): KnownByKind {
  const kinds = Object.keys(KINDS) as KindName[];
  return Object.fromEntries(kinds.map((kind) => [kind, new KnownObjects()])) as unknown as KnownByKind;
}
