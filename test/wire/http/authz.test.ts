import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { attributesFromPeer, sourceAttributes } from "../../../src/policy/endpoints.ts";
import {
  authzClaims,
  encodeAuthzGrant,
  encodeAuthzRequest,
  parseAuthzRequest,
  readAuthzAnswer,
} from "../../../src/wire/http/authz.ts";
import { HttpFault } from "../../../src/wire/http/errors.ts";
import { decodePeerLabels, encodePeerLabels } from "../../../src/wire/http/peer-labels.ts";
import { parseResponseHead } from "../../../src/wire/http/response.ts";
import { bytes, readRequests } from "./streams.ts";

const parse = (body: string) => parseAuthzRequest(new TextEncoder().encode(body));
const answer = (head: string) => readAuthzAnswer(parseResponseHead(bytes(head), "POST"));

describe("the body of /authz", () => {
  const NAMES = '"ServiceName":"orders","ServiceNamespace":"shop"';

  test("names the export and the source's attributes", () => {
    expect(parse(`{${NAMES},"SrcAttributes":{"client.clusterlink.net/namespace":"web"}}`)).toEqual({
      exportName: "orders",
      exportNamespace: "shop",
      claims: { "client.clusterlink.net/namespace": "web" },
    });
  });

  for (const source of ["", ',"SrcAttributes":null', ',"SrcAttributes":{}']) {
    test(`without attributes it is an unidentified client: {…${source}}`, () => {
      expect(parse(`{${NAMES}${source}}`).claims).toEqual({});
    });
  }

  test("fields that nobody knows are ignored", () => {
    expect(parse(`{${NAMES},"Later":{"deep":[1]},"servicename":"other"}`).exportName).toBe("orders");
  });

  test("a claim named like what every object inherits is a claim and no more", () => {
    const { claims } = parse(`{${NAMES},"SrcAttributes":{"__proto__":"x","constructor":"y"}}`);
    expect(Object.entries(claims)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  const refused: [string, string][] = [
    ["no JSON", "{"],
    ["nothing", ""],
    ["two values", `{${NAMES}}{}`],
    ["a list", "[]"],
    ["null", "null"],
    ["text", '"x"'],
    ["no name", '{"ServiceNamespace":"shop"}'],
    ["no namespace", '{"ServiceName":"orders"}'],
    ["an empty name", '{"ServiceName":"","ServiceNamespace":"shop"}'],
    ["a name that is a number", '{"ServiceName":1,"ServiceNamespace":"shop"}'],
    ["a name that is null", '{"ServiceName":null,"ServiceNamespace":"shop"}'],
    ["attributes that are a list", `{${NAMES},"SrcAttributes":[]}`],
    ["attributes that are text", `{${NAMES},"SrcAttributes":"x"}`],
    ["attributes that are false", `{${NAMES},"SrcAttributes":false}`],
    ["an attribute that is a number", `{${NAMES},"SrcAttributes":{"a":1}}`],
    ["an attribute that is null", `{${NAMES},"SrcAttributes":{"a":null}}`],
    ["a byte order mark", `\ufeff{${NAMES}}`],
    ["depth without end", "[".repeat(60_000)],
  ];
  for (const [rule, body] of refused) {
    test(`refused: ${rule}`, () => expect(() => parse(body)).toThrow(HttpFault));
  }

  test("refused: bytes that are no UTF-8", () => {
    const body = bytes(`{"ServiceName":"\xff","ServiceNamespace":"shop"}`);
    expect(() => parseAuthzRequest(body)).toThrow("the body is not JSON");
  });

  test("what is written is read again", () => {
    const request = {
      exportName: "orders",
      exportNamespace: "shop",
      claims: { "client.clusterlink.net/labels.a": "ü" },
    };
    const read = readRequests([encodeAuthzRequest("west:8443", request)]).requests[0]!;
    expect(read.head).toMatchObject({ method: "POST", path: "/authz" });
    expect(parseAuthzRequest(bytes(read.body))).toEqual(request);
  });

  test("an unidentified client is written as null, as ClusterLink's gateways do", () => {
    const sent = encodeAuthzRequest("west:8443", { exportName: "o", exportNamespace: "s", claims: {} });
    expect(readRequests([sent]).requests[0]?.body).toBe(
      '{"ServiceName":"o","ServiceNamespace":"s","SrcAttributes":null}',
    );
  });
});

describe("what is claimed of a source", () => {
  const site = { name: "east", labels: { region: "eu" } };

  test("everything, for a client that is known; the far side takes its part of it", () => {
    const source = sourceAttributes(site, { namespace: "shop", labels: { app: "web" } });
    expect(attributesFromPeer({ name: "east" }, authzClaims(source), "http")).toEqual(source);
  });

  test("nothing, for one that is not", () => expect(authzClaims(sourceAttributes(site, undefined))).toEqual({}));
});

describe("what a peer's answer comes to", () => {
  test("a grant", () => {
    const head = parseResponseHead(encodeAuthzGrant("a.b.c"), "POST");
    expect(readAuthzAnswer(head)).toEqual({ type: "granted", token: "a.b.c" });
  });
  const cases: [string, string, string][] = [
    ["unknown export", "HTTP/1.1 404 Not Found\r\n\r\n", "not-found"],
    ["denied", "HTTP/1.1 403 Forbidden\r\n\r\n", "denied"],
    ["denied by an older gateway", "HTTP/1.1 401 Unauthorized\r\n\r\n", "denied"],
  ];
  for (const [rule, head, reason] of cases) {
    test(rule, () => expect(answer(head)).toEqual({ type: "refused", reason } as never));
  }
  test("anything else is a failure: another source may do", () => {
    expect(answer("HTTP/1.1 503 Service Unavailable\r\n\r\n").type).toBe("failed");
    expect(answer("HTTP/1.1 200 OK\r\n\r\n").type).toBe("failed");
  });
});

describe("the labels of a site in a header field", () => {
  test("are base64 of JSON", () => {
    expect(encodePeerLabels({ region: "eu" })).toBe("eyJyZWdpb24iOiJldSJ9");
    expect(decodePeerLabels("eyJyZWdpb24iOiJldSJ9")).toEqual({ labels: { region: "eu" } });
  });

  test("any labels come back", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), (labels) => {
        const { labels: decoded } = decodePeerLabels(encodePeerLabels(labels)) as { labels: object };
        expect(Object.entries(decoded)).toEqual(Object.entries(JSON.parse(JSON.stringify(labels))));
      }),
    );
  });

  const base64 = (json: string) => Buffer.from(json).toString("base64");
  test("a peer without labels", () => {
    for (const value of [undefined, "", base64("null"), base64("{}")]) {
      expect(decodePeerLabels(value)).toEqual({ labels: {} });
    }
  });

  for (const value of ["@@@", base64("{"), base64("[]"), base64('{"a":1}'), base64('"x"'), "//79"]) {
    test(`'${value}' is an error and no exception`, () => expect(decodePeerLabels(value)).toHaveProperty("error"));
  }
});
