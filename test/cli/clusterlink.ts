/** Runs the command line from source, as a user would. */
import { join } from "node:path";

export const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");

export interface Run {
  code: number;
  out: string;
  err: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
}

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
export async function clusterlink(args: string[], options: RunOptions = {}): Promise<Run> {
  const child = Bun.spawn(command(...args), {
    cwd: options.cwd ?? process.cwd(),
    env: { ...cleanEnvironment(), ...options.env },
    stdin: new Blob([options.stdin ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}
