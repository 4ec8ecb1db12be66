/** The chunked transfer coding (RFC 9112 section 7.1), strict and bounded. */
import { HttpFault } from "./errors.ts";
import { parseFieldLine } from "./fields.ts";

/** The size, and extensions, which are ignored as the RFC demands. */
const CHUNK_LINE = /^([0-9A-Fa-f]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/;

const LF = 0x0a;

type State = "size" | "data" | "data-end" | "trailers" | "done";

/** Decodes one body. */
export class ChunkedDecoder {
  readonly #limit: number;
  #state: State = "size";
  /** The line that is not finished. */
  #line = "";
  #remaining = 0;
  #data = 0;
  /** Bytes that are not data: sizes, extensions, line ends, trailers. */
  #overhead = 0;

  /** @param limit of the data, in bytes; what surrounds them may have as many again. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param keep gets the data piece by piece
   * @returns how much of `chunk` belongs to the body, and whether the body has ended.
   * @throws HttpFault 400 where it is malformed, 413 above the limit.
   */
  push(chunk: Uint8Array, keep: (data: Uint8Array) => void): { consumed: number; done: boolean } {
    let at = 0;
    while (at < chunk.length && this.#state !== "done") {
      if (this.#state === "data") {
        const data = chunk.subarray(at, at + this.#remaining);
        keep(data);
        at += data.length;
        this.#remaining -= data.length;
        if (this.#remaining === 0) this.#state = "data-end";
        continue;
      }
      const lf = chunk.indexOf(LF, at);
      const end = lf === -1 ? chunk.length : lf + 1;
      this.#take(chunk.subarray(at, end));
      at = end;
      if (lf !== -1) this.#endLine();
    }
    return { consumed: at, done: this.#state === "done" };
  }

  #take(part: Uint8Array): void {
    this.#overhead += part.length;
    if (this.#overhead > this.#limit)
      throw new HttpFault(413, "the chunks' sizes, extensions and trailers are too large");
    this.#line += Buffer.from(part.buffer, part.byteOffset, part.length).toString("latin1");
  }

  #endLine(): void {
    if (!this.#line.endsWith("\r\n")) throw new HttpFault(400, "a line ends with LF alone");
    const line = this.#line.slice(0, -2);
    this.#line = "";
    if (this.#state === "size") this.#startChunk(line);
    else if (this.#state === "data-end") this.#endChunk(line);
    else if (line === "") this.#state = "done";
    else parseFieldLine(line);
  }

  #startChunk(line: string): void {
    const size = CHUNK_LINE.exec(line)?.[1];
    if (size === undefined) throw new HttpFault(400, "a chunk's size is malformed");
    this.#remaining = Number.parseInt(size, 16);
    this.#data += this.#remaining;
    if (this.#data > this.#limit) throw new HttpFault(413, `the body is larger than ${this.#limit} bytes`);
    this.#state = this.#remaining === 0 ? "trailers" : "data";
  }

  #endChunk(line: string): void {
    if (line !== "") throw new HttpFault(400, "a chunk is longer than its size");
    this.#state = "size";
  }
}
