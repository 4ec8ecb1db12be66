/** What a CRD's structural schema does to an object: defaults are set, unknown fields dropped, the rest is judged. */
import type { Cause } from "./failure.ts";
import { asObject, isObject, type Json, type JsonObject } from "./json.ts";

/** @returns the value with the schema's defaults in it and without what the schema does not know. */
export function shape(schema: JsonObject, value: Json): Json {
  if (Array.isArray(value)) return value.map((each) => shape(asObject(schema["items"]), each));
  if (!isObject(value)) return value;
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return value;
  const properties = asObject(schema["properties"]);
  const others = schema["additionalProperties"];
  const shaped: JsonObject = {};
  for (const [key, each] of Object.entries(value)) {
    const known = properties[key] ?? (isObject(others) ? others : undefined);
    if (isObject(known) && !(each === null && known["default"] !== undefined)) shaped[key] = shape(known, each);
  }
  for (const [key, property] of Object.entries(properties)) {
    const standard = asObject(property)["default"];
    if (standard !== undefined && shaped[key] === undefined) shaped[key] = shape(asObject(property), standard);
  }
  return shaped;
}

/** @returns every place where the value is not as the schema says. */
export function judge(schema: JsonObject, value: Json, field: string): Cause[] {
  const wrong = typeFault(schema, value, field);
  if (wrong) return [wrong];
  if (typeof value === "string") return judgeText(schema, value, field);
  if (typeof value === "number") return judgeNumber(schema, value, field);
  if (Array.isArray(value)) return judgeList(schema, value, field);
  return isObject(value) ? judgeObject(schema, value, field) : [];
}

function typeFault(schema: JsonObject, value: Json, field: string): Cause | undefined {
  const actual = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const wanted = schema["type"];
  const fits =
    wanted === undefined ||
    wanted === actual ||
    (actual === "number" && wanted === "integer" && Number.isInteger(value));
  if (fits) return undefined;
  const message = `Invalid value: "${actual}": ${field} in body must be of type ${wanted}: "${actual}"`;
  return { field, reason: "FieldValueTypeInvalid", message };
}

const fault = (field: string, value: Json, rule: string): Cause => ({
  field,
  reason: "FieldValueInvalid",
  message: `Invalid value: ${JSON.stringify(value)}: ${field} in body ${rule}`,
});

function judgeText(schema: JsonObject, value: string, field: string): Cause[] {
  const { enum: choices, pattern, minLength, maxLength } = schema;
  const causes: Cause[] = [];
  if (Array.isArray(choices) && !choices.includes(value)) {
    const message = `Unsupported value: "${value}": supported values: ${choices.map((each) => `"${each}"`).join(", ")}`;
    causes.push({ field, reason: "FieldValueNotSupported", message });
  }
  if (typeof pattern === "string" && !new RegExp(pattern).test(value)) {
    causes.push(fault(field, value, `should match '${pattern}'`));
  }
  if (typeof minLength === "number" && value.length < minLength) {
    causes.push(fault(field, value, `should be at least ${minLength} chars long`));
  }
  if (typeof maxLength === "number" && value.length > maxLength) {
    const message = `Too long: may not be more than ${maxLength} bytes`;
    causes.push({ field, reason: "FieldValueTooLong", message });
  }
  return causes;
}

function judgeNumber({ minimum, maximum }: JsonObject, value: number, field: string): Cause[] {
  if (typeof minimum === "number" && value < minimum) {
    return [fault(field, value, `should be greater than or equal to ${minimum}`)];
  }
  if (typeof maximum === "number" && value > maximum) {
    return [fault(field, value, `should be less than or equal to ${maximum}`)];
  }
  return [];
}

function judgeList({ items, minItems, maxItems }: JsonObject, value: Json[], field: string): Cause[] {
  if (typeof minItems === "number" && value.length < minItems) {
    return [fault(field, value.length, `should have at least ${minItems} items`)];
  }
  if (typeof maxItems === "number" && value.length > maxItems) {
    const message = `Too many: ${value.length}: must have at most ${maxItems} items`;
    return [{ field, reason: "FieldValueTooMany", message }];
  }
  return value.flatMap((each, index) => judge(asObject(items), each, `${field}[${index}]`));
}

function judgeObject(schema: JsonObject, value: JsonObject, field: string): Cause[] {
  const path = (name: string) => (field === "" ? name : `${field}.${name}`);
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
  const missing = required
    .filter((name) => value[name] === undefined)
    .map((name) => ({ field: path(name), reason: "FieldValueRequired", message: "Required value" }));
  const properties = asObject(schema["properties"]);
  const others = asObject(schema["additionalProperties"]);
  const below = Object.entries(value).flatMap(([name, each]) =>
    judge(asObject(properties[name] ?? others), each, path(name)),
  );
  return [...missing, ...below];
}
