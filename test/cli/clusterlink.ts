/** Runs the command line from source, as a user would. */
import { join } from "node:path";
import { type Completed, type CompletedOptions, completed } from "../completed.ts";

export const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");

/** @returns the words that start the command line from source. */
export function command(...args: string[]): string[] {
  return [process.execPath, MAIN, ...args];
}

/** The environment of the test without what would turn a command elsewhere. */
export function cleanEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("CLUSTERLINK_"));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? ""]));
}

/** Runs one command to its end. */
export function clusterlink(args: string[], options: CompletedOptions = {}): Promise<Completed> {
  return completed(command(...args), { stdin: "", ...options, env: { ...cleanEnvironment(), ...options.env } });
}
