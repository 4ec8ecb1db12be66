import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { element, escapeText } from "../../bench/plot/element.ts";
import { writePlots } from "../../bench/plot/files.ts";
import { panelsOf } from "../../bench/plot/panels.ts";
import { plot } from "../../bench/plot/plot.ts";
import { logScale, rangeOf, ticksOf } from "../../bench/plot/scale.ts";
import { lookOf } from "../../bench/plot/style.ts";
import { type FigureResult, type Measured, type Metric, type Result, resultOf } from "../../bench/result.ts";

const point = (curve: string, unit: string, x: number): Metric => {
  return { name: `${curve} at ${x}`, unit, better: "lower", point: { curve, x } };
};

/** One round a number; the subject had that value at every point. */
function measured(subject: string, role: Measured["role"], metrics: readonly Metric[], ...rounds: number[]): Measured {
  return { subject, role, rounds: rounds.map((value) => Object.fromEntries(metrics.map(({ name }) => [name, value]))) };
}

function figureOf(metrics: readonly Metric[], subjects: readonly Measured[], unit: "count" | "bytes" = "count") {
  const results = metrics.map((metric) => resultOf(metric, subjects));
  return { name: "shapes-it", title: "many <things>", axis: { title: "things", unit }, metrics: results, skipped: [] };
}

function resultOfRun(...figures: FigureResult[]): Result {
  const machine = { processor: "A & B", cores: 2 };
  return { started: "2026-01-02T03:04:05Z", machine, subjects: [], skipped: [], rounds: 5, quick: false, figures };
}

const COST = [10, 1, 5_000].map((x) => point("cost", "µs", x));
const TWO_SUBJECTS = figureOf(COST, [measured("ours", "ours", COST, 20, 40), measured("haproxy", "peer", COST, 300)]);

describe("scales", () => {
  test("the ends of a range are at the ends of the axis, and its geometric middle in the middle", () => {
    const scale = logScale(1, 10_000, 50, 250);
    expect([1, 100, 10_000].map((value) => Math.round(scale.at(value)))).toEqual([50, 150, 250]);
  });

  test.each([
    { values: [3, 70], min: 2, max: 100, rule: "a range ends at 1, 2 or 5 times a power of ten" },
    { values: [100, 2_000], min: 100, max: 2_000, rule: "values at such steps are the ends themselves" },
    { values: [40, 45], min: 10, max: 100, rule: "it spans a decade, so that what is nearly constant looks so" },
    { values: [0, 0.03, 0.2], min: 0.02, max: 0.2, rule: "zero is left out" },
  ])("$rule: $values", ({ values, min, max }) => {
    expect(rangeOf([...values])).toEqual({ min, max });
  });

  test("every range holds its values and spans a decade, and its ticks are few and inside", () => {
    const values = fc.array(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(values, (some) => {
        const range = rangeOf(some);
        expect(Math.min(...some)).toBeGreaterThanOrEqual(range.min * (1 - 1e-9));
        expect(Math.max(...some)).toBeLessThanOrEqual(range.max * (1 + 1e-9));
        expect(range.max / range.min).toBeGreaterThan(9.999);
        const ticks = ticksOf(range);
        expect(ticks.length).toBeGreaterThan(0);
        expect(ticks.length).toBeLessThan(21);
        for (const tick of ticks) expect(tick >= range.min * 0.999 && tick <= range.max * 1.001).toBe(true);
      }),
    );
  });

  test("nothing above zero has no range, and no scale begins at zero", () => {
    expect(() => rangeOf([0])).toThrow(RangeError);
    expect(() => logScale(0, 1, 0, 1)).toThrow(RangeError);
  });
});

describe("panels", () => {
  test("with several subjects each curve is a panel, each subject a line by x", () => {
    const panels = panelsOf(TWO_SUBJECTS);
    expect(panels.map(({ title, unit }) => [title, unit])).toEqual([["cost", "µs"]]);
    expect(panels[0]?.lines.map(({ name }) => name)).toEqual(["ours", "haproxy"]);
    expect(panels[0]?.lines[0]?.values).toEqual([1, 10, 5_000].map((x) => ({ x, median: 30, min: 20, max: 40 })));
  });

  test("with one subject each unit is a panel, each curve a line", () => {
    const metrics = [point("a", "MiB", 1), point("b", "MiB", 1), point("c", "s", 1)];
    const panels = panelsOf(figureOf(metrics, [measured("ours", "ours", metrics, 5)]));
    expect(panels.map(({ title, unit, lines }) => [title, unit, lines.map(({ name }) => name)])).toEqual([
      ["", "MiB", ["a", "b"]],
      ["c", "s", ["c"]],
    ]);
  });

  test("what a logarithmic axis cannot show is left out", () => {
    expect(panelsOf(figureOf(COST, [measured("ours", "ours", COST, 0)]))).toEqual([]);
  });
});

