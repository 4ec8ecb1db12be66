import { expect, test } from "bun:test";
import { type Measured, resultOf } from "../../bench/result.ts";
import type { Role } from "../../bench/subjects/subject.ts";

const measured = (subject: string, role: Role, ...values: (number | undefined)[]): Measured => ({
  subject,
  role,
  rounds: values.map((value) => (value === undefined ? undefined : { "": value })),
});

const rate = { name: "", unit: "1/s", better: "higher" } as const;
const latency = { name: "", unit: "ms", better: "lower" } as const;

const RUN = [
  measured("ours", "ours", 30, 30),
  measured("before", "before", 20, 20),
  measured("slow", "peer", 10, 10),
  measured("fast", "peer", 15, 15),
  measured("direct", "direct", 60, 60),
];

test("the best peer of a rate is the highest, and neither the direct path nor an older executable is a peer", () => {
  expect(resultOf(rate, RUN)).toMatchObject({
    bestPeer: "fast",
    ratioToBestPeer: 2,
    ratioToDirect: 0.5,
    ratioToBefore: 1.5,
  });
});

test("the best peer of a latency is the lowest", () => {
  expect(resultOf(latency, RUN)).toMatchObject({ bestPeer: "slow", ratioToBestPeer: 3 });
});

test("a variant of ours is no peer, and has its own ratio to the best one, with ours or without", () => {
  const variant = measured("ours-http1", "variant", 45, 45);
  const result = resultOf(rate, [...RUN, variant]);
  expect(result).toMatchObject({ bestPeer: "fast", ratioToBestPeer: 2 });
  expect(result.subjects.at(-1)).toMatchObject({ subject: "ours-http1", ratioToBestPeer: 3 });
  expect(resultOf(rate, [variant, measured("fast", "peer", 30, 30)]).subjects[0]?.ratioToBestPeer).toBe(1.5);
});

test("without a peer there is no ratio to one", () => {
  const result = resultOf(rate, [measured("ours", "ours", 1)]);
  expect(result.subjects).toHaveLength(1);
  expect(result).not.toHaveProperty("bestPeer");
  expect(result).not.toHaveProperty("ratioToBestPeer");
});

test("a subject that finished no round is left out, and failed rounds count in no median", () => {
  const result = resultOf(rate, [measured("ours", "ours", 8, undefined, 4), measured("fast", "peer", undefined)]);
  expect(result.subjects).toMatchObject([{ subject: "ours", rounds: [8, 4], median: 6 }]);
});
