/** Reads the objects that `-f FILE|DIR|-` names. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "./errors.ts";
import type { ResourceManifest } from "./manifest.ts";
import { manifestsOf } from "./manifest.ts";
import { errorCode } from "./server.ts";

/** What a file gave: its objects, or why it gave none. */
export type ReadResult = { source: string; manifests: ResourceManifest[] } | { source: string; error: string };

/** Adds the repeatable `-f` option. */
export function collectFile(file: string, files: string[] | undefined): string[] {
  return [...(files ?? []), file];
}

/**
 * Reads every file: a folder gives its `.yaml`, `.yml` and `.json` files in the order of their names, `-` standard
 * input. One broken file spoils none of the others.
 *
 * Throws when a path that the user named cannot be read at all.
 */
export async function readManifests(paths: readonly string[]): Promise<ReadResult[]> {
  const results: ReadResult[] = [];
  for (const file of paths.flatMap(expand)) results.push(await readOne(file));
  return results;
}

function expand(path: string): string[] {
  if (path === "-") return [path];
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name));
    if (files.length === 0) throw new CliError("input", `folder '${path}' has no .yaml, .yml or .json file`);
    return files.sort().map((name) => join(path, name));
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError("input", `'${path}' ${unreadable(cause)}`, { cause });
  }
}

function unreadable(cause: unknown): string {
  const code = errorCode(cause);
  const remedy = { ENOENT: ": check the path", EACCES: ": this user may not read it" }[code] ?? "";
  return `cannot be read (${code})${remedy}`;
}

async function readOne(file: string): Promise<ReadResult> {
  const source = file === "-" ? "standard input" : file;
  let text: string;
  try {
    text = file === "-" ? await Bun.stdin.text() : await Bun.file(file).text();
  } catch (error) {
    return { source, error: unreadable(error) };
  }
  try {
    return { source, manifests: manifestsOf(text) };
  } catch (error) {
    return { source, error: error instanceof Error ? error.message : String(error) };
  }
}
