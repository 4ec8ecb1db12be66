import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/wire/errors.ts";
import { FrameType, HEADER_SIZE } from "../../src/wire/frames.ts";
import * as messages from "../../src/wire/messages.ts";

/** Test vectors: docs/protocol.md shows the same bytes. */
const VECTORS: [string, Uint8Array, string][] = [
  [
    "OPEN of default/echo as stream 1 by an unidentified client",
    messages.encodeOpen(1, "default", "echo", messages.encodeAttributes({}), ""),
    "02000017 00000001 0007 64656661756c74 0004 6563686f 0000 0000",
  ],
  [
    "OPEN with one attribute and a trace context",
    messages.encodeOpen(
      2,
      "ns",
      "db",
      messages.encodeAttributes({ "client.clusterlink.net/namespace": "apps" }),
      "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
    ),
    `0200006f 00000002 0002 6e73 0002 6462 0001 0020 ${Buffer.from("client.clusterlink.net/namespace").toString("hex")}
     0004 61707073 0037 ${Buffer.from("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01").toString("hex")}`,
  ],
  ["OPENED", messages.encodeStreamFrame(FrameType.opened, 7), "03000004 00000007"],
  [
    "REFUSED, denied, another source may help",
    messages.encodeRefused({ stream: 7, code: "denied", retry: true, reason: "no" }),
    "0400000a 00000007 01 01 0002 6e6f",
  ],
  ["FIN", messages.encodeStreamFrame(FrameType.fin, 0xffffffff), "06000004 ffffffff"],
  ["RESET", messages.encodeReset(7, "cut"), "07000005 00000007 01"],
];

const text = fc.string({ unit: "binary", maxLength: 30 });

describe("the messages of clusterlink/2", () => {
  test.each(VECTORS)("%s", (_name, bytes, hex) => {
    expect(Buffer.from(bytes).toString("hex")).toBe(hex.replaceAll(/\s/g, ""));
  });

  test("OPEN reads as it was written", () => {
    const stream = fc.integer({ min: 1, max: 0xffffffff });
    fc.assert(
      fc.property(stream, text, text, fc.dictionary(text, text), text, (number, namespace, name, attributes, trace) => {
        const bytes = messages.encodeOpen(number, namespace, name, messages.encodeAttributes(attributes), trace);
        const open = messages.decodeOpen(bytes.subarray(HEADER_SIZE));
        expect({ ...open, attributes: { ...open.attributes } }).toEqual({
          stream: number,
          exportNamespace: namespace,
          exportName: name,
          attributes,
          trace,
        });
      }),
    );
  });

  test("HELLO and REFUSED read as they were written", () => {
    const hello: messages.Hello = {
      version: messages.PROTOCOL_VERSION,
      instance: "i",
      relay: 1,
      relays: 4,
      opener: "dialler",
      labels: { "example.com/zone": "a" },
      features: ["x"],
    };
    expect(messages.decodeHello(messages.encodeHello(hello).subarray(HEADER_SIZE))).toEqual(hello);
    const refused: messages.Refused = { stream: 9, code: "overloaded", retry: false, reason: "voll ☹" };
    expect(messages.decodeRefused(messages.encodeRefused(refused).subarray(HEADER_SIZE))).toEqual(refused);
  });

  test("arbitrary payloads are read or refused, and never anything else", () => {
    const readers = [
      messages.decodeHello,
      messages.decodeOpen,
      messages.decodeRefused,
      messages.decodeReset,
      messages.decodeStreamFrame,
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...readers), (payload, read) => {
        try {
          read(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  test.each<[string, () => unknown]>([
    ["an OPEN that is cut off", () => messages.decodeOpen(new Uint8Array([0, 0, 0, 1, 0, 9, 97]))],
    ["an OPEN with bytes after its end", () => messages.decodeOpen(new Uint8Array(13))],
    ["an attribute that comes twice", () => messages.decodeOpen(twice())],
    ["text that is not UTF-8", () => messages.decodeOpen(new Uint8Array([0, 0, 0, 1, 0, 1, 0xff, 0, 0, 0, 0, 0, 0]))],
    ["a HELLO of another version", () => messages.decodeHello(Buffer.from('{"version":2}'))],
    ["a HELLO that is no JSON", () => messages.decodeHello(Buffer.from("{"))],
  ])("refuse %s", (_name, read) => {
    expect(read).toThrow(ProtocolError);
  });
});

function twice(): Uint8Array {
  const one = Buffer.from([0, 1, 97, 0, 0]);
  return Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 2]), one, one, Buffer.from([0, 0])]);
}
