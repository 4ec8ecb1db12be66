import { randomBytes, randomUUID } from "node:crypto";
import { link, open, readFile, rm } from "node:fs/promises";

const KEY_BYTES = 32;

/** The key file is there but unusable. */
export class TokenKeyError extends Error {
  readonly code = "TokenKey";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TokenKeyError";
  }
}

/**
 * Reads the signing key of the API tokens, making it first where it is missing. The file has mode 0600 from its first
 * instant and appears whole or not at all; of several processes that start at once, all get the same key.
 * @throws {TokenKeyError} where the file cannot be read or made, or holds no key
 */
export async function loadTokenKey(path: string): Promise<Uint8Array> {
  try {
    return await readKey(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw wrap(path, error);
  }
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(randomBytes(KEY_BYTES).toString("base64"));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path).catch((error: unknown) => {
      if (!hasCode(error, "EEXIST")) throw error;
    });
    return await readKey(path);
  } catch (error) {
    throw wrap(path, error);
  } finally {
    await rm(draft, { force: true });
  }
}

async function readKey(path: string): Promise<Uint8Array> {
  const key = Buffer.from(await readFile(path, "utf8"), "base64");
  if (key.length < KEY_BYTES) {
    throw new TokenKeyError(`${path} holds no token key; remove it, and a new one is made (issued tokens end then)`);
  }
  return key;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function wrap(path: string, cause: unknown): TokenKeyError {
  if (cause instanceof TokenKeyError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TokenKeyError(`cannot use the token key ${path}: ${why}`, { cause });
}
