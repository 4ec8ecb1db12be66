import { mkdirSync, statSync } from "node:fs";

/** Who else could put files into a state folder; each text names the remedy. */
export interface StateFolderFaults {
  /** It must not be used. */
  refusal?: string;
  /** It may be used, as where a container has it for itself. */
  warning?: string;
}

/**
 * Makes the state folder (0700) where it is missing. Whoever owns a folder, or may write to it, can put files of their own
 * into it, the key of the API's tokens among them, and take the place of the sockets between the gateway's processes.
 *
 * @throws Error of the file system when it cannot be made.
 */
export function makeStateFolder(state: string): StateFolderFaults {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(state);
  const self = process.geteuid?.() ?? uid;
  if (uid !== self && uid !== 0) {
    const remedy = `run 'chown ${self} ${state}', or give another folder`;
    return { refusal: `"${state}" belongs to user ${uid}, who could take the site over; ${remedy}` };
  }
  if ((mode & ANYBODY_WRITES) === 0) return {};
  return { warning: `anybody may write to "${state}" and could take the site over; run 'chmod 0700 ${state}'` };
}

const ANYBODY_WRITES = 0o002;
