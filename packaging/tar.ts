/** Writes tar archives (POSIX.1-1988 ustar) that are equal byte for byte whenever their entries are equal. */

/** A file in an archive. */
export interface FileEntry {
  readonly kind: "file";
  readonly path: string;
  readonly data: Uint8Array;
  readonly mode: number;
  readonly owner?: number;
}

/** One member of an archive. Paths are relative and without a trailing slash. */
export type TarEntry =
  | FileEntry
  | { readonly kind: "directory"; readonly path: string; readonly mode: number; readonly owner?: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const BLOCK = 512;
const encoder = new TextEncoder();

/**
 * Writes an archive: members sorted by path, modification time 0, no user names, the group equal to the owner (0 by default).
 *
 * @throws {Error} when a path is longer than ustar can hold, absolute, or there twice.
 */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts: Uint8Array[] = [];
  let previous: string | undefined;
  for (const entry of sorted) {
    if (entry.path === previous) throw new Error(`${entry.path}: twice in one archive`);
    previous = entry.path;
    parts.push(header(entry));
    if (entry.kind === "file") parts.push(entry.data, new Uint8Array(-entry.data.length & (BLOCK - 1)));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Uint8Array(Bun.concatArrayBuffers(parts));
}

function header(entry: TarEntry): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const { name, prefix } = splitPath(entry.kind === "directory" ? `${entry.path}/` : entry.path);
  const owner = entry.kind === "link" ? 0 : (entry.owner ?? 0);
  text(block, 0, 100, name);
  octal(block, 100, 8, entry.kind === "link" ? 0o777 : entry.mode);
  octal(block, 108, 8, owner);
  octal(block, 116, 8, owner);
  octal(block, 124, 12, entry.kind === "file" ? entry.data.length : 0);
  octal(block, 136, 12, 0);
  text(block, 148, 8, "        ");
  text(block, 156, 1, { file: "0", link: "2", directory: "5" }[entry.kind]);
  if (entry.kind === "link") text(block, 157, 100, entry.target);
  text(block, 257, 8, "ustar\x0000");
  octal(block, 329, 8, 0);
  octal(block, 337, 8, 0);
  text(block, 345, 155, prefix);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(block, 148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** ustar keeps at most 100 bytes of a path, and up to 155 more of it, cut at a slash, in the prefix field. */
function splitPath(path: string): { name: string; prefix: string } {
  if (path.startsWith("/")) throw new Error(`${path}: an archive holds relative paths only`);
  if (encoder.encode(path).length <= 100) return { name: path, prefix: "" };
  for (let cut = path.indexOf("/"); cut > 0 && cut < path.length - 1; cut = path.indexOf("/", cut + 1)) {
    const name = path.slice(cut + 1);
    const prefix = path.slice(0, cut);
    if (encoder.encode(name).length <= 100 && encoder.encode(prefix).length <= 155) return { name, prefix };
  }
  throw new Error(`${path}: too long for an archive`);
}

function text(block: Uint8Array, at: number, size: number, value: string): void {
  const bytes = encoder.encode(value);
  if (bytes.length > size) throw new Error(`${value}: longer than the ${size} bytes of its field`);
  block.set(bytes, at);
}

function octal(block: Uint8Array, at: number, size: number, value: number): void {
  text(block, at, size, `${value.toString(8).padStart(size - 1, "0")}\0`);
}
