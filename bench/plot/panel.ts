/** Draws one panel: two logarithmic axes, and lines. */
import { formatQuantity } from "../quantities.ts";
import type { Axis } from "../result.ts";
import { element, label, rounded } from "./element.ts";
import type { Line, Panel } from "./panels.ts";
import { logScale, rangeOf, type Scale, ticksOf } from "./scale.ts";
import type { Look, Shape } from "./style.ts";

export const PANEL = { width: 430, height: 300 } as const;

/** Around the axes, in pixels. */
const MARGIN = { top: 46, right: 26, bottom: 46, left: 62 } as const;
/** Least distance between two labels of the horizontal axis. */
const LABEL_DISTANCE = 34;
const MARKER = 3.5;

/**
 * @param looks - of the lines, by name
 * @returns the panel, its upper left corner at 0, 0
 */
export function drawPanel({ title, unit, lines }: Panel, axis: Axis, looks: ReadonlyMap<string, Look>): string {
  const bottom = PANEL.height - MARGIN.bottom;
  const right = PANEL.width - MARGIN.right;
  const xs = [...new Set(lines.flatMap(({ values }) => values.map(({ x }) => x)))].sort((a, b) => a - b);
  const heights = lines.flatMap(({ values }) => values.flatMap(({ min, max }) => [min, max]));
  const [first = 1, last = first] = [xs[0], xs.at(-1)];
  const x = logScale(first, last > first ? last : first * 10, MARGIN.left, right);
  const range = rangeOf(heights);
  const y = logScale(range.min, range.max, bottom, MARGIN.top);
  return [
    label(MARGIN.left, 14, title, { class: "strong" }),
    label(MARGIN.left, 30, unit, { class: "quiet" }),
    ...ticksOf(range).map((tick) => horizontal(tick, y, right)),
    ...vertical(xs, x, bottom, axis),
    element("line", { x1: MARGIN.left, y1: bottom, x2: right, y2: bottom, class: "axis" }),
    label((MARGIN.left + right) / 2, PANEL.height - 8, axis.title, { class: "quiet", "text-anchor": "middle" }),
    // The first is the one that matters: it lies above the others.
    ...lines.toReversed().map((line) => drawLine(line, looks.get(line.name), x, y)),
  ].join("\n");
}

function horizontal(tick: number, y: Scale, right: number): string {
  const at = y.at(tick);
  const text = tick >= 1 ? formatQuantity(tick, "count") : String(tick);
  return (
    element("line", { x1: MARGIN.left, y1: at, x2: right, y2: at, class: "grid" }) +
    label(MARGIN.left - 8, at + 4, text, { class: "quiet", "text-anchor": "end" })
  );
}

/** A mark at every measured x, and a label where the one before it leaves room. */
function vertical(xs: readonly number[], x: Scale, bottom: number, { unit }: Axis): string[] {
  let labelled = Number.NEGATIVE_INFINITY;
  return xs.map((value) => {
    const at = x.at(value);
    const mark = element("line", { x1: at, y1: bottom, x2: at, y2: bottom + 5, class: "axis" });
    if (at - labelled < LABEL_DISTANCE) return mark;
    labelled = at;
    return mark + label(at, bottom + 19, formatQuantity(value, unit), { class: "quiet", "text-anchor": "middle" });
  });
}

function drawLine({ name, values }: Line, look: Look | undefined, x: Scale, y: Scale): string {
  const path = values.map(
    (value, i) => `${i === 0 ? "M" : "L"}${rounded(x.at(value.x))} ${rounded(y.at(value.median))}`,
  );
  const ranges = values
    .filter(({ min, max }) => max > min)
    .map((value) => {
      const at = x.at(value.x);
      return element("line", { x1: at, y1: y.at(value.min), x2: at, y2: y.at(value.max), class: "range" });
    });
  const markers = values.map((value) => drawMarker(look?.shape ?? "circle", x.at(value.x), y.at(value.median)));
  const curve = element("path", { d: path.join(""), class: "curve" });
  return element("g", { class: look?.name ?? "" }, element("title", {}, name), ...ranges, curve, ...markers);
}

/** @returns a marker with its middle there. */
export function drawMarker(shape: Shape, x: number, y: number): string {
  const size = MARKER;
  if (shape === "circle") return element("circle", { cx: x, cy: y, r: size });
  if (shape === "square") return element("rect", { x: x - size, y: y - size, width: 2 * size, height: 2 * size });
  const corners = {
    triangle: [
      [0, -size - 1],
      [size + 1, size],
      [-size - 1, size],
    ],
    diamond: [
      [0, -size - 1],
      [size + 1, 0],
      [0, size + 1],
      [-size - 1, 0],
    ],
  }[shape];
  const points = corners.map(([dx = 0, dy = 0]) => `${rounded(x + dx)},${rounded(y + dy)}`);
  return element("polygon", { points: points.join(" ") });
}
