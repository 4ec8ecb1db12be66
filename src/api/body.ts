import { isObject, type Json, type JsonObject, plainJson } from "./json.ts";
import { ApiError } from "./status-error.ts";

/** The largest body of a request, in bytes. */
export const MAX_BODY = 1024 * 1024;

/**
 * @returns the body, at most {@link MAX_BODY} bytes
 * @throws {ApiError} 415 for a compressed one (RFC 9110, 8.4), 413 past the limit, 400 where the client leaves before its end
 */
export async function readBytes(request: Request): Promise<Buffer> {
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new ApiError(
      "UnsupportedMediaType",
      `the content encoding ${encoding} is not understood; send the body as it is`,
    );
  }
  const tooLarge = () =>
    new ApiError("RequestEntityTooLarge", `the body is larger than ${MAX_BODY} bytes; split it into several requests`);
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > MAX_BODY) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    if (!request.signal.aborted) throw cause;
    throw new ApiError("BadRequest", "the connection was closed before the whole body had come", {}, { cause });
  }
  return Buffer.concat(chunks);
}

/**
 * @returns the body as text
 * @throws {ApiError} as {@link readBytes}, and 400 for what is no UTF-8
 */
export async function readBody(request: Request): Promise<string> {
  const bytes = await readBytes(request);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ApiError("BadRequest", "the body is not UTF-8", {}, { cause });
  }
}

/** @returns the media type of a Content-Type header without its parameters; JSON where there is none. */
export function mediaType(contentType: string | undefined): string {
  const [type = ""] = (contentType ?? "").split(";");
  return type.trim().toLowerCase() || "application/json";
}

/**
 * @returns the parsed text
 * @throws {ApiError} 400 where it is malformed, several documents, or larger than any resource once aliases are expanded
 */
export function parseText(text: string, language: "JSON" | "YAML"): Json {
  try {
    return plainJson(language === "JSON" ? JSON.parse(text) : onlyDocument(Bun.YAML.parse(text)));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError("BadRequest", `the body cannot be read as ${language}: ${why}`, {}, { cause });
  }
}

/** Documents beside the only one that has something in it are what a `---` before or after it leaves. */
function onlyDocument(parsed: unknown): unknown {
  if (!Array.isArray(parsed) || parsed.length < 2) return parsed;
  const [only, ...more] = parsed.filter((document) => document !== null);
  return more.length === 0 ? only : parsed;
}

/**
 * Reads an object from a request in JSON or YAML, as its Content-Type says.
 * @throws {ApiError} 415 for another type, 413, 400
 */
export async function readObject(request: Request): Promise<JsonObject> {
  const type = mediaType(request.headers.get("content-type") ?? undefined);
  const yaml = type === "application/yaml" || type === "application/x-yaml";
  if (!yaml && type !== "application/json") {
    throw new ApiError("UnsupportedMediaType", `${type} is not understood; send application/json or application/yaml`);
  }
  const value = parseText(await readBody(request), yaml ? "YAML" : "JSON");
  if (!isObject(value))
    throw new ApiError("BadRequest", "the body must be one object: neither a list, nor several documents, nor empty");
  return value;
}
