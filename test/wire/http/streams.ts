/** Feeding parsers in pieces. */
import { BodyReader } from "../../../src/wire/http/body-reader.ts";
import { HttpFault } from "../../../src/wire/http/errors.ts";
import { type RequestHead, RequestParser } from "../../../src/wire/http/request.ts";

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
export const text = (data: Uint8Array): string => Buffer.from(data).toString("latin1");

export interface ReadRequest {
  head: RequestHead;
  body: string;
}

export interface ReadStream {
  requests: ReadRequest[];
  /** Status and message of the fault that ended it. */
  fault?: string;
  /** Bytes that came after the last request and are no whole one. */
  left: number;
}

/** Reads requests, each with its body, until the chunks or the patience of a parser end. A CONNECT ends it too. */
export function readRequests(chunks: Iterable<Uint8Array>): ReadStream {
  const parser = new RequestParser();
  const requests: ReadRequest[] = [];
  let open: { head: RequestHead; body: BodyReader } | undefined;
  let left = 0;
  try {
    for (const whole of chunks) {
      let chunk = whole;
      for (;;) {
        if (requests.at(-1)?.head.method === "CONNECT") {
          left += chunk.length;
          break;
        }
        if (open === undefined) {
          const { consumed, head } = parser.push(chunk);
          chunk = chunk.subarray(consumed);
          left += consumed;
          if (head === undefined) break;
          open = { head, body: new BodyReader(head.framing) };
        }
        const { consumed, body } = open.body.push(chunk);
        chunk = chunk.subarray(consumed);
        left += consumed;
        if (body === undefined) break;
        requests.push({ head: open.head, body: text(body) });
        open = undefined;
        left = 0;
      }
    }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
    return { requests, fault: `${error.status} ${error.message}`, left };
  }
  return { requests, left };
}

export function* splitAt(data: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
  let from = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    // Copied, as sockets deliver them: nothing may rest on chunks being neighbours in memory.
    yield data.slice(from, Math.max(from, place));
    from = Math.max(from, place);
  }
  yield data.slice(from);
}

/** What a test compares of a stream: everything but the bytes of the heads. */
export function comparable({ requests, fault }: ReadStream): unknown {
  return {
    fault,
    requests: requests.map(({ head: { raw, fields, ...head }, body }) => ({
      ...head,
      fields: [...fields],
      raw: text(raw),
      body,
    })),
  };
}
