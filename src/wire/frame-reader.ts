import { ProtocolError } from "./errors.ts";
import { FIRST_EXTENSION, FrameType, HEADER_SIZE, MAX_CONTROL, MAX_DATA } from "./frames.ts";

/** Takes what a {@link FrameReader} finds. */
export interface FrameSink {
  /**
   * A part of the payload of a DATA frame, as soon as it is there: the bytes of `chunk` from `start` to before `end`, at
   * least one.
   * @returns true when nothing of them is kept.
   */
  onPayload(chunk: Uint8Array, start: number, end: number): boolean;
  /** A whole frame of any other known type; the payload is only good until this returns. */
  onFrame(type: FrameType, payload: Uint8Array): void;
  /** Asked between frames: true makes the reader drop the rest of the chunk. */
  readonly stopped: boolean;
}

const NOTHING = new Uint8Array(0);

/**
 * Cuts a byte stream into frames, wherever the chunks are cut. DATA is handed on without being collected or copied;
 * of other frames at most one is held, {@link MAX_CONTROL} bytes at the most.
 */
export class FrameReader {
  readonly #header = new Uint8Array(HEADER_SIZE);
  #headerFilled = 0;
  #type = 0;
  /** Bytes of the present payload that have not come yet; meaningless while the header is incomplete. */
  #missing = 0;
  #inPayload = false;
  #collected: Uint8Array = NOTHING;
  #collectedFilled = 0;
  /** Whether the sink has kept nothing of the present chunk. */
  #free = true;

  /** Whether the stream stands between two frames: an end anywhere else cuts a frame off. */
  get atBoundary(): boolean {
    return this.#headerFilled === 0 && !this.#inPayload;
  }

  /**
   * Takes the next bytes and calls the sink for what they hold.
   * @returns whether nothing of the chunk is kept.
   * @throws ProtocolError on a length or a type that the protocol forbids.
   */
  push(chunk: Uint8Array, sink: FrameSink): boolean {
    let at = 0;
    this.#free = true;
    while (at < chunk.length && !sink.stopped) {
      if (!this.#inPayload) {
        at = this.#readHeader(chunk, at, sink);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#missing);
      this.#missing -= end - at;
      this.#takePayload(chunk, at, end, sink);
      at = end;
    }
    return this.#free;
  }

  #readHeader(chunk: Uint8Array, start: number, sink: FrameSink): number {
    let at = start;
    if (this.#headerFilled === 0 && chunk.length - at >= HEADER_SIZE) {
      this.#begin(chunk, at, sink);
      return at + HEADER_SIZE;
    }
    while (at < chunk.length && this.#headerFilled < HEADER_SIZE) {
      this.#header[this.#headerFilled++] = chunk[at++] as number;
    }
    if (this.#headerFilled === HEADER_SIZE) {
      this.#headerFilled = 0;
      this.#begin(this.#header, 0, sink);
    }
    return at;
  }

  #begin(header: Uint8Array, at: number, sink: FrameSink): void {
    const type = header[at] as number;
    const length = ((header[at + 1] as number) << 16) | ((header[at + 2] as number) << 8) | (header[at + 3] as number);
    if (type < FIRST_EXTENSION && (type < FrameType.hello || type > FrameType.drain)) {
      throw new ProtocolError(`unknown frame type 0x${type.toString(16).padStart(2, "0")}`);
    }
    const longest = type === FrameType.data ? MAX_DATA : MAX_CONTROL;
    if (length > longest) throw new ProtocolError(`frame of ${length} bytes, at most ${longest} are allowed`);
    this.#type = type;
    this.#missing = length;
    this.#inPayload = length > 0;
    if (length === 0 && type !== FrameType.data && type < FIRST_EXTENSION) sink.onFrame(type as FrameType, NOTHING);
  }

  #takePayload(chunk: Uint8Array, start: number, end: number, sink: FrameSink): void {
    const complete = this.#missing === 0;
    this.#inPayload = !complete;
    if (this.#type === FrameType.data) {
      if (!sink.onPayload(chunk, start, end)) this.#free = false;
      return;
    }
    if (this.#type >= FIRST_EXTENSION) return;
    if (complete && this.#collectedFilled === 0) {
      sink.onFrame(this.#type as FrameType, chunk.subarray(start, end));
      return;
    }
    if (this.#collectedFilled === 0) this.#collected = new Uint8Array(end - start + this.#missing);
    this.#collected.set(chunk.subarray(start, end), this.#collectedFilled);
    this.#collectedFilled += end - start;
    if (!complete) return;
    const payload = this.#collected;
    this.#collected = NOTHING;
    this.#collectedFilled = 0;
    sink.onFrame(this.#type as FrameType, payload);
  }
}
