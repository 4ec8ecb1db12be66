import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/wire/errors.ts";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { FrameType, frame, MAX_CONTROL, MAX_DATA, writeHeader } from "../../src/wire/frames.ts";

type Seen = { type: number; bytes: number[] };

/** Collects what a reader finds; neighbouring parts of DATA are joined, because where they are cut does not matter. */
class Collector implements FrameSink {
  readonly seen: Seen[] = [];
  stopped = false;

  /** The payload that it says it keeps. */
  keeps = "";

  onPayload(chunk: Uint8Array, start: number, end: number): boolean {
    expect(end).toBeGreaterThan(start);
    const bytes = chunk.subarray(start, end);
    const last = this.seen.at(-1);
    if (last?.type === FrameType.data) last.bytes.push(...bytes);
    else this.seen.push({ type: FrameType.data, bytes: [...bytes] });
    return Buffer.from(bytes).toString() !== this.keeps;
  }

  onFrame(type: FrameType, payload: Uint8Array): void {
    this.seen.push({ type, bytes: [...payload] });
  }
}

function header(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeHeader(bytes, 0, type, length);
  return bytes;
}

const anyFrame = fc.record({
  type: fc.constantFrom(...Object.values(FrameType), 0x80, 0xff),
  payload: fc.uint8Array({ maxLength: 40 }),
});

describe("a frame reader", () => {
  test("finds the same frames wherever the stream is cut", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), cuts, (frames, sizes) => {
        const stream = Buffer.concat(frames.map(({ type, payload }) => frame(type as FrameType, payload)));
        const whole = new Collector();
        const reader = new FrameReader();
        reader.push(stream, whole);
        expect(reader.atBoundary).toBe(true);

        const pieces = new Collector();
        const cutter = new FrameReader();
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] as number;
          cutter.push(stream.subarray(at, at + size), pieces);
          at += size;
        }
        expect(pieces.seen).toEqual(whole.seen);

        const expected = new Collector();
        for (const { type, payload } of frames) {
          if (type === FrameType.data) payload.length > 0 && expected.onPayload(payload, 0, payload.length);
          else if (type < 0x80) expected.onFrame(type as FrameType, payload);
        }
        expect(whole.seen).toEqual(expected.seen);
      }),
    );
  });

  test("hands DATA on without waiting for the end of the frame", () => {
    const sink = new Collector();
    new FrameReader().push(Buffer.concat([header(FrameType.data, 1000), Buffer.from("abc")]), sink);
    expect(sink.seen).toEqual([{ type: FrameType.data, bytes: [97, 98, 99] }]);
  });

  test("says that a chunk is kept when any part of it is", () => {
    const data = (text: string) => frame(FrameType.data, Buffer.from(text));
    const chunk = Buffer.concat([data("abc"), data("def")]);
    const sink = new Collector();
    const reader = new FrameReader();
    for (const [keeps, free] of [
      ["abc", false],
      ["def", false],
      ["", true],
    ] as const) {
      sink.keeps = keeps;
      expect(reader.push(chunk, sink)).toBe(free);
    }
  });

  test.each([
    ["type 0", header(0, 0)],
    ["the first unassigned type", header(0x0b, 0)],
    ["the last type below the extensions", header(0x7f, 0)],
    ["a control frame that is one byte too long", header(FrameType.open, MAX_CONTROL + 1)],
    ["an extension that is one byte too long", header(0x80, MAX_CONTROL + 1)],
    ["a DATA frame that is one byte too long", header(FrameType.data, MAX_DATA + 1)],
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n")],
    ["a TLS handshake", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00])],
  ])("refuses %s", (_name, bytes) => {
    expect(() => new FrameReader().push(bytes, new Collector())).toThrow(ProtocolError);
  });

  test("stops in the middle of a chunk when its owner has stopped", () => {
    const sink = new Collector();
    sink.onFrame = (type, payload) => {
      sink.seen.push({ type, bytes: [...payload] });
      sink.stopped = true;
    };
    const drain = frame(FrameType.drain, new Uint8Array(0));
    new FrameReader().push(Buffer.concat([drain, drain]), sink);
    expect(sink.seen).toHaveLength(1);
  });
});
