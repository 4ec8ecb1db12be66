/** What changed between two states of the tables, and its application. Pure. */
import type { Delta } from "./messages.ts";
import type { TableName, Tables, Version } from "./tables.ts";

const TABLES = ["site", "imports", "exports", "policies", "peers", "clients"] as const satisfies TableName[];

type Rows = Record<string, unknown>;

/** @returns whether the delta builds on this version; where it does not, a full snapshot is needed. */
export function buildsOn(delta: Delta, version: Version): boolean {
  return delta.base.epoch === version.epoch && delta.base.n === version.n;
}

/**
 * @returns what leads from `before` to `after`, whole values at a time; undefined when nothing changed. A value that is
 * the same object in both is not looked into, so values must not be changed in place.
 */
export function diffTables(before: Tables, after: Tables): Pick<Delta, "set" | "remove"> | undefined {
  const set: Record<string, Rows> = {};
  const remove: Record<string, string[]> = {};
  for (const table of TABLES) {
    const old: Rows = before[table];
    const now: Rows = after[table];
    if (old === now) continue;
    const changed = Object.keys(now).filter(
      (key) => !Object.hasOwn(old, key) || (old[key] !== now[key] && !Bun.deepEquals(old[key], now[key], true)),
    );
    const gone = Object.keys(old).filter((key) => !Object.hasOwn(now, key));
    if (changed.length > 0) set[table] = Object.fromEntries(changed.map((key) => [key, now[key]]));
    if (gone.length > 0) remove[table] = gone;
  }
  if (Object.keys(set).length === 0 && Object.keys(remove).length === 0) return undefined;
  return { set, remove };
}

/**
 * Applies a delta as a whole. The caller has seen that it {@link buildsOn} the version of these tables.
 *
 * @returns new tables, of which those that did not change are the same objects as before. `before` is left alone.
 */
export function applyDelta(before: Tables, delta: Delta): Tables {
  const tables: Record<TableName, Rows> = { ...before };
  for (const table of TABLES) {
    const set = delta.set[table];
    const remove = delta.remove[table];
    if (!set && !remove) continue;
    const rows: Rows = { ...tables[table], ...set };
    for (const key of remove ?? []) delete rows[key];
    tables[table] = rows;
  }
  return tables as unknown as Tables;
}
