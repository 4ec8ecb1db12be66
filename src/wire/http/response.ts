/** Reading responses: their heads, interim ones left out. */
import { HttpFault } from "./errors.ts";
import { type Fields, parseFields } from "./fields.ts";
import { type BodyFraming, type HttpVersion, responseFraming } from "./framing.ts";
import { HeadReader } from "./head-reader.ts";
import { headLines, keepsAlive } from "./request.ts";

export interface ResponseHead {
  status: number;
  version: HttpVersion;
  fields: Fields;
  framing: BodyFraming;
  /** Whether another request may be sent on this connection after the body. */
  keepAlive: boolean;
}

/** The reason is optional with its space: some servers leave both out. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;

/** How many interim (1xx) responses may precede one answer. */
const MAX_INTERIM = 8;

/** Reads the head of the answer to one request after the other. */
export class ResponseParser {
  readonly #reader = new HeadReader();
  #interim = 0;

  /**
   * Takes bytes up to the end of the head; what is left of `chunk` belongs to the body, or after a 2xx answer to CONNECT
   * to the tunnel. It may keep `chunk`: the caller must not write to it afterwards.
   *
   * @param method of the request that is answered
   * @throws HttpFault; the parser must not be used after it.
   */
  push(chunk: Uint8Array, method: string): { consumed: number; head?: ResponseHead } {
    let consumed = 0;
    for (;;) {
      const rest = chunk.subarray(consumed);
      if (!this.#reader.started && rest.length > 0 && rest[0] !== 0x48)
        throw new HttpFault(400, "this is no HTTP response");
      const read = this.#reader.push(rest);
      consumed += read.consumed;
      if (read.head === undefined) return { consumed };
      const head = parseResponseHead(read.head, method);
      if (head.status >= 200) {
        this.#interim = 0;
        return { consumed, head };
      }
      this.#interim++;
      if (head.status === 101 || this.#interim > MAX_INTERIM)
        throw new HttpFault(400, "an unexpected interim response");
    }
  }
}

/**
 * @param raw a whole head, its empty line included
 * @param method of the request that is answered
 * @throws HttpFault
 */
export function parseResponseHead(raw: Uint8Array, method: string): ResponseHead {
  const [line = "", ...lines] = headLines(raw);
  const [, minor, digits] = STATUS_LINE.exec(line) ?? [];
  if (digits === undefined) throw new HttpFault(400, "the status line is malformed");
  const version = minor === "1" ? "1.1" : "1.0";
  const status = Number(digits);
  const fields = parseFields(lines);
  const framing = responseFraming(method, status, version, fields);
  return { status, version, fields, framing, keepAlive: framing.type !== "until-close" && keepsAlive(version, fields) };
}
