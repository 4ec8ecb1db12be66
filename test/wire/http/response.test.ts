import { describe, expect, test } from "bun:test";
import { AnswerReader } from "../../../src/wire/http/answer-reader.ts";
import { BodyReader } from "../../../src/wire/http/body-reader.ts";
import { HttpFault } from "../../../src/wire/http/errors.ts";
import { ResponseParser } from "../../../src/wire/http/response.ts";
import { bytes, text } from "./streams.ts";

function read(stream: string, method = "GET") {
  const data = bytes(stream);
  const { consumed, head } = new ResponseParser().push(data, method);
  return { head, rest: text(data.subarray(consumed)) };
}

function statusOf(action: () => unknown): number | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof HttpFault ? error.status : undefined;
  }
}

describe("responses as gateways send them", () => {
  test("a grant from Envoy", () => {
    const { head } = read(
      "HTTP/1.1 200 OK\r\nx-access-token: a.b.c\r\ndate: Fri, 21 Nov 2025 12:52:00 GMT\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n",
      "POST",
    );
    expect([head?.status, head?.fields.get("x-access-token"), head?.keepAlive]).toEqual([200, "a.b.c", true]);
  });

  test("a denial from Go, with text for people", () => {
    const { head, rest } = read(
      "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 7\r\n\r\ndenied\n",
      "POST",
    );
    expect(head?.framing).toEqual({ type: "length", length: 7 });
    expect(text(new BodyReader(head!.framing).push(bytes(rest)).body!)).toBe("denied\n");
  });

  test("an established CONNECT: what follows is raw, whatever the fields say", () => {
    const { head, rest } = read(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\nRAW",
      "CONNECT",
    );
    expect([head?.framing.type, rest]).toEqual(["none", "RAW"]);
  });

  test("a refused CONNECT has a body like any other answer", () => {
    expect(read("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\n", "CONNECT").head?.framing).toEqual({
      type: "length",
      length: 3,
    });
  });

  test("a status line without reason, with and without its space", () => {
    expect(read("HTTP/1.1 204 \r\n\r\n").head?.status).toBe(204);
    expect(read("HTTP/1.1 204\r\n\r\n").head?.framing).toEqual({ type: "none" });
  });

  test("a body that ends with the connection", () => {
    const { head } = read("HTTP/1.1 200 OK\r\n\r\n");
    expect([head?.framing.type, head?.keepAlive]).toEqual(["until-close", false]);
  });
});

describe("refused", () => {
  const cases: [string, string][] = [
    ["another protocol, with its first byte", "SSH-2.0"],
    ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["a status of six hundred", "HTTP/1.1 600 X\r\n\r\n"],
    ["LF alone", "HTTP/1.1 200 OK\nX: 1\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"],
    ["length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["two tokens", "HTTP/1.1 200 OK\r\nx-access-token: a\r\nx-access-token: b\r\n\r\n"],
    ["switching protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["interim responses without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(9)],
  ];
  for (const [rule, stream] of cases) {
    test(rule, () => expect(statusOf(() => read(stream))).toBe(400));
  }

  test("a body until close above the limit", () => {
    const body = new BodyReader({ type: "until-close" }, 4);
    body.push(bytes("1234"));
    expect(statusOf(() => body.push(bytes("5")))).toBe(413);
  });
});

describe("a whole answer", () => {
  /** @returns the answer, and the chunk that completed it. */
  function answer(method: string, ...chunks: string[]) {
    const reader = new AnswerReader(method);
    for (const [at, chunk] of chunks.entries()) {
      const whole = reader.push(bytes(chunk));
      if (whole !== undefined) return { at, ...whole, stream: whole.stream && text(whole.stream) };
    }
    return undefined;
  }

  test("is there with the last byte of its body, and the connection can be used again", () => {
    const chunks = ["HTTP/1.1 404 Not Found\r\n", "Content-Length: 3\r\n\r\na", "b", "c"];
    expect(answer("POST", ...chunks)).toMatchObject({ at: 3, head: { status: 404 }, kept: true, stream: undefined });
    expect(
      answer("POST", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "0\r\n\r\n"),
    ).toMatchObject({
      at: 1,
      kept: true,
    });
  });

  test("uses its connection up when it says so, when it has no end of its own, and when more than it comes", () => {
    expect(answer("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?.kept).toBe(false);
    expect(answer("GET", "HTTP/1.1 200 OK\r\n\r\n")?.kept).toBe(false);
    expect(answer("GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab")?.kept).toBe(false);
  });

  test("200 to CONNECT is followed by the stream, whatever its fields say", () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    expect(answer("CONNECT", `${head}RAW`)).toMatchObject({ kept: false, stream: "RAW" });
    expect(answer("CONNECT", head)).toMatchObject({ kept: false, stream: "" });
  });

  test("another 2xx to CONNECT opens no stream, and nothing else may be said on that connection", () => {
    const head = "HTTP/1.1 204 No Content\r\n\r\n";
    expect(answer("CONNECT", head)).toMatchObject({ kept: false, stream: undefined });
  });

  test("to CONNECT with any other status is an answer like others", () => {
    expect(answer("CONNECT", "HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\n\r\n", "x")).toMatchObject({
      kept: true,
      stream: undefined,
    });
  });
});
