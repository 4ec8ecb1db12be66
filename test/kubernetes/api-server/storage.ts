import { expired } from "./failure.ts";
import type { Stored } from "./json.ts";

export interface Change {
  revision: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  /** As it is after the change; of a deletion the last state, at the version of the deletion. */
  object: Stored;
  previous: Stored | undefined;
}

/** `NAMESPACE/NAME`, or `/NAME` for a cluster-scoped object: sorts as etcd's keys do. */
export function storageKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

/** The objects of one resource, and what became of them since the history began. */
export class Table {
  readonly objects = new Map<string, Stored>();
  history: Change[] = [];
  readonly watchers = new Set<(change: Change) => void>();
}

/** Everything that the server keeps, with one revision for all of it, as etcd has it. */
export class Storage {
  /** Of the last write. */
  revision = 1;
  /** States before this revision are not known any more. */
  compacted = 1;
  readonly #tables = new Map<string, Table>();

  table(name: string): Table {
    let table = this.#tables.get(name);
    if (!table) {
      table = new Table();
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Stores an object at a new revision, or removes it. */
  write(tableName: string, key: string, object: Stored | undefined): Stored {
    const table = this.table(tableName);
    const previous = table.objects.get(key);
    const last = object ?? previous;
    if (!last) throw new Error(`nothing is stored as ${key}`);
    this.revision++;
    const written = { ...last, metadata: { ...last.metadata, resourceVersion: String(this.revision) } };
    if (object) table.objects.set(key, written);
    else table.objects.delete(key);
    const type = object ? (previous ? "MODIFIED" : "ADDED") : "DELETED";
    const change: Change = { revision: this.revision, type, object: written, previous };
    table.history.push(change);
    for (const watcher of table.watchers) watcher(change);
    return written;
  }

  /** Forgets the past: older versions are 410 from now on. */
  compact(): void {
    this.compacted = this.revision;
    for (const table of this.#tables.values()) table.history = [];
  }

  /** @throws Failure 410 when the revision is no longer known */
  stateAt(tableName: string, revision: number): Map<string, Stored> {
    if (revision < this.compacted)
      throw expired("The provided continue parameter is too old to display a consistent list result.");
    const table = this.table(tableName);
    const state = new Map(table.objects);
    for (const change of table.history.toReversed()) {
      if (change.revision <= revision) break;
      const key = storageKey(change.object.metadata["namespace"] as string | undefined, change.object.metadata.name);
      if (change.previous) state.set(key, change.previous);
      else state.delete(key);
    }
    return state;
  }

  /** @throws Failure 410 when the revision is no longer known */
  changesSince(tableName: string, revision: number): Change[] {
    if (revision < this.compacted) throw expired(`too old resource version: ${revision} (${this.compacted})`);
    return this.table(tableName).history.filter((change) => change.revision > revision);
  }
}
