/** Below this, in bytes, chunks are joined: a view for every byte would hold a hundred times as much as it shows. */
const SMALL = 512;

/**
 * Appends bytes, which must not change afterwards. Chunks that are small together become one, so that what is held is
 * never much more than what was sent, in whatever pieces.
 */
export function append(chunks: Uint8Array[], bytes: Uint8Array): void {
  const last = chunks.at(-1);
  if (last === undefined || last.length + bytes.length > SMALL) chunks.push(bytes);
  else chunks[chunks.length - 1] = Buffer.concat([last, bytes]);
}
