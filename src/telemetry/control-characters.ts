/** Names and labels come from other sites: what is logged of them must neither end a line nor steer a terminal. */

/**
 * @returns the text with every character that does, the C1 controls and those that turn the direction of writing among
 * them, as `\uXXXX`. Of a JSON text that is the same JSON.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
