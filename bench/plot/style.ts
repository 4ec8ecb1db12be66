/** How lines are told apart, on light and on dark. */

/** Order in which lines that no subject names take their looks. */
const SHAPES = ["circle", "square", "triangle", "diamond"] as const;
export type Shape = (typeof SHAPES)[number];

/** The look of a line; `name` is its class in {@link STYLE_SHEET}. */
export interface Look {
  readonly name: string;
  readonly shape: Shape;
}

const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ["#0b62d6", "#6cb0ff"],
  ["#c2500a", "#ffa05c"],
  ["#16794a", "#57cf95"],
  ["#8a3fc4", "#cf9bff"],
  ["#6b7280", "#a3abb8"],
];

/** Subjects keep their looks from plot to plot. */
const SUBJECTS: Record<string, number> = { ours: 0, haproxy: 1, nginx: 2, before: 3, direct: 4 };

/** @returns the look of the line with that name, which is the `at`th of its plot. */
export function lookOf(name: string, at: number): Look {
  const index = (SUBJECTS[name] ?? at) % COLOURS.length;
  return { name: `line-${index}`, shape: SHAPES[index % SHAPES.length] ?? "circle" };
}

const lines = (of: 0 | 1) => COLOURS.map((pair, i) => `.line-${i}{stroke:${pair[of]};fill:${pair[of]}}`).join("");

/** The background is the picture's own: nothing else tells whether the page around it is light or dark. */
export const STYLE_SHEET = [
  "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}",
  ".page{fill:#ffffff;stroke:#d1d9e0}.quiet{fill:#59636e}.title{font-size:15px;font-weight:600}.strong{font-weight:600}",
  ".grid{stroke:#e3e8ed}.axis{stroke:#818b98}.curve{fill:none;stroke-width:2}.range{stroke-width:1;opacity:.6}",
  lines(0),
  "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117;stroke:#3d444d}.quiet{fill:#9198a1}",
  `.grid{stroke:#262c34}.axis{stroke:#656c76}${lines(1)}}`,
  // After the colours, which fill markers, too.
  ".curve{fill:none}",
].join("");
