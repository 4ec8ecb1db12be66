/** What a figure's plot shows, before anything of it has a place. */
import type { FigureResult, MetricResult } from "../result.ts";

/** One value of a line, with the range of its rounds. */
export interface Value {
  readonly x: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Line {
  /** A subject, or a curve where there is but one subject. */
  readonly name: string;
  /** By x. */
  readonly values: readonly Value[];
}

export interface Panel {
  /** Empty where the lines' names say it all. */
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}

/**
 * A panel for each curve, with a line for each subject; where only one subject has been measured, a panel for each unit,
 * with a line for each curve.
 */
export function panelsOf({ metrics }: FigureResult): Panel[] {
  const points = metrics.filter(({ point, subjects }) => point !== undefined && subjects.length > 0);
  const subjects = new Set(points.flatMap((metric) => metric.subjects.map(({ subject }) => subject)));
  const alone = subjects.size === 1;
  const panels = Map.groupBy(points, ({ point, unit }) => (alone ? unit : (point?.curve ?? "")));
  const all = [...panels].map(([key, members]): Panel => {
    const lines = alone
      ? [...Map.groupBy(members, ({ point }) => point?.curve ?? "")].flatMap(([curve, own]) =>
          [...subjects].map((subject) => lineOf(curve, subject, own)),
        )
      : [...subjects].map((subject) => lineOf(subject, subject, members));
    const titles = alone ? lines.map(({ name }) => name) : [key];
    return {
      title: titles.length === 1 ? (titles[0] ?? "") : "",
      unit: members[0]?.unit ?? "",
      lines: lines.filter(({ values }) => values.length > 0),
    };
  });
  return all.filter(({ lines }) => lines.length > 0);
}

function lineOf(name: string, subject: string, metrics: readonly MetricResult[]): Line {
  const values = metrics.flatMap(({ point, subjects }) => {
    const found = subjects.find((one) => one.subject === subject);
    // A logarithmic axis has no place for what is below what was measured.
    if (found === undefined || point === undefined || !(found.min > 0)) return [];
    return [{ x: point.x, median: found.median, min: found.min, max: found.max }];
  });
  return { name, values: values.sort((a, b) => a.x - b.x) };
}
