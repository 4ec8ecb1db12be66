/** Header fields, read as strictly as RFC 9112 section 5 allows. */
import { HttpFault } from "./errors.ts";

/** Lower-case names; the lines of a repeated list field are joined by ", " (RFC 9110 section 5.3). */
export type Fields = ReadonlyMap<string, string>;

/** RFC 9110 section 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Visible characters, spaces, tabs and obs-text; no other control character, so neither CR nor NUL. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Fields that must not come twice: what they say would depend on which line a reader takes. */
const SINGLE = new Set(["host", "content-length", "authorization", "x-access-token", "clusterlinkpeerlabels"]);

/** @throws HttpFault (400) on obs-fold, space before the colon, names that are no tokens, control characters. */
export function parseFieldLine(line: string): { name: string; value: string } {
  if (line.startsWith(" ") || line.startsWith("\t")) throw new HttpFault(400, "a header field is folded");
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  if (!TOKEN.test(name)) throw new HttpFault(400, "a header field's name is no token");
  const value = line.slice(colon + 1);
  if (!FIELD_VALUE.test(value)) throw new HttpFault(400, `header field ${name} holds a control character`);
  return { name: name.toLowerCase(), value: trimmed(value) };
}

/** @throws HttpFault (400) as {@link parseFieldLine}, and on a repeated field that must be single. */
export function parseFields(lines: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const { name, value } = parseFieldLine(line);
    const before = fields.get(name);
    if (before !== undefined && SINGLE.has(name)) throw new HttpFault(400, `header field ${name} comes twice`);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

/** @returns the elements of a comma-separated list in lower case, without empty ones; none for an absent field. */
export function listOf(fields: Fields, name: string): string[] {
  const elements = (fields.get(name) ?? "").split(",").map((element) => trimmed(element).toLowerCase());
  return elements.filter((element) => element !== "");
}

/** @throws TypeError when the field could not be sent as it is: it would end early or start another one. */
export function formatFieldLine(name: string, value: string): string {
  if (!TOKEN.test(name)) throw new TypeError(`'${name}' is no field name`);
  if (!FIELD_VALUE.test(value)) throw new TypeError(`the value of field ${name} cannot be sent`);
  return `${name}: ${value}\r\n`;
}

/** Without spaces and tabs at both ends, and nothing else: `trim` would take U+00A0, which is obs-text here. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
