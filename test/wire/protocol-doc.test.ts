/** docs/protocol.md is what others implement: its tables and test vectors are those of the code. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { FrameType } from "../../src/wire/frames.ts";
import * as messages from "../../src/wire/messages.ts";

const doc = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

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
    [
      "OPEN of default/echo as stream 1, no attributes",
      messages.encodeOpen(1, "default", "echo", messages.encodeAttributes({}), ""),
    ],
    ["OPENED of stream 7", messages.encodeStreamFrame(FrameType.opened, 7)],
    [
      'REFUSED of stream 7, denied, retry, "no"',
      messages.encodeRefused({ stream: 7, code: "denied", retry: true, reason: "no" }),
    ],
    ["FIN of stream 4294967295", messages.encodeStreamFrame(FrameType.fin, 0xffffffff)],
    ["RESET of stream 7, cut", messages.encodeReset(7, "cut")],
  ])("shows the bytes of %s", (name, bytes) => {
    const line = doc.split("\n").find((text) => text.trim().startsWith(name));
    expect(line?.trim().slice(name.length).replaceAll(" ", "")).toBe(Buffer.from(bytes).toString("hex"));
  });
});
