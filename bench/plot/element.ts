/** SVG as text. */

export type Attributes = Readonly<Record<string, string | number>>;

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @returns text as it stands in an element or an attribute. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}

/** @returns an element with that content, which is markup already. Numbers are rounded to a hundredth of a pixel. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const parts = Object.entries(attributes).map(([key, value]) => {
    return ` ${key}="${typeof value === "number" ? rounded(value) : escapeText(value)}"`;
  });
  const start = `<${name}${parts.join("")}`;
  return content.length === 0 ? `${start}/>` : `${start}>${content.join("")}</${name}>`;
}

/** @returns a line of text at a place. */
export function label(x: number, y: number, text: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escapeText(text));
}

/** @returns a number as it stands in a path. */
export function rounded(value: number): string {
  return String(Number(value.toFixed(2)));
}
