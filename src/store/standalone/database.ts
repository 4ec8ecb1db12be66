/** The SQLite file: opening it safely, its pragmas, its schema and its version. */
import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../errors.ts";

/** The name of the file in the state folder. */
export const DATABASE_FILE = "resources.db";

/** `PRAGMA user_version` of the schema below. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE objects (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    origin TEXT,
    object TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name)
  ) STRICT;
  CREATE INDEX objects_origin ON objects (origin) WHERE origin IS NOT NULL;
  CREATE TABLE history (
    version INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    object TEXT NOT NULL,
    previous TEXT
  ) STRICT;
  CREATE INDEX history_kind ON history (kind, version);
`;

/**
 * Opens the database of a state folder and makes both where they are missing: folder 0700, file 0600 (SQLite gives its
 * companions the mode of the file). A commit is on disk before it returns (WAL with `synchronous=FULL`).
 *
 * @param now - milliseconds since the epoch. The first version of a new store: so a store that was lost and made anew
 * does not repeat the versions of the old one, and watches that rest on those are told to start over.
 * @throws {@link StoreError} `Unavailable` when the file is damaged, unreadable or of a later release
 */
export function openDatabase(directory: string, now: number): Database {
  const path = join(directory, DATABASE_FILE);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
    const database = new Database(path, { strict: true });
    database.run("PRAGMA busy_timeout = 5000");
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = FULL");
    migrate(database, path, now);
    return database;
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError(
      "Unavailable",
      `cannot open the store ${path}: ${reason}; check the folder's owner and mode, or restore the file`,
      {
        cause: error,
      },
    );
  }
}

function migrate(database: Database, path: string, now: number): void {
  const found = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (found === SCHEMA_VERSION) return;
  if (found !== 0) {
    database.close();
    throw new StoreError(
      "Unavailable",
      `the store ${path} has schema ${found}, this release reads ${SCHEMA_VERSION}; use the release that wrote it`,
    );
  }
  database
    .transaction(() => {
      database.run(SCHEMA);
      database.run("INSERT INTO counters (name, value) VALUES ('version', ?), ('horizon', ?)", [now, now]);
      database.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    })
    .immediate();
}
