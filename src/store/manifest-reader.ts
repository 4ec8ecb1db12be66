/** Reads a folder of manifest files: which files count, how large they may be, and whether they are at rest. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ManifestDefaults, parseManifest } from "./manifest-text.ts";
import type { ManifestFile } from "./standalone/apply.ts";

/** Upper bounds of a folder: its files, the bytes of each, and of all together. */
export const MANIFEST_LIMITS = { files: 1000, bytes: 4 * 1024 * 1024, total: 32 * 1024 * 1024 } as const;

export interface FolderContent {
  files: ManifestFile[];
  /** What is wrong with single files, for people. */
  problems: string[];
}

/**
 * @returns a text that changes when the folder's manifest files do: in name, content's time, size, or the file that a
 * link points to.
 * @throws when the folder cannot be read, or holds more files than {@link MANIFEST_LIMITS}
 */
export async function fingerprint(directory: string): Promise<string> {
  const marks = (await manifestNames(directory)).map(async (name) => {
    try {
      const { dev, ino, size, mtimeNs, mode } = await stat(join(directory, name), { bigint: true });
      return [name, dev, ino, size, mtimeNs, mode].join(":");
    } catch (error) {
      return `${name}:${codeOf(error)}`;
    }
  });
  return (await Promise.all(marks)).join("\n");
}

/**
 * Reads every manifest file: `.yaml`, `.yml` and `.json`, links followed, hidden files and subfolders left out.
 *
 * @throws as {@link fingerprint}, and when the files are larger together than {@link MANIFEST_LIMITS}
 */
export async function readFolder(directory: string, defaults: ManifestDefaults): Promise<FolderContent> {
  const content: FolderContent = { files: [], problems: [] };
  let total = 0;
  for (const name of await manifestNames(directory)) {
    const read = await readManifest(join(directory, name), name, defaults);
    if (read === "folder") continue;
    if (read === "empty") {
      content.files.push({ path: name, objects: undefined, empty: true });
      continue;
    }
    total += read.ok ? read.size : 0;
    if (total > MANIFEST_LIMITS.total) throw new Error(`holds more than ${MANIFEST_LIMITS.total} bytes of manifests`);
    content.files.push({ path: name, objects: read.ok ? read.objects : undefined });
    if (!read.ok) content.problems.push(...read.problems.map((problem) => `${name}: ${problem}`));
  }
  return content;
}

async function readManifest(path: string, name: string, defaults: ManifestDefaults) {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return "folder" as const;
    if (!found.isFile()) return broken("is no regular file");
    if (found.size > MANIFEST_LIMITS.bytes) return broken(`is larger than ${MANIFEST_LIMITS.bytes} bytes; split it`);
    if (found.size === 0) return "empty" as const;
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
    const size = found.size;
    return { size, ...parseManifest(text, name.endsWith(".json") ? "json" : "yaml", defaults) };
  } catch (error) {
    return broken(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function broken(problem: string): { ok: false; problems: string[] } {
  return { ok: false, problems: [problem] };
}

async function manifestNames(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith(".") && /\.(ya?ml|json)$/.test(name));
  if (names.length > MANIFEST_LIMITS.files) throw new Error(`holds more than ${MANIFEST_LIMITS.files} manifest files`);
  return names.sort();
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
}
