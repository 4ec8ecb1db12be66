/** Integers (big endian) and strings (2 bytes length, UTF-8) as the messages of `clusterlink/2` hold them. */
import { ProtocolError } from "./errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Collects the fields of one payload. */
export class PayloadWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(sizeHint = 256) {
    this.#bytes = new Uint8Array(sizeHint);
  }

  u8(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value & 0xff);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  /** @throws RangeError for a string of more than 65,535 bytes. */
  text(value: string): this {
    const bytes = encoder.encode(value);
    if (bytes.length > 0xffff) throw new RangeError(`a string of ${bytes.length} bytes does not fit`);
    return this.u16(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** @returns the payload; the writer must not be used after it. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Reads the fields of one payload. Every method throws ProtocolError where the payload is too short or no UTF-8. */
export class PayloadReader {
  #at = 0;

  constructor(readonly payload: Uint8Array) {}

  u8(): number {
    const value = this.payload[this.#at];
    if (value === undefined) throw new ProtocolError("a message is cut off");
    this.#at += 1;
    return value;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  text(): string {
    const length = this.u16();
    const start = this.#at;
    if (start + length > this.payload.length) throw new ProtocolError("a message is cut off");
    this.#at = start + length;
    try {
      return decoder.decode(this.payload.subarray(start, this.#at));
    } catch {
      throw new ProtocolError("a message holds text that is not UTF-8");
    }
  }

  /** @throws ProtocolError when anything is left. */
  finish(): void {
    if (this.#at !== this.payload.length) throw new ProtocolError("a message has bytes after its end");
  }
}
