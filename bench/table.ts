/** Tables for people. */
import type { FigureResult, MetricResult, Result, Skip } from "./result.ts";

/** @returns rows of cells in columns that are as wide as their widest cell; the first is left-aligned, the others right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, Bun.stringWidth(cell));
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => {
          const padding = " ".repeat((widths[at] ?? 0) - Bun.stringWidth(cell));
          return at === 0 ? cell + padding : padding + cell;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** @returns a number with three significant digits, thousands apart. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ");
  return Number(value.toPrecision(3)).toString();
}

/** @returns the whole result: a row a metric, a column a subject, then the ratios; what was skipped follows. */
export function formatResult(result: Result): string {
  const names = result.subjects.map(({ name }) => name).filter((name) => measured(result, name));
  const before = result.figures.some(({ metrics }) => metrics.some(({ ratioToBefore }) => ratioToBefore !== undefined));
  const variants = names.filter((name) => isVariant(result, name));
  const toBest = variants.map((name) => `${name} to best peer`);
  const header = ["", "unit", ...names, "to best peer", ...toBest, "to direct", ...(before ? ["to before"] : [])];
  const rows = result.figures.flatMap((figure) =>
    figure.metrics.map((metric) => row(figure, metric, names, variants, before)),
  );
  const parts = [formatTable([header, ...rows])];
  const skipped = [...result.skipped, ...result.figures.flatMap(skipsOf)];
  if (skipped.length > 0) parts.push(skipped.map(formatSkip).join("\n"));
  return parts.join("\n\n");
}

function formatSkip({ what, reason, failed }: Skip): string {
  return `${failed ? "failed" : "skipped"}: ${what}: ${reason}`;
}

function skipsOf({ name, skipped }: FigureResult): Skip[] {
  return skipped.map((skip) => ({ ...skip, what: skip.what === name ? name : `${name}, ${skip.what}` }));
}

function measured({ figures }: Result, name: string): boolean {
  return figures.some(({ metrics }) =>
    metrics.some(({ subjects }) => subjects.some(({ subject }) => subject === name)),
  );
}

function isVariant({ figures }: Result, name: string): boolean {
  return figures.some(({ metrics }) =>
    metrics.some(({ subjects }) => subjects.some(({ subject, role }) => subject === name && role === "variant")),
  );
}

function row(
  figure: FigureResult,
  metric: MetricResult,
  names: readonly string[],
  variants: readonly string[],
  before: boolean,
): string[] {
  const cells = names.map((name) => {
    const found = metric.subjects.find(({ subject }) => subject === name);
    return found === undefined ? "–" : `${formatNumber(found.median)} ±${Math.round(found.spread * 100)}%`;
  });
  const ratio = (value: number | undefined) => (value === undefined ? "–" : value.toFixed(2));
  const toBest = (value: number | undefined) =>
    metric.bestPeer === undefined ? "–" : `${ratio(value)} (${metric.bestPeer})`;
  const best = [metric.ratioToBestPeer, ...variants.map((name) => variantRatio(metric, name))].map(toBest);
  const title = metric.name === "" ? figure.title : `${figure.title}, ${metric.name}`;
  const last = before ? [ratio(metric.ratioToBefore)] : [];
  return [title, metric.unit, ...cells, ...best, ratio(metric.ratioToDirect), ...last];
}

function variantRatio({ subjects }: MetricResult, name: string): number | undefined {
  return subjects.find(({ subject }) => subject === name)?.ratioToBestPeer;
}
