/** Collects the bytes of a head from chunks of any size. */
import { PayloadWriter } from "../bytes.ts";
import { HttpFault } from "./errors.ts";

/** The largest head, its empty line included, in bytes. */
export const MAX_HEAD = 64 * 1024;

const CR = 0x0d;
const LF = 0x0a;

/**
 * Finds the empty line that ends a head, looking at each byte once. A LF without CR is refused where it stands: other
 * readers end a line or a head there (RFC 9112 section 2.2 leaves it to each).
 */
export class HeadReader {
  /** What has come of a head that is not whole. Copied: a chunk for each byte would hold far more than the limit. */
  #begun: PayloadWriter | undefined;
  #length = 0;
  /** Bytes of the line that is not finished, its CR included. */
  #line = 0;
  #last = 0;

  /** Whether a head has begun and not ended. */
  get started(): boolean {
    return this.#length > 0;
  }

  /**
   * Takes bytes up to the end of the head, and is ready for the next head then. It may keep `chunk` and hand out parts
   * of it: the caller must not write to it afterwards.
   *
   * @throws HttpFault 431 for a head of more than {@link MAX_HEAD} bytes, 400 for a LF without CR or an empty line
   * where the first one should be.
   */
  push(chunk: Uint8Array): { consumed: number; head?: Uint8Array } {
    const room = chunk.subarray(0, MAX_HEAD - this.#length);
    let from = 0;
    for (let at = room.indexOf(LF); at !== -1; at = room.indexOf(LF, from)) {
      const before = at > 0 ? room[at - 1] : this.#last;
      if (before !== CR) throw new HttpFault(400, "a line ends with LF alone");
      const length = this.#line + at - from - 1;
      from = at + 1;
      this.#line = 0;
      if (length > 0) continue;
      if (this.#length + from === 2) throw new HttpFault(400, "the head starts with an empty line");
      return { consumed: from, head: this.#finish(room.subarray(0, from)) };
    }
    if (chunk.length > 0 && this.#length + room.length === MAX_HEAD) {
      throw new HttpFault(431, `the head is larger than ${MAX_HEAD} bytes`);
    }
    if (room.length > 0) {
      this.#begun ??= new PayloadWriter(1024);
      this.#begun.raw(room);
      this.#length += room.length;
      this.#line += room.length - from;
      this.#last = room[room.length - 1] as number;
    }
    return { consumed: room.length };
  }

  #finish(end: Uint8Array): Uint8Array {
    const head = this.#begun === undefined ? end : this.#begun.raw(end).done();
    this.#begun = undefined;
    this.#length = 0;
    this.#last = 0;
    return head;
  }
}
