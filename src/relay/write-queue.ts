import { append } from "./chunks.ts";
import { type RelaySocket, writeSome } from "./socket.ts";

/**
 * What a socket has not taken yet. Bun's `write` takes what fits and buffers nothing, so the rest waits here, in order.
 * The giver is paused meanwhile, so at most a read or two are held.
 */
export class WriteQueue {
  #chunks: Uint8Array[] = [];

  get empty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Queues bytes, which must not change afterwards. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) append(this.#chunks, bytes);
  }

  /** Writes what the socket takes. @returns whether the queue is empty now. */
  flush(socket: RelaySocket): boolean {
    let done = 0;
    for (const chunk of this.#chunks) {
      const count = writeSome(socket, chunk, 0, chunk.length);
      if (count < chunk.length) {
        this.#chunks[done] = chunk.subarray(count);
        break;
      }
      done += 1;
    }
    if (done > 0) this.#chunks = this.#chunks.slice(done);
    return this.empty;
  }

  clear(): void {
    this.#chunks = [];
  }
}
