/** The recent changes, in order: what watches and consistent lists rest on. */
import type { Database, Statement } from "bun:sqlite";
import type { KindName } from "../../resources/kinds.ts";

/** One change. Objects are JSON texts: every reader parses its own copy. */
export interface Change {
  version: number;
  kind: KindName;
  namespace: string;
  name: string;
  type: "ADDED" | "MODIFIED" | "DELETED";
  /** After the change; with DELETED the last state, at the version of the deletion. */
  object: string;
  /** Before the change; null with ADDED. */
  previous: string | null;
}

export interface Retention {
  /** Changes that are kept. */
  changes: number;
  /** Bytes of object texts that are kept. */
  bytes: number;
}

/** How much a reader that catches up takes at once: changes, and bytes of their texts. Many readers may be late together. */
const PAGE = { changes: 256, bytes: 128 * 1024 };

export class History {
  readonly #retention: Retention;
  readonly #append: Statement<unknown, [number, string, string, string, string, number, string, string | null]>;
  readonly #after: Statement<Change & { bytes: number }, [string, number, number]>;
  readonly #undo: Statement<{ namespace: string; name: string; previous: string | null }, [string, number]>;
  readonly #oldest: Statement<{ version: number; bytes: number }, [number]>;
  readonly #forget: Statement<unknown, [number]>;
  readonly #setCounter: Statement<unknown, [number, string]>;
  #version: number;
  #horizon: number;
  #changes: number;
  #bytes: number;

  constructor(database: Database, retention: Retention) {
    this.#retention = retention;
    this.#append = database.query(
      "INSERT INTO history (version, kind, namespace, name, type, bytes, object, previous) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#after = database.query(
      "SELECT version, kind, namespace, name, type, bytes, object, previous FROM history WHERE kind = ? AND version > ? ORDER BY version LIMIT ?",
    );
    // With min(), SQLite takes the other columns from the row that has the minimum.
    this.#undo = database.query(
      "SELECT namespace, name, previous, min(version) FROM history WHERE kind = ? AND version > ? GROUP BY namespace, name ORDER BY namespace, name",
    );
    this.#oldest = database.query("SELECT version, bytes FROM history ORDER BY version LIMIT ?");
    this.#forget = database.query("DELETE FROM history WHERE version <= ?");
    this.#setCounter = database.query("UPDATE counters SET value = ? WHERE name = ?");
    const counters = database.query<{ name: string; value: number }, []>("SELECT name, value FROM counters").all();
    const totals = database
      .query<{ changes: number; bytes: number }, []>(
        "SELECT count(*) AS changes, coalesce(sum(bytes), 0) AS bytes FROM history",
      )
      .get();
    this.#version = counters.find(({ name }) => name === "version")?.value ?? 0;
    this.#horizon = counters.find(({ name }) => name === "horizon")?.value ?? 0;
    this.#changes = totals?.changes ?? 0;
    this.#bytes = totals?.bytes ?? 0;
  }

  /** The version of the latest change. */
  get version(): number {
    return this.#version;
  }

  /** The oldest version that can still be watched from or listed at. */
  get horizon(): number {
    return this.#horizon;
  }

  /** @returns what puts the counters back to where they are now: for a transaction that is rolled back. */
  mark(): () => void {
    const [version, horizon, changes, bytes] = [this.#version, this.#horizon, this.#changes, this.#bytes];
    return () => {
      this.#version = version;
      this.#horizon = horizon;
      this.#changes = changes;
      this.#bytes = bytes;
    };
  }

  /** @returns the version of the next change; it only rises. */
  nextVersion(): number {
    this.#version += 1;
    this.#setCounter.run(this.#version, "version");
    return this.#version;
  }

  /** Adds a change, in the caller's transaction, and forgets old ones beyond the bounds. */
  append(change: Change): void {
    const { version, kind, namespace, name, type, object, previous } = change;
    const bytes = Buffer.byteLength(object) + Buffer.byteLength(previous ?? "");
    this.#append.run(version, kind, namespace, name, type, bytes, object, previous);
    this.#changes += 1;
    this.#bytes += bytes;
    this.#prune();
  }

  /** @returns the next changes of a kind after a version, at most a page but at least one; empty when there are none yet. */
  after(kind: KindName, version: number): Change[] {
    const page: Change[] = [];
    let left = PAGE.bytes;
    for (const { bytes, ...change } of this.#after.iterate(kind, version, PAGE.changes)) {
      page.push(change);
      left -= bytes;
      if (left <= 0) break;
    }
    return page;
  }

  /** @returns what each object of a kind that changed after the version was at it (null: it was not), sorted by namespace and name. */
  undo(kind: KindName, version: number): { namespace: string; name: string; previous: string | null }[] {
    return this.#undo.all(kind, version);
  }

  /** An eighth beyond the bounds is tolerated, so that forgetting is rare and in bulk. */
  #prune(): void {
    const { changes, bytes } = this.#retention;
    const slack = 9 / 8;
    if (this.#changes <= changes * slack && this.#bytes <= bytes * slack) return;
    let last: number | undefined;
    for (const row of this.#oldest.all(this.#changes)) {
      if (this.#changes <= changes && this.#bytes <= bytes) break;
      this.#changes -= 1;
      this.#bytes -= row.bytes;
      last = row.version;
    }
    if (last === undefined) return;
    this.#forget.run(last);
    this.#horizon = last;
    this.#setCounter.run(last, "horizon");
  }
}