describe("a plot", () => {
  const drawn = plot(TWO_SUBJECTS, resultOfRun(TWO_SUBJECTS)) ?? "";

  test("names title, axes with their units, lines, machine and date", () => {
    for (const text of ["Many &lt;things&gt;", ">cost<", ">µs<", ">things<", ">ours<", ">haproxy<", ">5 000<"]) {
      expect(drawn).toContain(text);
    }
    expect(drawn).toContain("A &amp; B, 2 cores");
    expect(drawn).toContain("2026-01-02, a whole run; bars: range of at most 5 rounds");
  });

  test("has a marker for each value, and a bar where rounds differ", () => {
    const inside = (name: string) => drawn.split(`<title>${name}</title>`)[1]?.split("</g>")[0] ?? "";
    expect(inside("ours").match(/<circle/g)).toHaveLength(3);
    expect(inside("ours").match(/class="range"/g)).toHaveLength(3);
    expect(inside("haproxy").match(/<rect/g)).toHaveLength(3);
    expect(inside("haproxy")).not.toContain('class="range"');
  });

  test("draws ours above the others", () => {
    expect(drawn.indexOf("<title>ours</title>")).toBeGreaterThan(drawn.indexOf("<title>haproxy</title>"));
  });

  test("has colours of its own for dark pages, and a background", () => {
    expect(drawn).toContain("@media (prefers-color-scheme:dark)");
    expect(drawn).toMatch(/<rect[^>]*class="page"/);
  });

  test("of sizes is labelled in bytes", () => {
    const sizes = [64, 1_048_576].map((x) => point("cost", "µs", x));
    const figure = figureOf(sizes, [measured("ours", "ours", sizes, 1)], "bytes");
    const text = plot(figure, resultOfRun(figure));
    expect(text).toContain(">64 B<");
    expect(text).toContain(">1 MiB<");
  });

  test("is the same for the same result, and holds no number that is none", () => {
    expect(plot(TWO_SUBJECTS, resultOfRun(TWO_SUBJECTS))).toBe(drawn);
    expect(drawn).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("is well-formed: every element that begins ends, in turn", () => {
    const open: string[] = [];
    for (const [, end, name = "", empty] of drawn.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (end) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name);
    }
    expect(open).toEqual([]);
  });

  test("is not made of a figure without curves", () => {
    const plain: FigureResult = { name: "redis", title: "Redis", metrics: [], skipped: [] };
    expect(plot(plain, resultOfRun(plain))).toBeUndefined();
  });
});

test("a subject looks the same in every plot, wherever it stands", () => {
  expect(lookOf("haproxy", 0)).toEqual(lookOf("haproxy", 3));
  expect(new Set(["ours", "haproxy", "nginx"].map((name) => lookOf(name, 0).shape)).size).toBe(3);
});

test("markup in names is text", () => {
  expect(escapeText(`<a href="x">&`)).toBe("&lt;a href=&quot;x&quot;&gt;&amp;");
  expect(element("g", { id: '"' })).toBe('<g id="&quot;"/>');
});

describe("files", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync("/tmp/clusterlink-bench-test-");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("each figure with curves has one; those of other figures stay", () => {
    writeFileSync(join(folder, "other.svg"), "kept");
    expect(writePlots(resultOfRun(TWO_SUBJECTS), folder)).toEqual([join(folder, "it.svg")]);
    expect(readdirSync(folder).sort()).toEqual(["it.svg", "other.svg"]);
    expect(readFileSync(join(folder, "other.svg"), "utf8")).toBe("kept");
  });

  test("--plot draws an earlier result and measures nothing", () => {
    const file = join(folder, "bench.json");
    writeFileSync(file, JSON.stringify(resultOfRun(TWO_SUBJECTS)));
    const run = join(import.meta.dir, "..", "..", "bench", "run.ts");
    const { exitCode, stdout } = Bun.spawnSync([process.execPath, run, "--plot", file, "--plots", join(folder, "out")]);
    expect(stdout.toString()).toContain(join(folder, "out", "it.svg"));
    expect(exitCode).toBe(0);
  });
});
