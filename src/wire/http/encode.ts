/** Writing messages. */
import { formatFieldLine, TOKEN } from "./fields.ts";

const TARGET = /^[\x21-\x7e]+$/;

/** The reasons of the statuses that this dialect answers with. */
const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

export interface OutgoingRequest {
  method: string;
  target: string;
  host: string;
  fields?: Readonly<Record<string, string>>;
  /** With a body Content-Length is set. */
  body?: Uint8Array;
}

export interface OutgoingResponse {
  status: number;
  fields?: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Says that the connection is closed after this answer. */
  close?: boolean;
}

/** @throws TypeError when a part of it could not be sent as it is. */
export function encodeRequest({ method, target, host, fields = {}, body }: OutgoingRequest): Uint8Array {
  if (!TOKEN.test(method)) throw new TypeError(`'${method}' is no method`);
  if (!TARGET.test(target)) throw new TypeError(`'${target}' is no request target`);
  const length: Record<string, string> = body === undefined ? {} : { "content-length": String(body.length) };
  return encode(`${method} ${target} HTTP/1.1\r\n`, { host, ...fields, ...length }, body);
}

/**
 * Content-Length is always set, so that the answer ends where it says.
 *
 * @throws TypeError when a part of it could not be sent as it is.
 */
export function encodeResponse({ status, fields = {}, body, close = false }: OutgoingResponse): Uint8Array {
  const length = { "content-length": String(body?.length ?? 0) };
  const connection: Record<string, string> = close ? { connection: "close" } : {};
  return encode(statusLine(status), { ...fields, ...length, ...connection }, body);
}

/** @returns an answer of one line for people. */
export function encodeTextResponse(status: number, text: string, close = false): Uint8Array {
  const fields = { "content-type": "text/plain; charset=utf-8" };
  return encodeResponse({ status, fields, body: new TextEncoder().encode(`${text}\n`), close });
}

/** The answer to a CONNECT that was accepted: raw bytes follow, so it has no length (RFC 9110 section 9.3.6). */
export const CONNECT_ESTABLISHED: Uint8Array = encode(statusLine(200), {}, undefined);

/** Tells a client that waits with its body to send it. */
export const CONTINUE: Uint8Array = encode(statusLine(100), {}, undefined);

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n`;
}

function encode(line: string, fields: Readonly<Record<string, string>>, body: Uint8Array | undefined): Uint8Array {
  const lines = Object.entries(fields).map(([name, value]) => formatFieldLine(name, value));
  const head = Buffer.from(`${line}${lines.join("")}\r\n`, "latin1");
  return body === undefined || body.length === 0 ? head : Buffer.concat([head, body]);
}
