/**
 * The kinds as JSON schemas. One form serves both the CRDs (Kubernetes structural schemas) and OpenAPI v3: no
 * `additionalProperties: false`, no `propertyNames`, no `$ref`; what a schema cannot say is in
 * `x-kubernetes-validations`.
 */
import { z } from "zod";
import { KINDS, type KindName } from "./kinds.ts";
import { objectMeta } from "./object-meta.ts";

export interface JsonSchema {
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  description?: string;
  format?: string;
  pattern?: string;
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema;
  "x-kubernetes-list-type"?: "map" | "atomic" | "set";
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-preserve-unknown-fields"?: true;
  "x-kubernetes-validations"?: CelRule[];
  /** Fields that other implementations know and this one refuses, with the reason. Not part of any published schema. */
  "x-clusterlink-refused"?: Record<string, string>;
  /** Unknown fields are never dropped here: without a misspelt requirement a selector would match more. Not published. */
  "x-clusterlink-closed"?: true;
}

export interface CelRule {
  rule: string;
  message: string;
  fieldPath?: string;
}

/**
 * @returns the schema of a whole object: `apiVersion`, `kind`, `metadata` (an object without detail), `spec`, `status`.
 * The same kind gives an equal schema every time; the caller owns it.
 */
export function structuralSchema(kind: KindName): JsonSchema {
  const { description, maxNameLength, singular } = KINDS[kind];
  const rules = maxNameLength === undefined ? [] : [nameRule(singular, maxNameLength)];
  return {
    type: "object",
    description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string", description: "clusterlink.net/v1alpha1." },
      kind: { type: "string", description: `${kind}.` },
      metadata: { type: "object" },
      spec: published(specSchema(kind)),
      status: published(statusSchema(kind)),
    },
    ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
  };
}

/** @returns the schema of `metadata`, with the fields that a client may send. */
export function metadataSchema(): JsonSchema {
  return published(objectMetaSchema());
}

/** @returns the schema of `spec`, refused fields included. */
export function specSchema(kind: KindName): JsonSchema {
  return { ...convert(KINDS[kind].spec), description: `What is wanted of the ${KINDS[kind].singular}.` };
}

/** @returns the schema of `status`. */
export function statusSchema(kind: KindName): JsonSchema {
  return { ...convert(KINDS[kind].status), description: `What is so at present; written by the gateway.` };
}

/** @returns the schema of `metadata`. */
export function objectMetaSchema(): JsonSchema {
  return { ...convert(objectMeta), description: "What every object has." };
}

/** @returns the schema at a path of an object, or `undefined` where it has none. */
export function schemaAt(schema: JsonSchema | undefined, path: readonly PropertyKey[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((node, part) => {
    if (typeof part === "number") return node?.items;
    return node?.properties?.[String(part)] ?? node?.additionalProperties;
  }, schema);
}

function nameRule(singular: string, length: number): CelRule {
  return {
    rule: `self.metadata.name.size() <= ${length}`,
    message: `the name of an ${singular} has ${length} characters at most`,
  };
}

function convert(schema: z.ZodType): JsonSchema {
  return normalized(z.toJSONSchema(schema, { io: "input" }));
}

type Loose = { [key: string]: unknown };

/** Keeps the keywords of {@link JsonSchema}: zod also writes some that a structural schema may not have. */
function normalized(node: unknown): JsonSchema {
  const loose = isLoose(node) ? node : {};
  const { $schema, propertyNames, additionalProperties, properties, items, const: constant, ...kept } = loose;
  const freeForm = isLoose(additionalProperties) && Object.keys(additionalProperties).length === 0;
  const result: Loose = { ...kept };
  if (constant !== undefined) result.enum = [constant];
  if (isLoose(properties)) result.properties = mapValues(properties, normalized);
  if (items !== undefined) result.items = normalized(items);
  if (freeForm) result["x-kubernetes-preserve-unknown-fields"] = true;
  else if (isLoose(additionalProperties)) result.additionalProperties = normalized(additionalProperties);
  if (loose.maximum === Number.MAX_SAFE_INTEGER) delete result.maximum;
  return result;
}

/**
 * Turns refused fields into what a CRD can say: a field that no object may have. What is required beside them is a rule,
 * too: an API server checks no rule of an object that lacks a required field, and would hide why the other is refused.
 */
function published(schema: JsonSchema): JsonSchema {
  const { "x-clusterlink-refused": refused, "x-clusterlink-closed": _, ...kept } = schema;
  const fields = Object.entries(refused ?? {});
  const result: JsonSchema = { ...kept };
  if (result.properties) result.properties = mapValues(result.properties, published);
  if (result.items) result.items = published(result.items);
  if (result.additionalProperties) result.additionalProperties = published(result.additionalProperties);
  if (fields.length === 0) return result;
  const hidden = fields.map(([name]) => [
    name,
    { type: "array", items: { type: "string" }, description: "Not supported." },
  ]);
  result.properties = { ...result.properties, ...Object.fromEntries(hidden) };
  result["x-kubernetes-validations"] = [
    ...(result["x-kubernetes-validations"] ?? []),
    ...fields.map(([name, message]) => ({ rule: `!has(self.${name})`, message })),
    ...(result.required ?? []).map((name) => ({ rule: `has(self.${name})`, message: `${name} is required` })),
  ];
  delete result.required;
  return result;
}

function mapValues<T>(record: { [key: string]: T }, change: (value: T) => JsonSchema): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function isLoose(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
