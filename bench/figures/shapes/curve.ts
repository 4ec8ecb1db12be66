/** Figures whose metrics are points of curves: how a cost grows with what causes it. */
import { formatQuantity } from "../../quantities.ts";
import type { Axis, Metric } from "../../result.ts";
import type { Subject } from "../../subjects/subject.ts";
import { PartlyMeasured, type Values } from "../figure.ts";

export interface Curve {
  readonly title: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
}

/** @returns a metric for each curve at each x. */
export function pointsOf(curves: readonly Curve[], xs: readonly number[], of: Axis["unit"] = "count"): Metric[] {
  return curves.flatMap(({ title, unit, better }) =>
    xs.map((x) => ({ name: nameAt(title, x, of), unit, better, point: { curve: title, x } })),
  );
}

/** @returns the name of the metric that {@link pointsOf} makes of a curve at x. */
export function nameAt(curve: string, x: number, of: Axis["unit"] = "count"): string {
  return `${curve} at ${formatQuantity(x, of)}`;
}

/**
 * Measures one point after the other.
 * @throws {PartlyMeasured} with the points before the one that failed
 */
export async function eachPoint(
  xs: readonly number[],
  measure: (x: number) => Promise<Values> | Values,
  of: Axis["unit"] = "count",
): Promise<Values> {
  let values: Values = {};
  for (const x of xs) {
    try {
      values = { ...values, ...(await measure(x)) };
    } catch (error) {
      throw new PartlyMeasured(values, `at ${formatQuantity(x, of)}: ${(error as Error).message}`, error);
    }
  }
  return values;
}

/** Ours, and the peers that stand for the best: a curve of every subject would take an hour, and nobody could read it. */
export function drawn({ name, role }: Subject): boolean {
  return role === "ours" || role === "before" || name === "haproxy" || name === "nginx";
}
