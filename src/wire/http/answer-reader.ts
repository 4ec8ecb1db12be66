/** Reading the whole answer to one request. */
import { BodyReader } from "./body-reader.ts";
import { type ResponseHead, ResponseParser } from "./response.ts";

export interface Answer {
  head: ResponseHead;
  /** Whether the connection can take another request. */
  kept: boolean;
  /** A CONNECT was accepted, and this is what has come of its stream. */
  stream?: Uint8Array;
}

/** Reads the answer to one request. Its body is for people: it is read to its end, and dropped. */
export class AnswerReader {
  readonly #parser = new ResponseParser();
  #head: ResponseHead | undefined;
  #body: BodyReader | undefined;
  #started = false;

  /** @param method of the request */
  constructor(private readonly method: string) {}

  /** Whether a byte of the answer has come. */
  get started(): boolean {
    return this.#started;
  }

  /**
   * Takes all of `chunk`, and may keep it. A body that ends with its connection is not waited for.
   *
   * @returns the answer once it is complete; then the reader is done.
   * @throws HttpFault
   */
  push(chunk: Uint8Array): Answer | undefined {
    this.#started = true;
    let rest = chunk;
    if (this.#head === undefined) {
      const { consumed, head } = this.#parser.push(rest, this.method);
      if (head === undefined) return undefined;
      rest = rest.subarray(consumed);
      if (this.method === "CONNECT" && head.status === 200) return { head, kept: false, stream: rest };
      // No gateway answers so; but what would be said next would be a stream's (RFC 9110 section 9.3.6).
      if (this.method === "CONNECT" && head.status < 300) return { head, kept: false };
      if (head.framing.type === "until-close") return { head, kept: false };
      this.#head = head;
      this.#body = new BodyReader(head.framing);
    }
    const read = this.#body?.push(rest);
    if (read?.body === undefined) return undefined;
    return { head: this.#head, kept: this.#head.keepAlive && read.consumed === rest.length };
  }
}
