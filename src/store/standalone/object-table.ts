/** The objects, and the changes that writing them makes. Every method that writes runs in its caller's transaction. */
import type { Database, Statement } from "bun:sqlite";
import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import type { Change, History } from "./history.ts";

export interface Row<K extends KindName = KindName> {
  object: ResourceOf<K>;
  /** The object as it is stored. */
  text: string;
  /** The manifest file that it belongs to. */
  origin: string | null;
}

export interface Place {
  namespace: string;
  name: string;
}

export interface Owned extends Place {
  kind: KindName;
  origin: string;
}

/** How many rows a list reads at once, at most. */
const BATCH = 500;

export class ObjectTable {
  readonly #history: History;
  readonly #get: Statement<{ object: string; origin: string | null }, [string, string, string]>;
  readonly #page: Statement<Place & { object: string }, [string, string, string, number]>;
  readonly #count: Statement<{ count: number }, [string, string, string, string | null]>;
  readonly #owned: Statement<Owned, []>;
  readonly #namespaces: Statement<{ namespace: string }, []>;
  readonly #insert: Statement<unknown, [string, string, string, string | null, string]>;
  readonly #replace: Statement<unknown, [string, string, string, string]>;
  readonly #setOrigin: Statement<unknown, [string | null, string, string, string]>;
  readonly #remove: Statement<unknown, [string, string, string]>;
  #changes: Change[] = [];

  constructor(database: Database, history: History) {
    this.#history = history;
    const where = "WHERE kind = ? AND namespace = ? AND name = ?";
    this.#get = database.query(`SELECT object, origin FROM objects ${where}`);
    this.#page = database.query(
      "SELECT namespace, name, object FROM objects WHERE kind = ? AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?",
    );
    this.#count = database.query(
      "SELECT count(*) AS count FROM objects WHERE kind = ? AND (namespace, name) > (?, ?) AND namespace = coalesce(?, namespace)",
    );
    this.#owned = database.query(
      "SELECT kind, namespace, name, origin FROM objects WHERE origin IS NOT NULL ORDER BY kind, namespace, name",
    );
    this.#namespaces = database.query("SELECT DISTINCT namespace FROM objects WHERE namespace <> ''");
    this.#insert = database.query("INSERT INTO objects (kind, namespace, name, origin, object) VALUES (?, ?, ?, ?, ?)");
    this.#replace = database.query(`UPDATE objects SET object = ? ${where}`);
    this.#setOrigin = database.query(`UPDATE objects SET origin = ? ${where}`);
    this.#remove = database.query(`DELETE FROM objects ${where}`);
  }

  /** @returns the object at that place; each call parses a copy of its own. */
  read<K extends KindName>(kind: K, namespace: string, name: string): Row<K> | undefined {
    const row = this.#get.get(kind, namespace, name);
    if (!row) return undefined;
    const object: ResourceOf<K> = JSON.parse(row.object);
    return { object, text: row.object, origin: row.origin };
  }

  /** The objects of a kind after a place, sorted by namespace and name, as texts; `wanted` is how many will do. */
  *scan(kind: KindName, after: Place, wanted: number): Generator<Place & { object: string }> {
    const batch = Math.min(BATCH, wanted);
    let from = after;
    for (;;) {
      const rows = this.#page.all(kind, from.namespace, from.name, batch);
      yield* rows;
      const last = rows.at(-1);
      if (!last || rows.length < batch) return;
      from = last;
    }
  }

  /** @returns how many objects of a kind are after a place, in one namespace or in all. */
  count(kind: KindName, namespace: string | undefined, after: Place): number {
    return this.#count.get(kind, after.namespace, after.name, namespace ?? null)?.count ?? 0;
  }

  /** @returns where the objects of manifest files are. */
  owned(): Owned[] {
    return this.#owned.all();
  }

  /** @returns the namespaces that objects are in. */
  namespaces(): string[] {
    return this.#namespaces.all().map(({ namespace }) => namespace);
  }

  /** Adds an object and gives it its version. */
  insert<K extends KindName>(kind: K, object: ResourceOf<K>, origin: string | null): ResourceOf<K> {
    const { stamped, text, place } = this.#stamp(object);
    this.#insert.run(kind, place.namespace, place.name, origin, text);
    this.#note({ ...place, kind, type: "ADDED", object: text, previous: null }, stamped);
    return stamped;
  }

  /** Puts an object in the place of its row and gives it a new version. */
  replace<K extends KindName>(kind: K, row: Row<K>, object: ResourceOf<K>): ResourceOf<K> {
    const { stamped, text, place } = this.#stamp(object);
    this.#replace.run(text, kind, place.namespace, place.name);
    this.#note({ ...place, kind, type: "MODIFIED", object: text, previous: row.text }, stamped);
    return stamped;
  }

  /** Takes the row's object away; `last` is its last state. */
  remove<K extends KindName>(kind: K, row: Row<K>, last: ResourceOf<K>): ResourceOf<K> {
    const { stamped, text, place } = this.#stamp(last);
    this.#remove.run(kind, place.namespace, place.name);
    this.#note({ ...place, kind, type: "DELETED", object: text, previous: row.text }, stamped);
    return stamped;
  }

  /** Gives an object to a manifest file, or (null) to the API. This is no change of the object. */
  setOrigin(kind: KindName, place: Place, origin: string | null): void {
    this.#setOrigin.run(origin, kind, place.namespace, place.name);
  }

  /** @returns the changes since the last call. */
  takeChanges(): Change[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #stamp<K extends KindName>(object: ResourceOf<K>): { stamped: ResourceOf<K>; text: string; place: Place } {
    const resourceVersion = String(this.#history.nextVersion());
    const stamped: ResourceOf<K> = { ...object, metadata: { ...object.metadata, resourceVersion } };
    const { namespace = "", name } = stamped.metadata;
    return { stamped, text: JSON.stringify(stamped), place: { namespace, name } };
  }

  #note(change: Omit<Change, "version">, stamped: { metadata: { resourceVersion: string } }): void {
    const noted = { ...change, version: Number(stamped.metadata.resourceVersion) };
    this.#history.append(noted);
    this.#changes.push(noted);
  }
}
