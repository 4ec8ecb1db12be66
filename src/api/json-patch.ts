/** JSON Patch (RFC 6902) over JSON Pointers (RFC 6901). */
import { isObject, type Json, jsonEqual } from "./json.ts";

/** The document is not a patch, or does not fit the object that it is applied to. */
export class JsonPatchError extends Error {
  constructor(
    /** `malformed`: it is no patch at all; `inapplicable`: a path is missing or a test failed. */
    readonly code: "malformed" | "inapplicable",
    message: string,
  ) {
    super(message);
    this.name = "JsonPatchError";
  }
}

/** Kubernetes' bounds: operations, and characters of JSON that all copies of a patch make together. */
const MAX_OPERATIONS = 10_000;
const MAX_COPIED = 3 * 1024 * 1024;

interface Operation {
  op: string;
  path: string[];
  from: string[] | undefined;
  value: Json | undefined;
}

/**
 * @returns a copy of the target with every operation applied in order
 * @throws {JsonPatchError}
 */
export function jsonPatch(target: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw new JsonPatchError("malformed", "a JSON patch is an array of operations");
  if (patch.length > MAX_OPERATIONS) {
    throw new JsonPatchError(
      "malformed",
      `the patch has ${patch.length} operations, at most ${MAX_OPERATIONS} are allowed`,
    );
  }
  let copied = 0;
  return patch.map(readOperation).reduce<Json>((at, operation) => {
    if (operation.op === "copy") copied += JSON.stringify(read(at, operation.from ?? [])).length;
    // A value that is copied into itself doubles every time.
    if (copied > MAX_COPIED) {
      throw new JsonPatchError("inapplicable", `the patch copies more than ${MAX_COPIED} characters; copy less`);
    }
    return applyOperation(at, operation);
  }, structuredClone(target));
}

function readOperation(given: Json, index: number): Operation {
  const fault = (what: string) => new JsonPatchError("malformed", `operation ${index} of the JSON patch ${what}`);
  if (!isObject(given)) throw fault("is not an object");
  const { op, path, from, value } = given;
  if (typeof op !== "string" || !["add", "remove", "replace", "move", "copy", "test"].includes(op)) {
    throw fault(`has the unknown op ${JSON.stringify(op)}`);
  }
  if (typeof path !== "string") throw fault("has no path");
  const needsFrom = op === "move" || op === "copy";
  if (needsFrom && typeof from !== "string") throw fault("has no from");
  const needsValue = op === "add" || op === "replace" || op === "test";
  if (needsValue && value === undefined) throw fault("has no value");
  return { op, path: pointer(path, fault), from: typeof from === "string" ? pointer(from, fault) : undefined, value };
}

function pointer(text: string, fault: (what: string) => JsonPatchError): string[] {
  if (text === "") return [];
  if (!text.startsWith("/")) throw fault(`has the path ${JSON.stringify(text)}; a JSON pointer starts with "/"`);
  const parts = text
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (parts.includes("__proto__")) throw fault('names "__proto__"');
  return parts;
}

/** Changes the target, which is nobody else's: a copy for every operation would take minutes for a long patch. */
function applyOperation(target: Json, { op, path, from = [], value = null }: Operation): Json {
  switch (op) {
    case "add":
      return add(target, path, structuredClone(value));
    case "remove":
      return remove(target, path);
    case "replace":
      if (path.length > 0) remove(target, path);
      return add(target, path, structuredClone(value));
    case "move": {
      if (path.length > from.length && from.every((part, index) => part === path[index])) {
        throw new JsonPatchError("inapplicable", `cannot move ${show(from)} into itself`);
      }
      const moved = read(target, from);
      return add(remove(target, from), path, moved);
    }
    case "copy":
      return add(target, path, structuredClone(read(target, from)));
    default:
      if (!jsonEqual(read(target, path), value)) {
        throw new JsonPatchError("inapplicable", `the test of ${show(path)} failed: the value is another`);
      }
      return target;
  }
}

type Container = Json[] | { [key: string]: Json };

function show(path: readonly string[]): string {
  return JSON.stringify(`/${path.join("/")}`);
}

function missing(path: readonly string[]): JsonPatchError {
  return new JsonPatchError("inapplicable", `there is nothing at ${show(path)}`);
}

function child(container: Json, key: string): Json | undefined {
  if (Array.isArray(container)) return /^(0|[1-9][0-9]*)$/.test(key) ? container[Number(key)] : undefined;
  return isObject(container) && Object.hasOwn(container, key) ? container[key] : undefined;
}

function read(target: Json, path: readonly string[]): Json {
  return path.reduce<Json>((at, key) => {
    const next = child(at, key);
    if (next === undefined) throw missing(path);
    return next;
  }, target);
}

/** The container that the path ends in, and the last part of the path. */
function place(target: Json, path: readonly string[]): { parent: Container; key: string } {
  const parent = read(target, path.slice(0, -1));
  if (!isObject(parent) && !Array.isArray(parent)) throw missing(path);
  return { parent, key: path.at(-1) ?? "" };
}

function add(target: Json, path: readonly string[], value: Json): Json {
  if (path.length === 0) return value;
  const { parent, key } = place(target, path);
  if (Array.isArray(parent)) {
    const at = key === "-" ? parent.length : /^(0|[1-9][0-9]*)$/.test(key) ? Number(key) : Number.NaN;
    if (!(at <= parent.length)) throw missing(path);
    parent.splice(at, 0, value);
  } else parent[key] = value;
  return target;
}

function remove(target: Json, path: readonly string[]): Json {
  if (path.length === 0) throw new JsonPatchError("inapplicable", "the whole object cannot be removed by a patch");
  const { parent, key } = place(target, path);
  if (child(parent, key) === undefined) throw missing(path);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return target;
}
