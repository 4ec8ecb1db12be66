/** The patches: JSON merge patch (RFC 7386) and JSON patch (RFC 6902). */
import { badRequest, Failure } from "./failure.ts";
import { asText, isObject, type Json, type JsonObject } from "./json.ts";

export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** @throws Failure 400 for what is no patch, 422 where it does not fit */
export function jsonPatch(target: Json, patch: unknown): Json {
  if (!Array.isArray(patch)) throw badRequest("a JSON patch is a list");
  return patch.filter(isObject).reduce<Json>(applyOperation, structuredClone(target));
}

function applyOperation(target: Json, { op, path, value = null, from }: JsonObject): Json {
  const parts = partsOf(asText(path));
  switch (op) {
    case "add":
      return put(target, parts, value, true);
    case "replace":
      if (find(target, parts) === undefined) throw unfit(asText(path));
      return put(target, parts, value, false);
    case "remove":
      return remove(target, parts);
    case "test":
      if (!Bun.deepEquals(find(target, parts), value)) throw unfit(asText(path));
      return target;
    case "move":
    case "copy": {
      const moved = find(target, partsOf(asText(from)));
      if (moved === undefined) throw unfit(asText(from));
      return put(op === "move" ? remove(target, partsOf(asText(from))) : target, parts, structuredClone(moved), true);
    }
    default:
      throw badRequest(`Unexpected kind: ${String(op)}`);
  }
}

function partsOf(path: string): string[] {
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function find(target: Json | undefined, parts: string[]): Json | undefined {
  return parts.reduce<Json | undefined>((value, part) => {
    if (Array.isArray(value)) return value[Number(part)];
    return isObject(value) ? value[part] : undefined;
  }, target);
}

function put(target: Json, parts: string[], value: Json, insert: boolean): Json {
  const last = parts.at(-1);
  if (last === undefined) return value;
  const parent = find(target, parts.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = last === "-" ? parent.length : Number(last);
    parent.splice(index, insert ? 0 : 1, value);
  } else if (isObject(parent)) parent[last] = value;
  else throw unfit(parts.join("/"));
  return target;
}

function remove(target: Json, parts: string[]): Json {
  const parent = find(target, parts.slice(0, -1));
  const last = parts.at(-1) ?? "";
  if (find(target, parts) === undefined) throw unfit(parts.join("/"));
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (isObject(parent)) delete parent[last];
  return target;
}

function unfit(path: string): Failure {
  return new Failure(422, "Invalid", `the server rejected our request due to an error in our request: ${path}`);
}
