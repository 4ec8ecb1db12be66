/** Zod's issues in the words of the Kubernetes API. */
import type { z } from "zod";
import { type Fault, formatPath } from "./faults.ts";
import { type JsonSchema, schemaAt } from "./schema.ts";

type Issue = z.core.$ZodIssue;

/**
 * @param schema - of the object that was parsed; limits and descriptions are taken from it
 * @param base - the path of that object
 * @returns one fault a field, in the order of the fields; of several about one field the first
 */
export function toFaults(schema: JsonSchema, issues: readonly Issue[], base: readonly PropertyKey[]): Fault[] {
  const faults = new Map<string, Fault>();
  for (const issue of issues) {
    const path = formatPath([...base, ...issue.path]);
    if (!faults.has(path)) faults.set(path, { path, ...describe(schemaAt(schema, issue.path) ?? {}, issue) });
  }
  return [...faults.values()];
}

function describe(node: JsonSchema, issue: Issue): Omit<Fault, "path"> {
  if (issue.code === "invalid_key") {
    const reason = issue.issues[0]?.message ?? "is no valid key";
    return { type: "FieldValueInvalid", message: `Invalid value: ${quote(issue.path.at(-1))}: ${reason}` };
  }
  if (issue.input === undefined && issue.code !== "custom") return required(node.description ?? "must be given");
  if (issue.code === "invalid_type") return wrongType(node, issue.input);
  if (issue.code === "invalid_value") return unsupported(issue.values, issue.input);
  if (issue.code === "too_big" || issue.code === "too_small") return outOfBounds(node, issue);
  if (issue.code === "custom") return custom(issue.params, issue.message, issue.input);
  return { type: "FieldValueInvalid", message: `Invalid value: ${quote(issue.input)}: ${issue.message}` };
}

function required(what: string): Omit<Fault, "path"> {
  return { type: "FieldValueRequired", message: `Required value: ${what}` };
}

function wrongType(node: JsonSchema, input: unknown): Omit<Fault, "path"> {
  const wanted = node.type ?? "string";
  const fractional = wanted === "integer" && typeof input === "number";
  const got = fractional ? "a number with a fraction or out of range" : withArticle(nameOfType(input));
  const quoted = wanted === "string" && (typeof input === "boolean" || typeof input === "number");
  const remedy = quoted ? `; write it in quotes: "${String(input)}"` : "";
  const message = `Invalid value: ${quote(input)}: must be ${withArticle(wanted)}, not ${got}${remedy}`;
  return { type: "FieldValueTypeInvalid", message };
}

function unsupported(values: readonly unknown[], input: unknown): Omit<Fault, "path"> {
  const supported = values.map(quote).join(", ");
  return {
    type: "FieldValueNotSupported",
    message: `Unsupported value: ${quote(input)}: supported values: ${supported}`,
  };
}

function outOfBounds(node: JsonSchema, issue: Issue & { code: "too_big" | "too_small" }): Omit<Fault, "path"> {
  const { input } = issue;
  if (Array.isArray(input)) {
    if (issue.code === "too_small") return required(`must have at least ${node.minItems ?? 1} item(s)`);
    const message = `Too many: ${input.length}: must have at most ${node.maxItems} items`;
    return { type: "FieldValueTooMany", message };
  }
  if (typeof input === "string") {
    if (issue.code === "too_small") return required(node.description ?? "must not be empty");
    const limit = "maximum" in issue ? issue.maximum : node.maxLength;
    return {
      type: "FieldValueTooLong",
      message: `Too long: may not be more than ${limit} characters, has ${input.length}`,
    };
  }
  const bounds =
    node.maximum === undefined
      ? `greater than or equal to ${node.minimum}`
      : `between ${node.minimum} and ${node.maximum}, inclusive`;
  return { type: "FieldValueInvalid", message: `Invalid value: ${quote(input)}: must be ${bounds}` };
}

function custom(params: Record<string, unknown> | undefined, reason: string, input: unknown): Omit<Fault, "path"> {
  const type = params?.type;
  if (type === "FieldValueRequired") return required(reason);
  if (type === "FieldValueForbidden") return { type, message: `Forbidden: ${reason}` };
  if (type === "FieldValueTooLong") return { type, message: `Too long: ${reason}` };
  if (type === "FieldValueDuplicate") return { type, message: `Duplicate value: ${quote(input)}: ${reason}` };
  return { type: "FieldValueInvalid", message: `Invalid value: ${quote(input)}: ${reason}` };
}

const QUOTED = 120;

/** A value as JSON, cut when it is long: messages go to terminals and logs. */
function quote(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[…]" : "{…}";
  const text = JSON.stringify(
    typeof value === "string" && value.length > QUOTED ? `${value.slice(0, QUOTED)}…` : value,
  );
  return text ?? "null";
}

function nameOfType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function withArticle(noun: string): string {
  if (noun === "null") return noun;
  return /^[aeio]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}
