/** Draws a figure whose metrics are points of curves, as an SVG document. */
import type { FigureResult, Result } from "../result.ts";
import { element, escapeText, label } from "./element.ts";
import { drawMarker, drawPanel, PANEL } from "./panel.ts";
import { type Panel, panelsOf } from "./panels.ts";
import { type Look, lookOf, STYLE_SHEET } from "./style.ts";

/** Above the panels: title and legend. Below: where the figures come from. */
const HEAD = 62;
const FOOT = 42;
const EDGE = 14;
/** Panels beside one another. */
const COLUMNS = 2;
/** Of a character of the legend, about, in pixels. */
const CHARACTER = 6.6;

/** @returns the document; the same result gives the same bytes. Undefined for a figure without curves. */
export function plot(figure: FigureResult, result: Result): string | undefined {
  const { axis } = figure;
  const panels = panelsOf(figure);
  if (axis === undefined || panels.length === 0) return undefined;
  const columns = Math.min(COLUMNS, panels.length);
  const width = columns * PANEL.width + 2 * EDGE;
  const height = HEAD + Math.ceil(panels.length / columns) * PANEL.height + FOOT;
  const title = figure.title.charAt(0).toUpperCase() + figure.title.slice(1);
  const looks = looksOf(panels);
  const placed = panels.map((panel, i) => {
    const x = EDGE + (i % columns) * PANEL.width;
    const y = HEAD + Math.floor(i / columns) * PANEL.height;
    return element("g", { transform: `translate(${x} ${y})` }, "\n", drawPanel(panel, axis, looks), "\n");
  });
  const page = { x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 6, class: "page" };
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  const document = element(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", ...size, role: "img" },
    `\n${element("title", {}, escapeText(title))}`,
    `\n${element("style", {}, STYLE_SHEET)}`,
    `\n${element("rect", page)}`,
    `\n${label(EDGE + 8, 26, title, { class: "title" })}`,
    `\n${legend(looks)}`,
    ...placed.map((panel) => `\n${panel}`),
    ...origin(result).map((line, at) => `\n${label(EDGE + 8, height - 28 + at * 16, line, { class: "quiet" })}`),
    "\n",
  );
  return `${document}\n`;
}

/** A line has the same look in every panel, and no two lines of a plot have the same. */
function looksOf(panels: readonly Panel[]): ReadonlyMap<string, Look> {
  const names = new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)));
  return new Map([...names].map((name, at) => [name, lookOf(name, at)]));
}

function legend(looks: ReadonlyMap<string, Look>): string {
  let x = EDGE + 14;
  const entries = [...looks].map(([name, { name: style, shape }]) => {
    const mark = element("g", { class: style }, drawMarker(shape, x, 46));
    const entry = mark + label(x + 10, 50, name);
    x += 30 + name.length * CHARACTER;
    return entry;
  });
  return entries.join("\n");
}

/** What the figures must not be compared without. */
function origin({ started, machine: { processor, cores }, rounds, quick }: Result): string[] {
  const how = quick ? "a quick run" : "a whole run";
  const machine = `${processor ?? "unknown processor"}, ${cores ?? "?"} cores`;
  return [machine, `${started.slice(0, 10)}, ${how}; bars: range of at most ${rounds} rounds`];
}
