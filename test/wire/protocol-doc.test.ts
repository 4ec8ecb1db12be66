/** docs/protocol.md is what others implement: its tables and test vectors are those of the code. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { FrameType, frame } from "../../src/wire/frames.ts";
import * as messages from "../../src/wire/messages.ts";

const doc = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** @returns the bytes that follow this name, on its line or on rows of their own. */
function vector(name: string): Buffer {
  const lines = doc.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`    ${name}`));
  const rows = [lines[first]?.slice(4 + name.length) ?? ""];
  for (let at = first + 1; lines[at]?.startsWith("        "); at++) rows.push(lines[at] as string);
  const digits = rows.join("").replaceAll(" ", "");
  expect(digits).toMatch(/^([0-9a-f]{2})+$/);
  return Buffer.from(digits, "hex");
}

/** @returns the frames in these bytes, as a gateway reads them. */
function read(bytes: Uint8Array): { type: number; payload: Uint8Array }[] {
  const frames: { type: number; payload: Uint8Array }[] = [];
  const reader = new FrameReader();
  reader.push(bytes, {
    stopped: false,
    onPayload: (chunk, start, end) => frames.push({ type: FrameType.data, payload: chunk.subarray(start, end) }) > 0,
    onFrame: (type, payload) => frames.push({ type, payload }),
  });
  expect(reader.atBoundary).toBe(true);
  return frames;
}

const HELLO = {
  version: messages.PROTOCOL_VERSION,
  instance: "i",
  relay: 0,
  relays: 2,
  opener: "dialler",
  labels: { region: "eu" },
  features: [],
} as const satisfies Record<keyof messages.Hello, unknown>;

const HELLO_NAME = `HELLO of ${JSON.stringify(HELLO)}`;
const OPEN_NAME = "OPEN of shop/web as stream 2, a client of namespace apps labelled app=cart, a trace context";
const CART = { "client.clusterlink.net/namespace": "apps", "client.clusterlink.net/labels.app": "cart" };
const TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

describe("docs/protocol.md", () => {
  test("lists every frame type with its number", () => {
    for (const [name, type] of Object.entries(FrameType)) {
      expect(doc).toContain(`| ${type.toString(16).padStart(2, "0")} | ${name.toUpperCase()} |`);
    }
  });

  test("lists every code with its number", () => {
    for (const [number, code] of messages.REFUSAL_CODES.entries()) {
      expect(doc).toMatch(new RegExp(`^\\| ${number} \\| \`${code}\``, "m"));
    }
    for (const [number, code] of messages.RESET_CODES.entries()) {
      expect(doc).toMatch(new RegExp(`\\| ${number} \\| \`${code}\`[^|]*\\|$`, "m"));
    }
  });

  test.each([
    [HELLO_NAME, messages.encodeHello({ ...HELLO, features: [] })],
    [OPEN_NAME, messages.encodeOpen(2, "shop", "web", messages.encodeAttributes(CART), TRACE)],
    [
      "OPEN of default/echo as stream 1, no attributes",
      messages.encodeOpen(1, "default", "echo", messages.encodeAttributes({}), ""),
    ],
    ["OPENED of stream 7", messages.encodeStreamFrame(FrameType.opened, 7)],
    [
      'REFUSED of stream 7, denied, retry, "no"',
      messages.encodeRefused({ stream: 7, code: "denied", retry: true, reason: "no" }),
    ],
    ['DATA of the text "hello"', frame(FrameType.data, new TextEncoder().encode("hello"))],
    ["FIN of stream 4294967295", messages.encodeStreamFrame(FrameType.fin, 0xffffffff)],
    ["RESET of stream 7, cut", messages.encodeReset(7, "cut")],
    ["PING of eight zeros", frame(FrameType.ping, new Uint8Array(8))],
    ["DRAIN", frame(FrameType.drain, new Uint8Array(0))],
  ])("shows the bytes of %s", (name, bytes) => {
    expect(vector(name).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
    expect(read(vector(name))).toHaveLength(1);
  });

  test("shows a HELLO and an OPEN that are read as it says", () => {
    const payloadOf = (name: string) => read(vector(name))[0]?.payload ?? new Uint8Array();
    expect(messages.decodeHello(payloadOf(HELLO_NAME))).toEqual({ ...HELLO, features: [] });
    const open = messages.decodeOpen(payloadOf(OPEN_NAME));
    expect({ ...open, attributes: { ...open.attributes } }).toEqual({
      stream: 2,
      exportNamespace: "shop",
      exportName: "web",
      attributes: CART,
      trace: TRACE,
    });
  });
});
