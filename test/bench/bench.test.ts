/** Which subject is measured when, and what becomes of those that fail. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { measureFigure } from "../../bench/bench.ts";
import { Children } from "../../bench/children.ts";
import type { OwnFigure, ProxyFigure, Setting } from "../../bench/figures/figure.ts";
import { eachPoint, nameAt, pointsOf } from "../../bench/figures/shapes/curve.ts";
import { folders, type Lab, LOOPBACK_PLACES } from "../../bench/lab.ts";
import type { Plan } from "../../bench/plan.ts";
import type { Role, Running, Subject } from "../../bench/subjects/subject.ts";

let folder: string;
let plan: Plan;

const address = { host: "127.0.0.1", port: 1 };
const running: Running = { entries: { http: address }, processes: () => [], stop: async () => undefined };

function started(name: string, role: Role) {
  const subject: Subject = { name, role, version: "1", start: async () => running };
  return { subject, running };
}

beforeAll(() => {
  folder = mkdtempSync("/tmp/clusterlink-bench-test-");
  const certificate = { ca: "", cert: "", key: "", both: "" };
  const lab: Lab = {
    children: new Children(folder),
    certificates: { importing: certificate, exporting: certificate },
    places: LOOPBACK_PLACES,
    backends: { http: address },
    workers: 1,
    folder: folders(folder),
  };
  const subjects = [
    started("ours", "ours"),
    started("slow", "peer"),
    started("fast", "peer"),
    started("direct", "direct"),
  ];
  plan = {
    lab,
    started: subjects,
    executable: "",
    rounds: 3,
    subjects: [],
    idle: 1,
    quick: true,
    progress: () => undefined,
  };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const metric = { name: "", unit: "1/s", better: "higher" } as const;
const calls: string[] = [];

function figure(more: Partial<ProxyFigure>): ProxyFigure {
  calls.length = 0;
  const measure = async ({ subject }: Setting) => {
    calls.push(subject.name);
    return { "": 1 };
  };
  const common = { kind: "proxy", name: "it", title: "it", metrics: [metric], service: "http", programs: [] } as const;
  return { ...common, measure, ...more };
}

const own = (more: Partial<OwnFigure>): OwnFigure => {
  return { kind: "own", name: "it", title: "it", metrics: [metric], measure: async () => ({ "": 1 }), ...more };
};

describe("rounds", () => {
  test("every subject is measured once, then every subject again", async () => {
    await measureFigure(figure({ maxRounds: 2 }), plan);
    expect(calls).toEqual(["ours", "slow", "fast", "direct", "ours", "slow", "fast", "direct"]);
  });

  test("a figure that takes long has no more rounds than it wants", async () => {
    expect((await measureFigure(own({ maxRounds: 1 }), plan)).metrics[0]?.subjects[0]?.rounds).toHaveLength(1);
    expect((await measureFigure(own({ maxRounds: 9 }), plan)).metrics[0]?.subjects[0]?.rounds).toHaveLength(3);
  });

  test("a subject that the figure is not about is left out without a word", async () => {
    const { skipped } = await measureFigure(figure({ maxRounds: 1, concerns: ({ role }) => role === "ours" }), plan);
    expect(calls).toEqual(["ours"]);
    expect(skipped).toEqual([]);
  });

  test("a round that fails is told, and the others count", async () => {
    let round = 0;
    const failing = own({
      async measure() {
        if (++round === 2) throw new Error("it broke");
        return { "": round };
      },
    });
    const { metrics, skipped } = await measureFigure(failing, plan);
    expect(metrics[0]?.subjects[0]?.rounds).toEqual([1, 3]);
    expect(skipped).toEqual([{ what: "round 2", reason: "it broke", failed: true }]);
  });
});

test("a curve whose later points fail has the points before, and says where it broke", async () => {
  const metrics = pointsOf([{ title: "cost", unit: "s", better: "lower" }], [1, 10, 100]);
  const measure = () =>
    eachPoint([1, 10, 100], (x) => {
      if (x === 10) throw new Error("too many");
      return { [nameAt("cost", x)]: 5 };
    });
  const { metrics: points, skipped } = await measureFigure(own({ metrics, measure, maxRounds: 1 }), plan);
  expect(points.map(({ point }) => point?.x)).toEqual([1]);
  expect(skipped).toEqual([{ what: "round 1", reason: "at 10: too many", failed: true }]);
});

describe("a figure at a share of the best peer's peak", () => {
  test("hands every subject the highest peak of a peer; neither ours nor the direct path is one", async () => {
    const peaks: Record<string, number> = { ours: 900, slow: 10, fast: 20, direct: 800 };
    const asked: string[] = [];
    const handed = new Set<number | undefined>();
    await measureFigure(
      figure({
        async peak({ subject: { name } }) {
          asked.push(name);
          return peaks[name] ?? 0;
        },
        async measure({ bestPeak }) {
          handed.add(bestPeak);
          return { "": 1 };
        },
      }),
      plan,
    );
    expect(asked).toEqual(["slow", "fast"]);
    expect([...handed]).toEqual([20]);
  });

  test("is skipped where there is no peer", async () => {
    const alone = { ...plan, started: [started("ours", "ours")] };
    const { skipped } = await measureFigure(figure({ peak: async () => 1 }), alone);
    expect(skipped).toEqual([{ what: "it", reason: "no peer has told its peak" }]);
    expect(calls).toEqual([]);
  });
});

test("a figure whose program is not installed is skipped, and says which", async () => {
  const { skipped } = await measureFigure(own({ programs: ["no-such-program-at-all"] }), plan);
  expect(skipped).toEqual([{ what: "it", reason: "no-such-program-at-all is not installed" }]);
});

test("a figure without the service that it needs is skipped", async () => {
  const { skipped } = await measureFigure(own({ service: "redis" }), plan);
  expect(skipped).toEqual([{ what: "it", reason: "redis does not run" }]);
});

test("points that a short run leaves out are not in the result; other metrics stay, so that they show as missing", async () => {
  const point = { ...metric, name: "cost at 5 000", point: { curve: "cost", x: 5_000 } };
  const other = { ...metric, name: "other" };
  const { metrics } = await measureFigure(own({ metrics: [metric, point, other] }), plan);
  expect(metrics.map(({ name }) => name)).toEqual(["", "other"]);
});
