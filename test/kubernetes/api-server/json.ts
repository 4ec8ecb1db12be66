/** JSON objects as the API server of the tests handles them. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** A stored object: never changed in place. */
export type Stored = JsonObject & { metadata: Metadata };

export type Metadata = JsonObject & { name: string; uid: string; resourceVersion: string };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The value at a path such as `spec.nodeName`. */
export function at(object: JsonObject, path: string): Json | undefined {
  return path.split(".").reduce<Json | undefined>((value, part) => asObject(value)[part], object);
}
