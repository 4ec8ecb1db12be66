/** How a stream is cut into chunks says nothing: TCP and TLS cut where they like. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ResponseParser } from "../../../src/wire/http/response.ts";
import { bytes, comparable, readRequests, splitAt } from "./streams.ts";

const value = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,20}[\x21-\x7e])?$/);
const name = fc.stringMatching(/^x-[a-z0-9]{1,10}$/);
const body = fc.string({ maxLength: 40, unit: fc.constantFrom("a", "\r", "\n", "\0", "0", ";", "\xff") });

const request = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "X-~!"),
    target: fc.constantFrom("/", "/authz", "/a?b=c&d", "http://west/x"),
    fields: fc.dictionary(name, value, { maxKeys: 4 }),
    body,
    framing: fc.constantFrom("none", "length", "chunked"),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
  })
  .map(({ method, target, fields, body, framing, sizes }) => {
    const lines = ["Host: gateway", ...Object.entries(fields).map(([key, text]) => `${key}:${text}`)];
    if (framing === "length") lines.push(`Content-Length: ${body.length}`);
    if (framing === "chunked") lines.push("Transfer-Encoding: Chunked");
    const sent = framing === "chunked" ? chunk(body, sizes) : framing === "length" ? body : "";
    return {
      stream: `${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${sent}`,
      body: sent === "" ? "" : body,
    };
  });

function chunk(body: string, sizes: number[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const size of [...sizes, body.length]) {
    const part = body.slice(from, from + size);
    from += part.length;
    if (part.length > 0) parts.push(`${part.length.toString(16)}\r\n${part}\r\n`);
  }
  return `${parts.join("")}0\r\n\r\n`;
}

const places = fc.array(fc.nat({ max: 600 }), { maxLength: 12 });

test("any cut of valid, pipelined requests reads the same, and each body is the one sent", () => {
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), places, (requests, cuts) => {
      const stream = bytes(requests.map((one) => one.stream).join(""));
      const whole = readRequests([stream]);
      expect(whole.fault).toBeUndefined();
      expect(whole.requests.map((one) => one.body)).toEqual(requests.map((one) => one.body));
      expect(comparable(readRequests(splitAt(stream, cuts)))).toEqual(comparable(whole) as never);
    }),
    { numRuns: 300 },
  );
});

test("any cut of a stream that was tampered with comes to the same requests and the same fault", () => {
  const tampering = fc.record({
    at: fc.nat({ max: 300 }),
    remove: fc.nat({ max: 3 }),
    insert: fc.constantFrom("", "\n", "\r", "\r\n", " ", ":", "\0", "0", ";", "\r\n\r\n", "Content-Length: 1\r\n"),
  });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), tampering, places, (requests, how, cuts) => {
      const sent = requests.map((one) => one.stream).join("");
      const at = how.at % sent.length;
      const stream = bytes(sent.slice(0, at) + how.insert + sent.slice(at + how.remove));
      expect(comparable(readRequests(splitAt(stream, cuts)))).toEqual(comparable(readRequests([stream])) as never);
    }),
    { numRuns: 500 },
  );
});

test("any bytes at all are read or refused, and never break the parser", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), places, (noise, cuts) => {
      expect(comparable(readRequests(splitAt(noise, cuts)))).toEqual(comparable(readRequests([noise])) as never);
    }),
    { numRuns: 200 },
  );
});

test("any cut of a response after interim ones reads the same", () => {
  const stream = bytes(
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-Access-Token: a.b.c\r\nContent-Length: 0\r\n\r\nrest",
  );
  fc.assert(
    fc.property(places, (cuts) => {
      const parser = new ResponseParser();
      let consumed = 0;
      let token: string | undefined;
      for (const piece of splitAt(stream, cuts)) {
        if (token !== undefined) break;
        const read = parser.push(piece, "POST");
        consumed += read.consumed;
        token = read.head?.fields.get("x-access-token");
      }
      expect([token, consumed]).toEqual(["a.b.c", stream.length - 4]);
    }),
  );
});
