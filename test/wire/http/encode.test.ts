import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bearerToken, encodeConnect } from "../../../src/wire/http/connect.ts";
import {
  CONNECT_ESTABLISHED,
  CONTINUE,
  encodeRequest,
  encodeResponse,
  encodeTextResponse,
} from "../../../src/wire/http/encode.ts";
import { ResponseParser } from "../../../src/wire/http/response.ts";
import { bytes, readRequests, text } from "./streams.ts";

describe("messages as they are written", () => {
  test("an answer says where it ends", () => {
    expect(text(encodeResponse({ status: 200, fields: { "x-a": "1" } }))).toBe(
      "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 0\r\n\r\n",
    );
  });

  test("an answer of one line, after which the connection is closed", () => {
    expect(text(encodeTextResponse(403, "denied", true))).toBe(
      "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 7\r\nconnection: close\r\n\r\ndenied\n",
    );
  });

  test("the answers without a length", () => {
    expect(text(CONNECT_ESTABLISHED)).toBe("HTTP/1.1 200 OK\r\n\r\n");
    expect(text(CONTINUE)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  });

  test("CONNECT, to a name and to an IPv6 address", () => {
    expect(text(encodeConnect("west", 8443, "a.b.c"))).toBe(
      "CONNECT west:8443 HTTP/1.1\r\nhost: west:8443\r\nauthorization: Bearer a.b.c\r\n\r\n",
    );
    expect(readRequests([encodeConnect("fd00::1", 443, "a.b.c")]).requests[0]?.head.target).toBe("[fd00::1]:443");
  });

  test("nothing is written that would start another line", () => {
    expect(() => encodeResponse({ status: 200, fields: { "x-a": "1\r\nx-b: 2" } })).toThrow(TypeError);
    expect(() => encodeResponse({ status: 200, fields: { "x a": "1" } })).toThrow(TypeError);
    expect(() => encodeRequest({ method: "GET", target: "/ HTTP/1.1\r\n", host: "x" })).toThrow(TypeError);
    expect(() => encodeRequest({ method: "GET", target: "/", host: "x\r\ny: z" })).toThrow(TypeError);
    expect(() => encodeRequest({ method: "GET /", target: "/", host: "x" })).toThrow(TypeError);
  });
});

describe("the bearer token", () => {
  const of = (authorization: string) => bearerToken(new Map([["authorization", authorization]]));
  test("of the scheme in any case", () => {
    expect(of("Bearer a.b.c")).toEqual({ token: "a.b.c" });
    expect(of("bearer a.b.c==")).toEqual({ token: "a.b.c==" });
  });
  test("is missing", () => expect(bearerToken(new Map())).toEqual({ fault: "missing" }));
  for (const value of ["", "Bearer", "Bearer ", "Basic a", "a.b.c", "Bearer a b", "Bearer a, Bearer b"]) {
    test(`is not in '${value}'`, () => expect(of(value)).toEqual({ fault: "not-bearer" }));
  }
});

test("what is written is read again", () => {
  const fields = fc.dictionary(fc.stringMatching(/^x-[a-z]{1,8}$/), fc.stringMatching(/^([!-~]([ -~]{0,9}[!-~])?)?$/));
  const body = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(fields, body, (fields, body) => {
      const { requests } = readRequests([
        encodeRequest({ method: "POST", target: "/x", host: "west:1", fields, body }),
      ]);
      expect(requests[0]?.body).toBe(text(body));
      expect(Object.fromEntries(requests[0]!.head.fields)).toEqual({
        host: "west:1",
        ...fields,
        "content-length": String(body.length),
      });
      const answer = encodeResponse({ status: 503, fields, body });
      const { consumed, head } = new ResponseParser().push(answer, "POST");
      expect(answer.length - consumed).toBe(body.length);
      expect(Object.fromEntries(head!.fields)).toEqual({ ...fields, "content-length": String(body.length) });
      expect(head?.status).toBe(503);
    }),
  );
});

test("a head begun in one chunk is not changed by what the caller sends next", () => {
  const stream = bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: b\r\n\r\n");
  const { requests } = readRequests([stream.slice(0, 5), stream.slice(5)]);
  expect(requests.map(({ head }) => [head.path, text(head.raw).length])).toEqual([
    ["/", 27],
    ["/second", 33],
  ]);
});
