import { statSync } from "node:fs";

/** Read by others, or written by anybody but the owner. */
const TOO_OPEN = 0o026;

/** @returns the mode of a private key's file, such as `0644`, when it is open to others; a group may read it. */
export function tooOpenMode(file: string): string | undefined {
  const mode = (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
  return (mode & TOO_OPEN) === 0 ? undefined : `0${mode.toString(8).padStart(3, "0")}`;
}
