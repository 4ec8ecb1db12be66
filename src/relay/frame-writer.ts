import { FrameType, HEADER_SIZE, MAX_DATA, writeHeader } from "../wire/frames.ts";
import type { Waiting } from "./company.ts";
import { type RelaySocket, writeSome } from "./socket.ts";
import { WriteQueue } from "./write-queue.ts";

/** What one TLS record holds (RFC 8446, section 5.1). */
const RECORD_SIZE = 16 * 1024;
/** Up to that, in bytes, parts are copied together and leave by one write: to copy them costs less than a second write. */
const JOINED_SIZE = 2 * RECORD_SIZE;
/** Answers that may wait to be written. */
const MAX_WAITING_ANSWERS = 4;

const NOTHING = new Uint8Array(0);
const header = new Uint8Array(HEADER_SIZE);
const joined = new Uint8Array(JOINED_SIZE);

/** Writes whole frames to a socket, in order, in as few TLS records as they fit; what it does not take is kept. */
export class FrameWriter implements Waiting {
  readonly #queue = new WriteQueue();
  /** Frames that wait for company. */
  #held: Uint8Array = NOTHING;
  #waitingAnswers = 0;

  constructor(private readonly socket: RelaySocket) {}

  /** Whether the socket has taken everything but frames that wait for company. */
  get drained(): boolean {
    return this.#queue.empty;
  }

  /** Writes a whole frame, which must not change afterwards. */
  frame(bytes: Uint8Array): void {
    this.#write(NOTHING, bytes);
  }

  /**
   * The same for a frame that something is likely to follow: it leaves together with that, or alone when the wait is over.
   *
   * @param wait - calls `leave` in the end.
   */
  frameWithCompany(bytes: Uint8Array, wait: (waiting: Waiting) => void): void {
    if (this.#held.length + bytes.length > RECORD_SIZE) {
      this.frame(bytes);
      return;
    }
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    wait(this);
  }

  /**
   * Writes DATA frames of the bytes from `start` to before `end`, without copying what is large; what is small takes the
   * shortest way.
   * @returns whether all of it was taken.
   */
  data(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    const length = end - start;
    if (this.#held.length === 0 && length <= JOINED_SIZE - HEADER_SIZE) {
      writeHeader(joined, 0, FrameType.data, length);
      joined.set(part(bytes, start, end), HEADER_SIZE);
      this.#put(joined, true, 0, HEADER_SIZE + length);
      return this.#queue.empty;
    }
    for (let at = start; at < end; at += MAX_DATA) {
      const next = Math.min(end, at + MAX_DATA);
      writeHeader(header, 0, FrameType.data, next - at);
      this.#write(header, bytes, at, next);
    }
    return this.#queue.empty;
  }

  /** Counts an answer that is about to be written. @returns false when too many are waiting already. */
  mayAnswer(): boolean {
    return this.drained || ++this.#waitingAnswers <= MAX_WAITING_ANSWERS;
  }

  /** Goes on writing. @returns whether everything has been taken. */
  flush(): boolean {
    if (!this.#queue.flush(this.socket)) return false;
    this.#waitingAnswers = 0;
    return true;
  }

  /** Lets frames that wait for company leave alone. */
  leave(): void {
    if (this.#held.length > 0) this.#write(NOTHING, NOTHING);
  }

  /** Forgets everything that has not been written. */
  clear(): void {
    this.#queue.clear();
    this.#held = NOTHING;
  }

  /**
   * Writes what is held, the head and the body: by one write where that is not too large, else a record that begins with
   * what is small, and the rest without a copy.
   */
  #write(head: Uint8Array, body: Uint8Array, start = 0, end = body.length): void {
    const held = this.#held;
    this.#held = NOTHING;
    const before = held.length + head.length;
    if (before === 0 || before > RECORD_SIZE) {
      this.#put(held, false);
      this.#put(head, true);
      this.#put(body, false, start, end);
      return;
    }
    const length = end - start;
    const copied = length <= JOINED_SIZE - before ? length : RECORD_SIZE - before;
    joined.set(held);
    joined.set(head, held.length);
    joined.set(part(body, start, start + copied), before);
    this.#put(joined, true, 0, before + copied);
    this.#put(body, false, start + copied, end);
  }

  /** `reused`: the bytes will change, so what the socket does not take is copied. */
  #put(bytes: Uint8Array, reused: boolean, start = 0, end = bytes.length): void {
    if (start === end) return;
    const count = this.#queue.empty ? writeSome(this.socket, bytes, start, end) : 0;
    if (count === end - start) return;
    this.#queue.push(reused ? bytes.slice(start + count, end) : bytes.subarray(start + count, end));
  }
}

/** @returns a view of the bytes, where they are not the whole. */
function part(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return end - start === bytes.length ? bytes : bytes.subarray(start, end);
}
