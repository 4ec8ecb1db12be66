/** CONNECT: opens a raw connection to the export that its token is for. */
import { formatHostPort } from "../../resources/address.ts";
import { encodeRequest } from "./encode.ts";
import type { Fields } from "./fields.ts";

/** Why a CONNECT is answered with 400. */
export type TokenFault = "missing" | "not-bearer";

/**
 * @param host of the gateway, without brackets
 * @param token as `/authz` gave it
 * @param trace W3C `traceparent`, or empty; gateways that do not know it ignore it.
 */
export function encodeConnect(host: string, port: number, token: string, trace = ""): Uint8Array {
  const authority = formatHostPort(host, port);
  return encodeRequest({
    method: "CONNECT",
    target: authority,
    host: authority,
    fields: { authorization: `Bearer ${token}`, ...(trace === "" ? {} : { traceparent: trace }) },
  });
}

/** @returns the token of the `authorization` field; the scheme's case does not matter (RFC 9110 section 11.1). */
export function bearerToken(fields: Fields): { token: string } | { fault: TokenFault } {
  const authorization = fields.get("authorization");
  if (authorization === undefined) return { fault: "missing" };
  const token = /^bearer +([-0-9A-Za-z._~+/]+=*)$/i.exec(authorization)?.[1];
  return token === undefined ? { fault: "not-bearer" } : { token };
}
