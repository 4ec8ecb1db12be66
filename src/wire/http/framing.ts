/** Where the body of a message ends (RFC 9112 section 6), without any leniency that lets two readers disagree. */
import { HttpFault } from "./errors.ts";
import { type Fields, listOf } from "./fields.ts";

export type BodyFraming =
  | { type: "none" }
  | { type: "length"; length: number }
  | { type: "chunked" }
  /** A response that ends with its connection. */
  | { type: "until-close" };

export type HttpVersion = "1.0" | "1.1";

/**
 * @throws HttpFault 400 where the fields contradict each other or a CONNECT announces a body, 501 for a transfer
 * coding other than chunked.
 */
export function requestFraming(method: string, version: HttpVersion, fields: Fields): BodyFraming {
  const framing = declaredFraming(version, fields) ?? { type: "none" };
  const empty = framing.type === "none" || (framing.type === "length" && framing.length === 0);
  if (method === "CONNECT" && !empty) throw new HttpFault(400, "a CONNECT request has no body");
  return empty ? { type: "none" } : framing;
}

/**
 * @param method of the request that is answered: a 2xx answer to CONNECT has no body, whatever its fields say
 * @throws HttpFault as {@link requestFraming}
 */
export function responseFraming(method: string, status: number, version: HttpVersion, fields: Fields): BodyFraming {
  const established = method === "CONNECT" && status >= 200 && status < 300;
  if (established || method === "HEAD" || status < 200 || status === 204 || status === 304) return { type: "none" };
  return declaredFraming(version, fields) ?? { type: "until-close" };
}

function declaredFraming(version: HttpVersion, fields: Fields): BodyFraming | undefined {
  const length = fields.get("content-length");
  const codings = fields.has("transfer-encoding") ? listOf(fields, "transfer-encoding") : undefined;
  if (codings !== undefined) {
    if (length !== undefined) throw new HttpFault(400, "both Content-Length and Transfer-Encoding are given");
    if (version === "1.0") throw new HttpFault(400, "HTTP/1.0 knows no Transfer-Encoding");
    checkCodings(codings);
    return { type: "chunked" };
  }
  if (length === undefined) return undefined;
  // 15 digits are exact in a number, and more than any limit.
  if (!/^[0-9]{1,15}$/.test(length)) throw new HttpFault(400, "Content-Length is no number");
  return { type: "length", length: Number(length) };
}

function checkCodings(codings: readonly string[]): void {
  if (codings.length === 1 && codings[0] === "chunked") return;
  const chunked = codings.filter((coding) => coding === "chunked").length;
  if (chunked > 1) throw new HttpFault(400, "the body is chunked twice");
  if (chunked === 1 && codings.at(-1) !== "chunked")
    throw new HttpFault(400, "chunked is not the last transfer coding");
  if (codings.length === 0) throw new HttpFault(400, "Transfer-Encoding is empty");
  throw new HttpFault(501, "the only transfer coding understood is chunked");
}
