/** What changed between two states of the tables, and its application. Pure. */
import type { Delta } from "./messages.ts";
import type { TableName, Tables, Version } from "./tables.ts";

/** The tables as they were at a version. */
export interface Snapshot {
  version: Version;
  tables: Tables;
}

const TABLES = ["site", "imports", "exports", "policies", "peers", "clients"] as const satisfies TableName[];

type Rows = Record<string, unknown>;

/** @returns whether both name the same state of the same control process. */
export function sameVersion(a: Version, b: Version): boolean {
  return a.epoch === b.epoch && a.n === b.n;
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
 * Applies a delta as a whole.
 *
 * @returns a new snapshot, in which tables that did not change are the same objects as before; undefined when the delta
 * does not build on this version, and a full snapshot is needed. `snapshot` itself is left alone.
 */
export function applyDelta(snapshot: Snapshot, delta: Delta): Snapshot | undefined {
  if (!sameVersion(snapshot.version, delta.base)) return undefined;
  const tables: Record<TableName, Rows> = { ...snapshot.tables };
  for (const table of TABLES) {
    const set = delta.set[table];
    const remove = delta.remove[table];
    if (!set && !remove) continue;
    const rows: Rows = { ...tables[table], ...set };
    for (const key of remove ?? []) delete rows[key];
    tables[table] = rows;
  }
  return { version: delta.version, tables: tables as unknown as Tables };
}
