/** Frames leave whole and in order, whatever is held back for company and whatever the socket takes at once. */
import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { waitForMoment, waitForTurn } from "../../src/relay/company.ts";
import { FrameWriter } from "../../src/relay/frame-writer.ts";
import { NOBODY, type RelaySocket, type SocketUser, socketHandlers } from "../../src/relay/socket.ts";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { FrameType, frame } from "../../src/wire/frames.ts";
import { eventually, onDefect } from "./sockets.ts";

/** Reads frames from a real socket, and counts how many times something came. */
class Reader implements FrameSink {
  readonly stopped = false;
  readonly #reader = new FrameReader();
  data: Buffer[] = [];
  frames: number[] = [];
  reads = 0;

  onPayload(chunk: Uint8Array, start: number, end: number): boolean {
    this.data.push(Buffer.from(chunk.subarray(start, end)));
    return true;
  }

  onFrame(_type: FrameType, payload: Uint8Array): void {
    this.frames.push(payload.length);
  }

  take(chunk: Uint8Array): void {
    this.reads += 1;
    this.#reader.push(chunk, this);
  }
}

let reader = new Reader();
const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (_, chunk) => reader.take(chunk) } });
afterAll(() => listener.stop(true));

async function connect(): Promise<RelaySocket> {
  const { port } = listener;
  return Bun.connect<SocketUser>({ hostname: "127.0.0.1", port, data: NOBODY, socket: socketHandlers(onDefect) });
}

describe("a frame writer", () => {
  test("lets an OPEN leave together with what follows it", async () => {
    reader = new Reader();
    const socket = await connect();
    const writer = new FrameWriter(socket);
    writer.frameWithCompany(frame(FrameType.open, new Uint8Array(9)), waitForTurn);
    await new Promise<void>((resolve) => setImmediate(resolve));
    writer.data(Buffer.from("early"));
    await eventually(() => reader.data.length > 0, "the data has come");
    expect([reader.reads, reader.frames]).toEqual([1, [9]]);
    socket.end();
  });

  test("lets it leave alone a moment later when nothing follows", async () => {
    reader = new Reader();
    const socket = await connect();
    const writer = new FrameWriter(socket);
    writer.frameWithCompany(frame(FrameType.open, new Uint8Array(9)), waitForTurn);
    await eventually(() => reader.frames.length === 1, "it has come");
    expect(reader.frames).toEqual([9]);
    socket.end();
  });

  test("loses and reorders nothing, whatever the sizes", async () => {
    const step = fc.oneof(
      fc.record({ data: fc.integer({ min: 1, max: 600_000 }) }),
      fc.record({ data: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ frame: fc.integer({ min: 0, max: 30_000 }) }),
      fc.record({ open: fc.integer({ min: 0, max: 20_000 }) }),
      fc.record({ turn: fc.constant(true) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        reader = new Reader();
        const socket = await connect();
        const writer = new FrameWriter(socket);
        socket.data = { ...NOBODY, onDrain: () => void writer.flush() };
        const sent: Buffer[] = [];
        const frames: number[] = [];
        for (const [i, one] of steps.entries()) {
          if ("data" in one) {
            sent.push(Buffer.alloc(one.data, i + 1));
            writer.data(sent.at(-1) as Buffer);
          } else if ("frame" in one) {
            frames.push(one.frame);
            writer.frame(frame(FrameType.open, new Uint8Array(one.frame)));
          } else if ("open" in one) {
            frames.push(one.open);
            writer.frameWithCompany(
              frame(FrameType.open, new Uint8Array(one.open)),
              one.open % 2 === 0 ? waitForTurn : waitForMoment,
            );
          } else await new Promise<void>((resolve) => setImmediate(resolve));
        }
        const total = sent.reduce((sum, { length }) => sum + length, 0);
        const got = () => reader.data.reduce((sum, { length }) => sum + length, 0);
        await eventually(() => got() === total && reader.frames.length === frames.length, "everything has come");
        expect(Buffer.concat(reader.data).equals(Buffer.concat(sent))).toBe(true);
        expect(reader.frames).toEqual(frames);
        socket.end();
      }),
      { numRuns: 40 },
    );
  }, 30_000);
});
