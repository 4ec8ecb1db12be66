import { FrameType, frame, HEADER_SIZE, MAX_DATA, writeHeader } from "../wire/frames.ts";
import { CORK_SIZE, type Corked, cork, giveBack } from "./cork.ts";
import { type RelaySocket, writeSome } from "./socket.ts";
import { WriteQueue } from "./write-queue.ts";

/** Up to this size a payload is copied behind its header and written in one go; above it the copy would cost more. */
const COPY_LIMIT = CORK_SIZE - HEADER_SIZE;
/** Answers to PING that may wait to be written. */
const MAX_WAITING_PONGS = 4;

/** The most that one TLS record holds (RFC 8446, section 5.1). */
const RECORD_SIZE = 16 * 1024;

const header = new Uint8Array(HEADER_SIZE);
const record = new Uint8Array(RECORD_SIZE);
const NOTHING = new Uint8Array(0);

/**
 * Writes whole frames to a socket, in order. Small ones are held until the end of the turn of the event loop and leave
 * together; what the socket does not take is kept.
 */
export class FrameWriter implements Corked {
  readonly #queue = new WriteQueue();
  #held: Uint8Array | undefined;
  #heldLength = 0;
  /** What is held may wait for company for one more turn. */
  #patient = false;
  #waitingPongs = 0;

  constructor(private readonly socket: RelaySocket) {}

  /** Whether the socket has taken everything but what leaves at the end of this turn. */
  get drained(): boolean {
    return this.#queue.empty;
  }

  /**
   * Writes a whole frame, which must not change afterwards.
   *
   * @param patient - it may wait one turn more than others, because something is likely to follow it.
   */
  frame(bytes: Uint8Array, patient = false): void {
    if (!this.#hold(NOTHING, bytes)) {
      this.uncorkNow();
      this.#write(bytes);
    }
    this.#patient = patient;
  }

  /** Writes DATA frames of the chunk, without copying what is large. @returns whether all of it was taken. */
  data(chunk: Uint8Array): boolean {
    this.#patient = false;
    if (chunk.length <= COPY_LIMIT && this.#queue.empty) {
      writeHeader(header, 0, FrameType.data, chunk.length);
      if (this.#hold(header, chunk)) return true;
    }
    this.uncorkNow();
    for (let at = 0; at < chunk.length; at += MAX_DATA) {
      this.#large(chunk.length <= MAX_DATA ? chunk : chunk.subarray(at, at + MAX_DATA));
    }
    return this.#queue.empty;
  }

  /** The header goes with as much of the payload as fills one TLS record; the rest leaves without a copy. */
  #large(payload: Uint8Array): void {
    const beginning = Math.min(payload.length, RECORD_SIZE - HEADER_SIZE);
    writeHeader(record, 0, FrameType.data, payload.length);
    record.set(payload.subarray(0, beginning), HEADER_SIZE);
    this.#write(record.subarray(0, HEADER_SIZE + beginning), true);
    if (beginning < payload.length) this.#write(payload.subarray(beginning));
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

  uncork(): boolean {
    if (this.#patient) {
      this.#patient = false;
      return true;
    }
    this.uncorkNow();
    return false;
  }

  /** Writes what is held without waiting for the end of the turn. */
  uncorkNow(): void {
    const held = this.#held;
    if (held === undefined) return;
    const length = this.#heldLength;
    this.#held = undefined;
    const count = this.#queue.empty ? writeSome(this.socket, held, length) : 0;
    if (count < length) this.#queue.push(held.slice(count, length));
    giveBack(held);
  }

  /** Forgets everything that has not been written. */
  clear(): void {
    this.#queue.clear();
    if (this.#held === undefined) return;
    giveBack(this.#held);
    this.#held = undefined;
  }

  /** @returns whether there was room for both parts among what is held. */
  #hold(head: Uint8Array, body: Uint8Array): boolean {
    const length = head.length + body.length;
    if (this.#held !== undefined && this.#heldLength + length > CORK_SIZE) this.uncorkNow();
    if (length > CORK_SIZE || !this.#queue.empty) return false;
    if (this.#held === undefined) {
      this.#held = cork(this);
      this.#heldLength = 0;
      if (this.#held === undefined) return false;
    }
    this.#held.set(head, this.#heldLength);
    this.#held.set(body, this.#heldLength + head.length);
    this.#heldLength += length;
    return true;
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
