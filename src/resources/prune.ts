/** Drops what a schema does not know, and nulls that stand for "not given", as a Kubernetes API server does. */
import { type Fault, formatPath } from "./faults.ts";
import type { JsonSchema } from "./schema.ts";

export interface Pruned {
  value: unknown;
  /** Fields that the schema does not have; `FieldValueUnknown`. */
  unknown: Fault[];
  /** Fields that make a fault in any case: known elsewhere and not supported here, or unknown where none may be dropped. */
  refused: Fault[];
}

/**
 * @returns a copy without unknown fields. A null in a field of the schema counts as absent; a null in a map (labels)
 * stays, because dropping it would widen a selector.
 */
export function prune(schema: JsonSchema, value: unknown, path: readonly PropertyKey[]): Pruned {
  const found: Pruned = { value: undefined, unknown: [], refused: [] };
  found.value = walk(schema, value, path, found);
  return found;
}

function walk(schema: JsonSchema, value: unknown, path: readonly PropertyKey[], found: Pruned): unknown {
  const { items } = schema;
  if (Array.isArray(value)) return items ? value.map((each, i) => walk(items, each, [...path, i], found)) : value;
  if (typeof value !== "object" || value === null || schema.type !== "object") return value;
  if (schema["x-kubernetes-preserve-unknown-fields"]) return value;
  const result: [string, unknown][] = [];
  for (const [key, each] of Object.entries(value)) {
    const at = [...path, key];
    const known = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (known) {
      if (each !== null) result.push([key, walk(known, each, at, found)]);
    } else if (schema.additionalProperties) {
      result.push([key, walk(schema.additionalProperties, each, at, found)]);
    } else {
      note(schema, key, at, found);
    }
  }
  return Object.fromEntries(result);
}

function note(schema: JsonSchema, key: string, at: readonly PropertyKey[], found: Pruned): void {
  const path = formatPath(at);
  const refusals = schema["x-clusterlink-refused"] ?? {};
  if (Object.hasOwn(refusals, key)) {
    found.refused.push({ path, type: "FieldValueForbidden", message: `Forbidden: ${refusals[key]}` });
    return;
  }
  const others = Object.keys(schema.properties ?? {}).join(", ");
  const message = `unknown field "${path}"; the fields here are ${others}`;
  const list = schema["x-clusterlink-closed"] ? found.refused : found.unknown;
  list.push({ path, type: "FieldValueUnknown", message });
}
