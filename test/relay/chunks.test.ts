/** What is held is never much more than what was sent. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { append, giveBack } from "../../src/relay/chunks.ts";
import { EarlyData } from "../../src/relay/early-data.ts";

test("chunks keep their bytes and their order, and small ones become few", () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 2000 })), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const pieces = lengths.map((length, i) => Buffer.alloc(length, i));
      const chunks: Uint8Array[] = [];
      for (const piece of pieces) append(chunks, piece);
      const all = Buffer.concat(pieces);
      expect(Buffer.concat(chunks).equals(all)).toBe(true);
      expect(chunks.length).toBeLessThanOrEqual(2 * Math.ceil(all.length / 512) + 1);
    }),
  );
});

test("early data of single bytes is replayed in few writes", () => {
  const early = new EarlyData();
  for (let i = 0; i < 10_000; i++) early.write(Uint8Array.of(i));
  const writes: Uint8Array[] = [];
  early.replay({ write: (chunk, start, end) => writes.push(chunk.subarray(start, end)) > 0, finish() {}, resume() {} });
  expect(writes.length).toBeLessThan(30);
  expect(Buffer.concat(writes).equals(Buffer.from(Uint8Array.from({ length: 10_000 }, (_, i) => i)))).toBe(true);
});

test("early data outlives the chunk that it was a part of", () => {
  const early = new EarlyData();
  const chunk = new Uint8Array(60_000).fill(7);
  expect(early.write(chunk, 1_000, 50_000)).toBe(true);
  giveBack(chunk);
  expect(chunk.length).toBe(0);
  const writes: Uint8Array[] = [];
  early.replay({ write: (bytes, start, end) => writes.push(bytes.subarray(start, end)) > 0, finish() {}, resume() {} });
  expect(Buffer.concat(writes).equals(Buffer.alloc(49_000, 7))).toBe(true);
});
