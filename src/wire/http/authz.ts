/** `POST /authz`: asks a peer whether a client of ours may use an export, for a token that CONNECT shows. */
import type { Attributes } from "../../policy/attributes.ts";
import { encodeRequest, encodeResponse } from "./encode.ts";
import { HttpFault } from "./errors.ts";
import { isLabels } from "./peer-labels.ts";
import type { ResponseHead } from "./response.ts";

export const AUTHZ_PATH = "/authz";

/** The header field of the token in the answer. */
export const ACCESS_TOKEN_FIELD = "x-access-token";

export interface AuthzRequest {
  exportName: string;
  exportNamespace: string;
  /** What the caller claims of the source; empty for an unidentified client. */
  claims: Record<string, string>;
}

/** What a peer's answer comes to. */
export type AuthzAnswer =
  | { type: "granted"; token: string }
  | { type: "refused"; reason: "not-found" | "denied" }
  /** Another source or another time may do. */
  | { type: "failed"; message: string };

/**
 * What to claim of a source. An unidentified client is told by claiming nothing: a gateway that reads an attribute
 * which is missing as one that is absent must not be given some of them.
 */
export function authzClaims(source: Attributes): Record<string, string> {
  return source.clientKnown ? { ...source.values } : {};
}

/** @param host of the gateway with its port, for the Host field. */
export function encodeAuthzRequest(host: string, request: AuthzRequest): Uint8Array {
  const { exportName, exportNamespace, claims } = request;
  const identified = Object.keys(claims).length > 0;
  const body = {
    ServiceName: exportName,
    ServiceNamespace: exportNamespace,
    SrcAttributes: identified ? claims : null,
  };
  return encodeRequest({
    method: "POST",
    target: AUTHZ_PATH,
    host,
    fields: { "content-type": "application/json" },
    body: new TextEncoder().encode(JSON.stringify(body)),
  });
}

/**
 * Unknown fields are ignored. `SrcAttributes` that is absent, `null` or `{}` is an unidentified client.
 *
 * @throws HttpFault 400 for anything but an object with these fields in their types.
 */
export function parseAuthzRequest(body: Uint8Array): AuthzRequest {
  const object = parseObject(body);
  const claims = object["SrcAttributes"] ?? {};
  if (!isLabels(claims)) throw new HttpFault(400, "SrcAttributes must be an object of strings");
  return {
    exportName: requiredText(object, "ServiceName"),
    exportNamespace: requiredText(object, "ServiceNamespace"),
    claims,
  };
}

/**
 * @param token as AuthzTokens issues it
 * @param close says that the connection is closed after this answer
 */
export function encodeAuthzGrant(token: string, close = false): Uint8Array {
  return encodeResponse({ status: 200, fields: { [ACCESS_TOKEN_FIELD]: token }, close });
}

/** @returns what the head of a peer's answer says; its body is for people. 401 is what older gateways deny with. */
export function readAuthzAnswer({ status, fields }: ResponseHead): AuthzAnswer {
  if (status === 404) return { type: "refused", reason: "not-found" };
  if (status === 401 || status === 403) return { type: "refused", reason: "denied" };
  if (status !== 200) return { type: "failed", message: `the peer answered ${AUTHZ_PATH} with status ${status}` };
  const token = fields.get(ACCESS_TOKEN_FIELD);
  if (token === undefined || token === "") {
    return { type: "failed", message: `the peer's answer to ${AUTHZ_PATH} has no ${ACCESS_TOKEN_FIELD}` };
  }
  return { type: "granted", token };
}

function parseObject(body: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new HttpFault(400, "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpFault(400, "the body must be a JSON object");
  }
  return value as Record<string, unknown>;
}

function requiredText(object: Record<string, unknown>, field: string): string {
  const value = object[field];
  if (typeof value !== "string" || value === "")
    throw new HttpFault(400, `${field} must be a string that is not empty`);
  return value;
}
