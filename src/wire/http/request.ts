/** Reading requests: heads, one after the other. */
import { HttpFault } from "./errors.ts";
import { type Fields, listOf, parseFields } from "./fields.ts";
import { type BodyFraming, type HttpVersion, requestFraming } from "./framing.ts";
import { HeadReader } from "./head-reader.ts";

export interface RequestHead {
  method: string;
  /** As it was sent. */
  target: string;
  /** Without query; empty for the authority form, `*` for the asterisk form. Nothing is decoded or normalised. */
  path: string;
  version: HttpVersion;
  fields: Fields;
  framing: BodyFraming;
  /** Whether another request may follow on this connection. */
  keepAlive: boolean;
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
  /** The bytes of the head, to hand the request on untouched. */
  raw: Uint8Array;
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/([0-9])\.([0-9])$/;
/** RFC 9112 section 3.2.3 wants a port; gateways ignore what stands here, and some send none. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[-0-9A-Za-z._~%!$&'()*+,;=]+)(?::[0-9]{0,5})?$/;
const ABSOLUTE = /^https?:\/\/[^/?]+(\/[^?]*)?(?:\?.*)?$/i;
/** RFC 9110 section 7.2: a host, or nothing, and perhaps a port. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[-0-9A-Za-z._~%!$&'()*+,;=]*)(?::[0-9]{0,5})?$/;
const TOKEN_START = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

/** Reads the heads of requests. Bodies are read by BodyReader in between, as `framing` says. */
export class RequestParser {
  readonly #reader = new HeadReader();

  /** Whether a head has begun and not ended. */
  get started(): boolean {
    return this.#reader.started;
  }

  /**
   * Takes bytes up to the end of a head; what is left of `chunk` belongs to the body or to the next request. It may
   * keep `chunk`: the caller must not write to it afterwards.
   *
   * @throws HttpFault; the parser must not be used after it.
   */
  push(chunk: Uint8Array): { consumed: number; head?: RequestHead } {
    // What speaks another protocol is told so with its first byte instead of being listened to up to the limit.
    if (!this.#reader.started && chunk.length > 0 && !TOKEN_START.test(String.fromCharCode(chunk[0] as number))) {
      throw new HttpFault(400, "this is no HTTP request");
    }
    const { consumed, head } = this.#reader.push(chunk);
    return head === undefined ? { consumed } : { consumed, head: parseRequestHead(head) };
  }
}

/**
 * @param raw a whole head, its empty line included
 * @throws HttpFault
 */
export function parseRequestHead(raw: Uint8Array): RequestHead {
  const [line = "", ...lines] = headLines(raw);
  const [, method, target, major, minor] = REQUEST_LINE.exec(line) ?? [];
  if (method === undefined || target === undefined) throw new HttpFault(400, "the request line is malformed");
  if (major !== "1" || (minor !== "0" && minor !== "1"))
    throw new HttpFault(505, "only HTTP/1.1 and 1.0 are spoken here");
  const version = minor === "1" ? "1.1" : "1.0";
  const path = pathOf(method, target);
  const fields = parseFields(lines);
  checkHost(version, fields);
  return {
    method,
    target,
    path,
    version,
    fields,
    framing: requestFraming(method, version, fields),
    keepAlive: keepsAlive(version, fields),
    expectsContinue: version === "1.1" && fields.get("expect")?.toLowerCase() === "100-continue",
    raw,
  };
}

/** @returns the lines of a head without their ends; one character a byte. */
export function headLines(raw: Uint8Array): string[] {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.length - 4)
    .toString("latin1")
    .split("\r\n");
}

/** @returns whether the connection may be used again after this message (RFC 9112 section 9.3). */
export function keepsAlive(version: HttpVersion, fields: Fields): boolean {
  return version === "1.1" && !listOf(fields, "connection").includes("close");
}

function pathOf(method: string, target: string): string {
  if (target.includes("#")) throw new HttpFault(400, "the request target has a fragment");
  if (target.startsWith("/")) return target.split("?", 1)[0] as string;
  if (method === "CONNECT") {
    if (!AUTHORITY.test(target)) throw new HttpFault(400, "the target of CONNECT must be HOST or HOST:PORT");
    return "";
  }
  if (target === "*" && method === "OPTIONS") return "*";
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) throw new HttpFault(400, "the request target is malformed");
  return absolute[1] ?? "/";
}

function checkHost(version: HttpVersion, fields: Fields): void {
  const host = fields.get("host");
  if (host === undefined) {
    if (version === "1.1") throw new HttpFault(400, "header field Host is missing");
    return;
  }
  if (!HOST.test(host)) throw new HttpFault(400, "header field Host is malformed");
}
