/**
 * Label and field selectors as list and watch take them, in the grammar of the Kubernetes API
 * (`a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<9`). Pure.
 */
import { isLabelKey, isLabelValue } from "./label-syntax.ts";

/** A selector that cannot be read; the message names the place and the remedy. */
export class SelectorError extends Error {
  readonly code = "InvalidSelector";
  constructor(message: string) {
    super(message);
    this.name = "SelectorError";
  }
}

export type LabelOperator = "in" | "notin" | "exists" | "absent" | "gt" | "lt";

export interface LabelRequirement {
  key: string;
  operator: LabelOperator;
  /** One or more with `in` and `notin`, one integer with `gt` and `lt`, else none. */
  values: string[];
}

/** All of them must hold; none matches everything. */
export type LabelSelector = LabelRequirement[];

/** Upper bound of a selector's text, in characters. */
const LONGEST = 16_384;

/**
 * Reads a label selector. The empty text selects everything. `=`, `==` and `in` are one operator, `!=` and `notin` another.
 *
 * @throws {@link SelectorError} where the text breaks the grammar, or a key or value the rules of labels
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > LONGEST) throw new SelectorError(`the label selector is longer than ${LONGEST} characters`);
  const reader = new TokenReader(text);
  const requirements: LabelSelector = [];
  if (reader.peek() === undefined) return requirements;
  do requirements.push(readRequirement(reader));
  while (reader.take(","));
  if (reader.peek() !== undefined) reader.fail("',' or the end");
  return requirements;
}

/**
 * @returns whether the labels satisfy every requirement. As in Kubernetes, an absent key satisfies `notin` and
 * `absent`, and no other operator.
 */
export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>> | undefined): boolean {
  return selector.every(({ key, operator, values }) => {
    const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (value === undefined) return operator === "notin" || operator === "absent";
    if (operator === "in") return values.includes(value);
    if (operator === "notin") return !values.includes(value);
    if (operator === "exists" || operator === "absent") return operator === "exists";
    if (!INTEGER.test(value)) return false;
    const [actual, bound] = [BigInt(value), BigInt(values[0] ?? 0)];
    return operator === "gt" ? actual > bound : actual < bound;
  });
}

export interface FieldRequirement {
  field: "metadata.name" | "metadata.namespace";
  equal: boolean;
  value: string;
}

/** All of them must hold; none matches everything. */
export type FieldSelector = FieldRequirement[];

/**
 * Reads a field selector: `metadata.name` and `metadata.namespace` with `=`, `==` or `!=`, separated by commas.
 *
 * @throws {@link SelectorError} on any other field or form
 */
export function parseFieldSelector(text: string): FieldSelector {
  if (text.length > LONGEST) throw new SelectorError(`the field selector is longer than ${LONGEST} characters`);
  if (text.trim() === "") return [];
  return text.split(",").map((part) => {
    const [, field = "", operator = "", value = ""] = FIELD.exec(part.trim()) ?? [];
    if (operator === "")
      throw new SelectorError(`field selector ${JSON.stringify(part)} must be FIELD=VALUE or FIELD!=VALUE`);
    if (field !== "metadata.name" && field !== "metadata.namespace") {
      throw new SelectorError(`field label not supported: ${field}; use metadata.name or metadata.namespace`);
    }
    return { field, equal: operator !== "!=", value };
  });
}

/** @returns whether the object's name and namespace (empty for a cluster-scoped one) satisfy every requirement. */
export function matchesFields(selector: FieldSelector, object: { name: string; namespace?: string }): boolean {
  return selector.every(({ field, equal, value }) => {
    const actual = field === "metadata.name" ? object.name : (object.namespace ?? "");
    return (actual === value) === equal;
  });
}

/** Between two runs of spaces there is always something else: else a long run of them takes quadratic time. */
const FIELD = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/;

const INTEGER = /^[+-]?[0-9]{1,18}$/;

const COMPARISONS: ReadonlyMap<string, LabelOperator> = new Map([
  ["=", "in"],
  ["==", "in"],
  ["!=", "notin"],
  [">", "gt"],
  ["<", "lt"],
]);

function readRequirement(reader: TokenReader): LabelRequirement {
  if (reader.take("!")) return { key: readKey(reader), operator: "absent", values: [] };
  const key = readKey(reader);
  const next = reader.peek();
  if (next === undefined || next === ",") return { key, operator: "exists", values: [] };
  if (next === "in" || next === "notin") {
    reader.take(next);
    return { key, operator: next, values: readSet(reader) };
  }
  const operator = COMPARISONS.get(next);
  if (operator === undefined) return reader.fail("one of =, ==, !=, in, notin, >, <");
  reader.take(next);
  const value = readValue(reader);
  if ((operator === "gt" || operator === "lt") && !INTEGER.test(value)) {
    throw new SelectorError(`label selector: ${JSON.stringify(value)} after ${next} must be an integer`);
  }
  return { key, operator, values: [value] };
}

function readKey(reader: TokenReader): string {
  const key = reader.word();
  if (key === undefined) return reader.fail("a label key");
  if (!isLabelKey(key))
    throw new SelectorError(`label selector: ${JSON.stringify(key)} is no label key (for example 'example.com/app')`);
  return key;
}

/** A value; nothing at all stands for the empty one, as in `key=` and `key in (,a)`. */
function readValue(reader: TokenReader): string {
  const value = reader.word() ?? "";
  if (!isLabelValue(value))
    throw new SelectorError(`label selector: ${JSON.stringify(value)} is no label value (for example 'frontend')`);
  return value;
}

function readSet(reader: TokenReader): string[] {
  if (!reader.take("(")) reader.fail("'('");
  const values = [readValue(reader)];
  while (reader.take(",")) values.push(readValue(reader));
  if (!reader.take(")")) reader.fail("')'");
  return [...new Set(values)].sort();
}

const TOKEN = /\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)/gy;

class TokenReader {
  readonly #text: string;
  readonly #tokens: string[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = Array.from(text.matchAll(TOKEN), (match) => match[1] ?? "");
  }

  peek(): string | undefined {
    return this.#tokens[this.#next];
  }

  take(token: string): boolean {
    if (this.peek() !== token) return false;
    this.#next++;
    return true;
  }

  /** Takes the next token if it is a word (`in` and `notin` are words where a key or a value stands). */
  word(): string | undefined {
    const token = this.peek();
    if (token === undefined || /^[=!<>(),]/.test(token)) return undefined;
    this.#next++;
    return token;
  }

  fail(expected: string): never {
    const found = this.peek();
    const got = found === undefined ? "the end" : JSON.stringify(found);
    throw new SelectorError(
      `label selector ${JSON.stringify(this.#text.slice(0, 200))}: expected ${expected}, found ${got}`,
    );
  }
}
