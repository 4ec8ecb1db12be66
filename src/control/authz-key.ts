import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

/** Bytes of an HS256 key (RFC 7518 section 3.2: at least as long as the hash). */
const LENGTH = 32;

/**
 * Reads the key that `/authz` tokens are signed with, or makes it: it has to survive a restart, since a token may be
 * shown to the process that comes next. The file is readable for its owner only.
 *
 * @returns base64.
 * @throws when the file cannot be read or written.
 */
export function loadAuthzKey(path: string): string {
  try {
    const text = readFileSync(path, "utf8").trim();
    chmodSync(path, 0o600);
    if (Buffer.from(text, "base64").length === LENGTH) return text;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const text = randomBytes(LENGTH).toString("base64");
  const draft = `${path}.new`;
  const file = openSync(draft, "w", 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(draft, path);
  return text;
}
