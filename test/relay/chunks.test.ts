/** What is held is never much more than what was sent. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { append } from "../../src/relay/chunks.ts";
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
  early.replay({ write: (chunk) => writes.push(chunk) > 0, finish() {}, resume() {} });
  expect(writes.length).toBeLessThan(30);
  expect(Buffer.concat(writes).equals(Buffer.from(Uint8Array.from({ length: 10_000 }, (_, i) => i)))).toBe(true);
});
