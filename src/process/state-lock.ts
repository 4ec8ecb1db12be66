import { Database } from "bun:sqlite";
import { join } from "node:path";
import { makeStateFolder } from "./state-folder.ts";

/** Another gateway holds the state folder, or it cannot be used. */
export class StateLockError extends Error {
  readonly code = "ERR_STATE_LOCK";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StateLockError";
  }
}

/**
 * Makes the state folder, as {@link makeStateFolder} does, and locks it for this process, until it ends, by whatever way:
 * the lock is SQLite's, which is the kernel's record lock (fcntl) and not a file that stays behind.
 *
 * @returns the lock, for `release`, and what people should be warned of.
 * @throws StateLockError with the remedy.
 */
export function lockState(state: string): { warning: string | undefined; release(): void } {
  let file: Database | undefined;
  let warning: string | undefined;
  try {
    const { refusal, ...rest } = makeStateFolder(state);
    if (refusal !== undefined) throw new StateLockError(`--state: ${refusal}`);
    warning = rest.warning;
    file = new Database(join(state, "lock"));
    file.run("PRAGMA locking_mode = EXCLUSIVE");
    file.run("BEGIN EXCLUSIVE");
  } catch (error) {
    file?.close();
    if (error instanceof StateLockError) throw error;
    const busy = error instanceof Error && "code" in error && error.code === "SQLITE_BUSY";
    const message = busy
      ? `--state: another gateway runs on "${state}"; end it, or give this one a folder of its own`
      : `--state: "${state}" cannot be used: ${error instanceof Error ? error.message : error}; let this user write there`;
    throw new StateLockError(message, { cause: error });
  }
  const held = file;
  return { warning, release: () => held.close() };
}
