/**
 * The OpenAPI v2 document, for kubectl before 1.28, which learns from it alone which query parameters a kind's patch
 * takes, and reads it in protobuf alone. It holds that and no more; everything else is in OpenAPI v3.
 *
 * Source: github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto (field numbers), and the protobuf wire format.
 */
import { KIND_NAMES, KINDS, type KindName } from "../resources/kinds.ts";
import { API_VERSION, GROUP, VERSION } from "../resources/meta.ts";

/** What clients get. */
export const OPENAPI_V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** What clients accept; most ask by the second name, which is no valid media type and so is never sent. */
export const OPENAPI_V2_ACCEPTED = [OPENAPI_V2_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"];

/** A length-delimited field: a text, or a message of encoded fields. */
function field(number: number, value: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function message(number: number, ...fields: Uint8Array[]): Uint8Array {
  return field(number, Buffer.concat(fields));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Uint8Array.from([...bytes, left]);
}

/** `ParametersItem { Parameter { NonBodyParameter { QueryParameterSubSchema } } }`, field 8 of `Operation`. */
function queryParameter(name: string, type: string): Uint8Array {
  return message(8, message(1, message(2, message(3, field(2, "query"), field(4, name), field(6, type)))));
}

/** `NamedPathItem` with a `PathItem` whose field 8 is the `patch` operation. */
function patchPath(kind: KindName): Uint8Array {
  const { plural, namespaced } = KINDS[kind];
  const path = `/apis/${API_VERSION}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}/{name}`;
  const gvk = `group: ${GROUP}\nversion: ${VERSION}\nkind: ${kind}\n`;
  const operation = message(
    8,
    field(5, `patch${kind}`),
    ...["dryRun", "fieldManager", "fieldValidation"].map((name) => queryParameter(name, "string")),
    queryParameter("force", "boolean"),
    message(13, field(1, "x-kubernetes-group-version-kind"), message(2, field(2, gvk))),
  );
  return message(2, field(1, path), message(2, operation));
}

/** @returns the document in protobuf. */
export function openApiV2(version: string): Uint8Array {
  const info = message(2, field(1, "ClusterLink"), field(2, version));
  return Buffer.concat([field(1, "2.0"), info, message(8, ...KIND_NAMES.map(patchPath))]);
}
