/**
 * Objects in Kubernetes' protobuf: kubectl sends those of Kubernetes' own kinds in no other form.
 *
 * Source: k8s.io/apimachinery runtime/generated.proto (`Unknown`) and meta/v1/generated.proto, k8s.io/api
 * authorization/v1/generated.proto (field numbers), and the protobuf wire format.
 */
import { mediaType, readBytes, readObject } from "./body.ts";
import type { JsonObject } from "./json.ts";
import { ApiError } from "./status-error.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const MAGIC = Buffer.from("k8s\0");

/** Names of the text fields by number, from 1. */
const RESOURCE_ATTRIBUTES = ["namespace", "verb", "group", "version", "resource", "subresource", "name"];
const PATH_ATTRIBUTES = ["path", "verb"];

/** Reads an object as {@link readObject} does, or in protobuf as {@link readProtobuf} does. */
export async function readAnyObject(request: Request): Promise<JsonObject> {
  const type = mediaType(request.headers.get("content-type") ?? undefined);
  return type === PROTOBUF ? readProtobuf(await readBytes(request)) : await readObject(request);
}

/**
 * @returns the object as it is in JSON: apiVersion, kind, of a Namespace its name, and what a SelfSubjectAccessReview
 * asks; nothing else of it
 * @throws {ApiError} 400 where the bytes are no object in protobuf
 */
export function readProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw malformed();
  const envelope = fieldsOf(bytes.subarray(MAGIC.length));
  const type = texts(envelope.get(1), ["apiVersion", "kind"]);
  const object = fieldsOf(envelope.get(2));
  if (type["kind"] === "Namespace") return { ...type, metadata: texts(object.get(1), ["name"]) };
  if (type["kind"] === "SelfSubjectAccessReview") return { ...type, spec: accessAsked(fieldsOf(object.get(2))) };
  return type;
}

function accessAsked(spec: Map<number, Buffer>): JsonObject {
  const [resource, path] = [spec.get(1), spec.get(2)];
  return {
    ...(resource === undefined ? {} : { resourceAttributes: texts(resource, RESOURCE_ATTRIBUTES) }),
    ...(path === undefined ? {} : { nonResourceAttributes: texts(path, PATH_ATTRIBUTES) }),
  };
}

function texts(message: Buffer | undefined, names: readonly string[]): JsonObject {
  const fields = [...fieldsOf(message)].map(([number, value]) => [names[number - 1], value.toString()] as const);
  return Object.fromEntries(fields.filter(([name, text]) => name !== undefined && text !== ""));
}

/** The length-delimited fields of a message by number, the last of each; an absent message has none. */
function fieldsOf(message: Buffer = Buffer.alloc(0)): Map<number, Buffer> {
  const fields = new Map<number, Buffer>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = message[at];
      if (byte === undefined) throw malformed();
      at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw malformed();
  };
  while (at < message.length) {
    const tag = varint();
    const [number, wireType] = [tag >>> 3, tag & 7];
    const value = varint();
    // Everything that reviews are made of is length-delimited or a number.
    if (wireType === 0) continue;
    if (wireType !== 2 || value > message.length - at) throw malformed();
    fields.set(number, message.subarray(at, at + value));
    at += value;
  }
  return fields;
}

function malformed(): ApiError {
  return new ApiError("BadRequest", "the body cannot be read as an object in protobuf");
}
