import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** Another gateway holds the state folder, or it cannot be used. */
export class StateLockError extends Error {
  readonly code = "ERR_STATE_LOCK";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StateLockError";
  }
}

/**
 * Makes the state folder (0700) and locks it for this process, until it ends, by whatever way: the lock is SQLite's,
 * which is the kernel's record lock (fcntl) and not a file that stays behind.
 *
 * @returns the lock, for `release`.
 * @throws StateLockError with the remedy.
 */
export function lockState(state: string): { release(): void } {
  let file: Database | undefined;
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    file = new Database(join(state, "lock"));
    file.run("PRAGMA locking_mode = EXCLUSIVE");
    file.run("BEGIN EXCLUSIVE");
  } catch (error) {
    file?.close();
    const busy = error instanceof Error && "code" in error && error.code === "SQLITE_BUSY";
    const message = busy
      ? `--state: another gateway runs on "${state}"; end it, or give this one a folder of its own`
      : `--state: "${state}" cannot be used: ${error instanceof Error ? error.message : error}; let this user write there`;
    throw new StateLockError(message, { cause: error });
  }
  const held = file;
  return { release: () => held.close() };
}
