/** What handshakes leave behind is collected while they go on, not when the heap is full. */
import { expect, test } from "bun:test";
import { Collector } from "../../src/relay/collector.ts";

test("every 256th handshake collects, and no other", async () => {
  const collector = new Collector();
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const litter = () => {
    for (let i = 0; i < 1_000; i++) registry.register({ i }, undefined);
  };
  for (let round = 0; round < 2; round++) {
    litter();
    collected = 0;
    for (let i = 0; i < 255; i++) collector.handshake();
    await Bun.sleep(5);
    expect(collected).toBeLessThan(100);
    collector.handshake();
    await Bun.sleep(5);
    expect(collected).toBeGreaterThan(900);
  }
});
