import { FrameType, frame, HEADER_SIZE, MAX_DATA, writeHeader } from "../wire/frames.ts";
import { type RelaySocket, writeSome } from "./socket.ts";
import { WriteQueue } from "./write-queue.ts";

/** Up to this size a payload is copied behind its header and written in one go; above it the copy would cost more. */
const COPY_LIMIT = 16 * 1024;
/** Answers to PING that may wait to be written. */
const MAX_WAITING_PONGS = 4;

const scratch = new Uint8Array(HEADER_SIZE + COPY_LIMIT);
const header = new Uint8Array(HEADER_SIZE);

/** Writes whole frames to a socket, in order, and keeps what the socket does not take at once. */
export class FrameWriter {
  readonly #queue = new WriteQueue();
  #waitingPongs = 0;

  constructor(private readonly socket: RelaySocket) {}

  /** Whether everything has been taken by the socket. */
  get drained(): boolean {
    return this.#queue.empty;
  }

  /** Writes or queues a whole frame, which must not change afterwards. */
  frame(bytes: Uint8Array): void {
    this.#write(bytes);
  }

  /** Writes or queues DATA frames of the chunk, without copying what is large. @returns whether all of it was taken. */
  data(chunk: Uint8Array): boolean {
    if (chunk.length <= COPY_LIMIT && this.#queue.empty) return this.#copied(chunk);
    for (let at = 0; at < chunk.length; at += MAX_DATA) {
      const part = chunk.length <= MAX_DATA ? chunk : chunk.subarray(at, at + MAX_DATA);
      writeHeader(header, 0, FrameType.data, part.length);
      this.#write(header, true);
      this.#write(part);
    }
    return this.#queue.empty;
  }

  /** Answers a PING. @returns false when too many answers are waiting already. */
  pong(payload: Uint8Array): boolean {
    if (!this.drained && ++this.#waitingPongs > MAX_WAITING_PONGS) return false;
    this.frame(frame(FrameType.pong, payload));
    return true;
  }

  /** Goes on writing. @returns whether everything has been taken. */
  flush(): boolean {
    if (!this.#queue.flush(this.socket)) return false;
    this.#waitingPongs = 0;
    return true;
  }

  clear(): void {
    this.#queue.clear();
  }

  #copied(chunk: Uint8Array): boolean {
    const length = HEADER_SIZE + chunk.length;
    writeHeader(scratch, 0, FrameType.data, chunk.length);
    scratch.set(chunk, HEADER_SIZE);
    const count = writeSome(this.socket, scratch, length);
    if (count === length) return true;
    this.#queue.push(scratch.slice(count, length));
    return false;
  }

  #write(bytes: Uint8Array, reused = false): void {
    let count = 0;
    if (this.#queue.empty) {
      count = writeSome(this.socket, bytes);
      if (count === bytes.length) return;
    }
    this.#queue.push(reused ? bytes.slice(count) : bytes.subarray(count));
  }
}
