import { expect, test } from "bun:test";
import { newTrace } from "../../src/relay/trace.ts";

test("traces are well-formed and never the same", () => {
  const traces = Array.from({ length: 1000 }, newTrace);
  for (const trace of traces) expect(trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(new Set(traces).size).toBe(traces.length);
});
