/** A folder of downloaded files, each known by the digest that a file of this repository states for it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** Where downloads are kept: below `node_modules`, so that a fresh checkout starts with none. */
export function cacheFolder(root: string): string {
  const folder = join(root, "node_modules", ".cache", "clusterlink");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Runs a program and waits for its end.
 *
 * @returns what it wrote to standard output.
 * @throws {Error} with what it wrote to standard error when it fails.
 */
export function runProgram(command: string[], cwd: string): string {
  const result = Bun.spawnSync(command, { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (!result.success) throw new Error(`${command.join(" ")}: ${result.stderr.toString().trim()}`);
  return result.stdout.toString();
}
