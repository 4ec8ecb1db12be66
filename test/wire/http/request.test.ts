import { describe, expect, test } from "bun:test";
import { MAX_BODY } from "../../../src/wire/http/body-reader.ts";
import { MAX_HEAD } from "../../../src/wire/http/head-reader.ts";
import { bytes, readRequests, splitAt } from "./streams.ts";

/** One request with these lines after the request line. */
function request(lines: string[], body = "", line = "POST /authz HTTP/1.1"): string {
  return `${[line, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

const HOST = "Host: gateway:8443";
const read = (stream: string) => readRequests([bytes(stream)]);
const byteByByte = (stream: string) =>
  readRequests(
    splitAt(
      bytes(stream),
      Array.from({ length: stream.length }, (_, i) => i),
    ),
  );
const faultOf = (stream: string) => read(stream).fault?.slice(0, 3);

describe("requests as gateways send them", () => {
  test("/authz from a Go control plane", () => {
    const body = '{"ServiceName":"orders","ServiceNamespace":"shop","SrcAttributes":null}';
    const stream = [
      "POST /authz HTTP/1.1",
      "Host: 10.0.0.7:443",
      "User-Agent: Go-http-client/1.1",
      `Content-Length: ${body.length}`,
      "Content-Type: application/json",
      "Accept-Encoding: gzip",
      "",
      body,
    ].join("\r\n");
    const { requests, fault, left } = read(stream);
    expect([fault, left]).toEqual([undefined, 0]);
    expect(requests[0]?.body).toBe(body);
    expect(requests[0]?.head).toMatchObject({
      method: "POST",
      path: "/authz",
      keepAlive: true,
      expectsContinue: false,
    });
    expect(requests[0]?.head.fields.get("content-type")).toBe("application/json");
  });

  test("/authz forwarded by Envoy, chunked", () => {
    const { requests } = read(
      request(
        [
          "host: west",
          "user-agent: Go-http-client/1.1",
          "content-type: application/json",
          "x-forwarded-proto: https",
          "x-request-id: 6f6a2c1e-7a0f-4b1e-8f7c-1c2d3e4f5a6b",
          "x-envoy-expected-rq-timeout-ms: 15000",
          "transfer-encoding: chunked",
        ],
        "5\r\nhello\r\n6; ext=1\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n",
      ),
    );
    expect(requests[0]?.body).toBe("hello world");
  });

  test("CONNECT by Envoy", () => {
    const lines = ["host: remote-peer-west:443", "authorization: Bearer a.b.c", "x-request-id: 1"];
    const { requests, left } = read(request(lines, "RAW", "CONNECT remote-peer-west:443 HTTP/1.1"));
    expect(requests[0]?.head).toMatchObject({ method: "CONNECT", path: "", framing: { type: "none" } });
    expect(left).toBe(3);
  });

  test("CONNECT with Content-Length: 0", () => {
    const { requests } = read(request([HOST, "Content-Length: 0"], "", "CONNECT [fd00::1]:443 HTTP/1.1"));
    expect(requests[0]?.head.framing).toEqual({ type: "none" });
  });

  test.each(["west", "west:", "a.b_c:65535", "10.0.0.1", "[fd00::1]"])("CONNECT to %s", (authority) => {
    expect(read(request([HOST], "RAW", `CONNECT ${authority} HTTP/1.1`)).requests[0]?.head.target).toBe(authority);
  });

  test("CONNECT with a path, as Go's net/http writes it for a URL that has one", () => {
    expect(read(request([HOST], "", "CONNECT / HTTP/1.1")).requests[0]?.head.path).toBe("/");
  });

  test("the heartbeat, and a probe of the kubelet that closes", () => {
    const stream =
      request([HOST, "User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"], "", "GET /healthz HTTP/1.1") +
      request(
        [HOST, "User-Agent: kube-probe/1.31", "Accept: */*", "Connection: close"],
        "",
        "GET /livez?verbose HTTP/1.1",
      );
    const { requests } = read(stream);
    expect(requests.map(({ head }) => [head.path, head.target, head.keepAlive])).toEqual([
      ["/healthz", "/healthz", true],
      ["/livez", "/livez?verbose", false],
    ]);
  });

  test("curl with a body that it asks for first", () => {
    const { requests } = read(request([HOST, "Expect: 100-continue", "Content-Length: 2"], "{}"));
    expect(requests[0]?.head.expectsContinue).toBe(true);
  });

  test("HTTP/1.0 without Host, which ends with its answer", () => {
    const { requests } = read("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(requests[0]?.head).toMatchObject({ version: "1.0", keepAlive: false });
  });

  test("the absolute form names its path", () => {
    expect(read(request([HOST], "", "GET http://west/readyz?x HTTP/1.1")).requests[0]?.head.path).toBe("/readyz");
    expect(read(request([HOST], "", "GET http://west HTTP/1.1")).requests[0]?.head.path).toBe("/");
  });

  test("pipelined requests, each with its own body", () => {
    const one = request([HOST, "Content-Length: 3"], "one");
    const two = request([HOST, "Transfer-Encoding: chunked"], "3\r\ntwo\r\n0\r\n\r\n");
    expect(read(one + two + one).requests.map(({ body }) => body)).toEqual(["one", "two", "one"]);
  });

  test("the bytes of a head are kept as they came", () => {
    const stream = request(["HOST:   gateway:8443  ", "X-Odd:\t\xe9"], "", "GET /api HTTP/1.1");
    const { head } = read(stream).requests[0]!;
    expect(Buffer.from(head.raw).toString("latin1")).toBe(stream);
    expect([head.fields.get("host"), head.fields.get("x-odd")]).toEqual(["gateway:8443", "\xe9"]);
  });

  test("a repeated list field is joined", () => {
    expect(read(request([HOST, "Connection: a", "Connection: close"])).requests[0]?.head.keepAlive).toBe(false);
  });
});

describe("refused: what two readers could understand differently", () => {
  const CHUNKED = "Transfer-Encoding: chunked";
  const cases: [string, string, string][] = [
    ["Content-Length and Transfer-Encoding", request([HOST, "Content-Length: 4", CHUNKED], "0\r\n\r\n"), "400"],
    ["the same, the other way round", request([HOST, CHUNKED, "Content-Length: 4"], "0\r\n\r\n"), "400"],
    ["two different Content-Lengths", request([HOST, "Content-Length: 4", "Content-Length: 5"], "12345"), "400"],
    ["two equal Content-Lengths", request([HOST, "Content-Length: 4", "Content-Length: 4"], "1234"), "400"],
    ["a list of Content-Lengths", request([HOST, "Content-Length: 4, 4"], "1234"), "400"],
    ["a signed Content-Length", request([HOST, "Content-Length: +4"], "1234"), "400"],
    ["a hexadecimal Content-Length", request([HOST, "Content-Length: 0x4"], "1234"), "400"],
    ["an empty Content-Length", request([HOST, "Content-Length:"]), "400"],
    ["a Content-Length that no number holds", request([HOST, "Content-Length: 99999999999999999999"]), "400"],
    ["space before the colon", request([HOST, "Transfer-Encoding : chunked"], "0\r\n\r\n"), "400"],
    ["a folded field", request([HOST, "X-A: 1", " chunked"]), "400"],
    ["a field folded by a tab", request([HOST, "X-A: 1", "\tchunked"]), "400"],
    ["a folded first field", request([" Host: x", HOST]), "400"],
    ["chunked twice", request([HOST, "Transfer-Encoding: chunked, chunked"], "0\r\n\r\n"), "400"],
    ["chunked twice, in two lines", request([HOST, CHUNKED, CHUNKED], "0\r\n\r\n"), "400"],
    ["chunked, but not last", request([HOST, "Transfer-Encoding: chunked, gzip"], "0\r\n\r\n"), "400"],
    ["a coding that is not understood, then chunked", request([HOST, "Transfer-Encoding: gzip, chunked"]), "501"],
    ["a coding that looks like chunked", request([HOST, "Transfer-Encoding: xchunked"]), "501"],
    ["identity", request([HOST, "Transfer-Encoding: identity"]), "501"],
    ["chunked after a vertical tab", request([HOST, "Transfer-Encoding: \x0bchunked"]), "400"],
    ["chunked after a no-break space", request([HOST, "Transfer-Encoding: \xa0chunked"]), "501"],
    ["an empty Transfer-Encoding", request([HOST, "Transfer-Encoding:"]), "400"],
    ["Transfer-Encoding in HTTP/1.0", request([HOST, CHUNKED], "", "POST /authz HTTP/1.0"), "400"],
    ["a header that ends with LF alone", `POST / HTTP/1.1\r\n${HOST}\nX: 1\r\n\r\n`, "400"],
    ["a head that ends with LF alone", `POST / HTTP/1.1\r\n${HOST}\r\n\n`, "400"],
    ["LF alone everywhere", `POST / HTTP/1.1\n${HOST}\n\n`, "400"],
    ["a CR within a value", request([HOST, "X-A: 1\rContent-Length: 4"]), "400"],
    ["NUL in a value", request([HOST, "X-A: 1\0"]), "400"],
    ["DEL in a value", request([HOST, "X-A: \x7f"]), "400"],
    ["a field name that is no token", request([HOST, "X(A): 1"]), "400"],
    ["a field without a name", request([HOST, ": 1"]), "400"],
    ["a field without a colon", request([HOST, "X-A"]), "400"],
    ["a field name with obs-text", request([HOST, "X\xe9: 1"]), "400"],
    ["no Host", request(["X-A: 1"]), "400"],
    ["two Hosts", request([HOST, "Host: other"]), "400"],
    ["a Host that is none", request(["Host: a b"]), "400"],
    ["a Host with a path", request(["Host: gateway/x"]), "400"],
    ["two authorizations", request([HOST, "Authorization: Bearer a", "Authorization: Bearer b"]), "400"],
    ["CONNECT with a body", request([HOST, "Content-Length: 3"], "abc", "CONNECT west:443 HTTP/1.1"), "400"],
    ["CONNECT in chunks", request([HOST, CHUNKED], "0\r\n\r\n", "CONNECT west:443 HTTP/1.1"), "400"],
    ["an empty line before the request", `\r\n${request([HOST])}`, "400"],
  ];
  for (const [rule, stream, status] of cases) {
    test(rule, () => {
      const { requests, fault } = read(stream);
      expect(requests).toEqual([]);
      expect(fault?.slice(0, 3)).toBe(status);
      expect(byteByByte(stream).fault).toBe(fault);
    });
  }
});

describe("refused: request lines", () => {
  const cases: [string, string, string][] = [
    ["no version", "GET /", "400"],
    ["two spaces", "GET  / HTTP/1.1", "400"],
    ["a space in the target", "GET /a b HTTP/1.1", "400"],
    ["a tab instead of a space", "GET\t/ HTTP/1.1", "400"],
    ["a space at the end", "GET / HTTP/1.1 ", "400"],
    ["a lower-case protocol", "GET / http/1.1", "400"],
    ["the preface of HTTP/2", "PRI * HTTP/2.0", "505"],
    ["HTTP/1.2", "GET / HTTP/1.2", "505"],
    ["a method that is no token", "G(T / HTTP/1.1", "400"],
    ["obs-text in the target", "GET /\xe9 HTTP/1.1", "400"],
    ["a control character in the target", "GET /\x01 HTTP/1.1", "400"],
    ["a fragment", "GET /a#b HTTP/1.1", "400"],
    ["a relative target", "GET healthz HTTP/1.1", "400"],
    ["the authority form without CONNECT", "GET west:443 HTTP/1.1", "400"],
    ["the asterisk form without OPTIONS", "GET * HTTP/1.1", "400"],
    ["CONNECT to a port that is none", "CONNECT west:https HTTP/1.1", "400"],
    ["CONNECT to a URL", "CONNECT https://west:443 HTTP/1.1", "400"],
  ];
  for (const [rule, line, status] of cases) {
    test(rule, () => expect(faultOf(request([HOST], "", line))).toBe(status));
  }

  test("garbage, with its first byte", () => {
    expect(readRequests([bytes("\x16\x03\x01")]).fault).toStartWith("400");
  });
});

describe("refused: chunks", () => {
  const chunked = (body: string) => faultOf(request([HOST, "Transfer-Encoding: chunked"], body));
  const cases: [string, string, string][] = [
    ["a size that is no number", "x\r\n", "400"],
    ["a size with a prefix", "0x5\r\nhello\r\n", "400"],
    ["a negative size", "-1\r\n", "400"],
    ["a space after the size", "5 \r\nhello\r\n", "400"],
    ["an empty size", "\r\n", "400"],
    ["more digits than any size has", "000000005\r\nhello\r\n", "400"],
    ["a size line that ends with LF alone", "5\nhello\r\n", "400"],
    ["data longer than its size", "4\r\nhello\r\n0\r\n\r\n", "400"],
    ["data ended by LF alone", "5\r\nhello\n0\r\n\r\n", "400"],
    ["a control character in an extension", "5;\x01\r\nhello\r\n", "400"],
    ["a folded trailer", "0\r\nX: 1\r\n y\r\n\r\n", "400"],
    ["a trailer that is no field", "0\r\nnonsense\r\n\r\n", "400"],
    ["a chunk above the limit, before its data", "10001\r\n", "413"],
    ["chunks above the limit together", "ffff\r\n".concat("a".repeat(0xffff), "\r\n2\r\n"), "413"],
    ["an endless extension", `5;${"a".repeat(MAX_BODY)}`, "413"],
    ["endless trailers", `0\r\n${"X: y\r\n".repeat(MAX_BODY / 6 + 1)}`, "413"],
  ];
  for (const [rule, body, status] of cases) {
    test(rule, () => {
      expect(chunked(body)).toBe(status);
      if (body.length < 100) {
        const stream = request([HOST, "Transfer-Encoding: chunked"], body);
        expect(byteByByte(stream).fault).toBe(read(stream).fault);
      }
    });
  }
});

describe("limits", () => {
  const withField = (length: number) => {
    const stream = request([HOST, "X: "], "", "GET / HTTP/1.1");
    return stream.replace("X: ", `X: ${"a".repeat(length - stream.length)}`);
  };

  test("a head of just the limit is read", () => {
    expect(read(withField(MAX_HEAD)).requests).toHaveLength(1);
  });

  test("one byte more is not", () => expect(faultOf(withField(MAX_HEAD + 1))).toBe("431"));

  test("an endless line is refused at the limit, in small pieces too", () => {
    const pieces = Array.from({ length: 700 }, () => bytes("a".repeat(100)));
    expect(readRequests(pieces).fault).toStartWith("431");
  });

  test("a body of just the limit is read", () => {
    const body = "a".repeat(MAX_BODY);
    expect(read(request([HOST, `Content-Length: ${MAX_BODY}`], body)).requests[0]?.body).toBe(body);
    const chunked = `10000\r\n${body}\r\n0\r\n\r\n`;
    expect(read(request([HOST, "Transfer-Encoding: chunked"], chunked)).requests[0]?.body).toBe(body);
  });

  test("a larger one is refused before it comes", () => {
    expect(faultOf(request([HOST, `Content-Length: ${MAX_BODY + 1}`]))).toBe("413");
  });

  test("a body in chunks of one byte is read", () => {
    const body = "a".repeat(8000);
    const chunked = `${[...body].map((byte) => `1\r\n${byte}\r\n`).join("")}0\r\n\r\n`;
    expect(read(request([HOST, "Transfer-Encoding: chunked"], chunked)).requests[0]?.body).toBe(body);
  });
});

test("a request that comes byte by byte is read as one that comes at once", () => {
  const stream = request([HOST, "Transfer-Encoding: chunked"], "3\r\nabc\r\n0\r\n\r\n").repeat(2);
  expect(byteByByte(stream).requests.map(({ body }) => body)).toEqual(["abc", "abc"]);
});
