/** The files that `deploy peer` writes beside the peer's certificates instead of applying them. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { ManifestObject } from "../deploy/manifest-object.ts";

/** @returns the objects as one YAML text. */
export function manifestText(objects: readonly ManifestObject[]): string {
  return objects.map((object) => `${Bun.YAML.stringify(JSON.parse(JSON.stringify(object)), null, 2)}\n`).join("---\n");
}

/** Writes a file that only its owner can read, whole or not at all, over what is there. */
export async function writeManifest(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
