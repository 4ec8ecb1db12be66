/** Digests and lists of them. */

/** @returns the SHA-256 of the bytes in lower-case hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(data).digest("hex");
}

/** @returns a list that `sha256sum --check` reads, sorted by name. */
export function checksumList(files: ReadonlyMap<string, string>): string {
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, digest]) => `${digest}  ${name}\n`)
    .join("");
}
