/** From this size on, in bytes, a chunk is worth the microsecond that it takes to give it back. */
const LARGE = 32 * 1024;

/**
 * Gives the memory of a large chunk back, which has come from a socket and which nobody holds a view of: it is empty
 * afterwards. The next chunk finds that memory still in the processor's caches, and not only after a collection.
 */
export function giveBack(chunk: Uint8Array): void {
  if (chunk.length >= LARGE) (chunk.buffer as ArrayBuffer).transfer(0);
}

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
