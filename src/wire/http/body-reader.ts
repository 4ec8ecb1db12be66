/** Collects the body of a message from chunks of any size, up to a limit. */
import { PayloadWriter } from "../bytes.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { HttpFault } from "./errors.ts";
import type { BodyFraming } from "./framing.ts";

/** The largest body, in bytes. */
export const MAX_BODY = 64 * 1024;

/** Reads one body. */
export class BodyReader {
  readonly #framing: BodyFraming;
  readonly #limit: number;
  readonly #chunked: ChunkedDecoder;
  readonly #begun = new PayloadWriter();
  #length = 0;

  /** @throws HttpFault 413 when the announced length is above the limit. */
  constructor(framing: BodyFraming, limit = MAX_BODY) {
    if (framing.type === "length" && framing.length > limit) throw tooLarge(limit);
    this.#framing = framing;
    this.#limit = limit;
    this.#chunked = new ChunkedDecoder(limit);
  }

  /**
   * Takes bytes up to the end of the body; what is left of `chunk` belongs to the next message. A message without a
   * body is complete with the first call, be the chunk empty.
   *
   * @throws HttpFault 413 above the limit, 400 for malformed chunks.
   */
  push(chunk: Uint8Array): { consumed: number; body?: Uint8Array } {
    switch (this.#framing.type) {
      case "none":
        return { consumed: 0, body: new Uint8Array() };
      case "length": {
        const taken = chunk.subarray(0, this.#framing.length - this.#length);
        this.#keep(taken);
        const done = this.#length === this.#framing.length;
        return done ? { consumed: taken.length, body: this.#begun.done() } : { consumed: taken.length };
      }
      case "chunked": {
        const { consumed, done } = this.#chunked.push(chunk, (data) => this.#keep(data));
        return done ? { consumed, body: this.#begun.done() } : { consumed };
      }
      case "until-close":
        if (this.#length + chunk.length > this.#limit) throw tooLarge(this.#limit);
        this.#keep(chunk);
        return { consumed: chunk.length };
    }
  }

  #keep(data: Uint8Array): void {
    this.#begun.raw(data);
    this.#length += data.length;
  }
}

function tooLarge(limit: number): HttpFault {
  return new HttpFault(413, `the body is larger than ${limit} bytes`);
}
