/**
 * Closes the variables by which Bun lets an environment turn a compiled executable into something else.
 *
 * No build option does that. So the names that Bun looks up are changed in its executable into names that contain `=`,
 * which no variable's name can (POSIX.1-2017, 8.1): whatever the environment holds, the look-up finds nothing.
 */

/** What each of them would do: be Bun itself, take options (a module to run first, among them), open a debugger. */
export const SEALED_VARIABLES = [
  "BUN_BE_BUN",
  "BUN_OPTIONS",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_PRELOAD",
] as const;

/**
 * Seals Bun's executable for Linux in place.
 *
 * @throws {Error} when a name is not there exactly once as a whole C string: this Bun differs from the one that this
 * was written for, and must be looked at again.
 */
export function sealRuntime(executable: Uint8Array): void {
  const bytes = Buffer.from(executable.buffer, executable.byteOffset, executable.byteLength);
  for (const name of SEALED_VARIABLES) {
    const text = `\0${name}\0`;
    const at = bytes.indexOf(text, 0, "latin1");
    if (at < 0) throw new Error(`Bun's executable does not look up ${name} as expected; see packaging/seal.ts`);
    if (bytes.indexOf(text, at + 1, "latin1") >= 0)
      throw new Error(`Bun's executable has ${name} twice; see packaging/seal.ts`);
    bytes[at + 1] = "=".charCodeAt(0);
  }
}
