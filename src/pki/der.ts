/** A strict reader of DER (X.690), for what identity depends on: definite, minimal lengths and nothing left over. */
import { PkiError } from "./errors.ts";

/** The tags that certificates use, as the whole identifier byte. */
export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
} as const;

/** One element: its tag and the bytes inside it. */
export interface DerElement {
  tag: number;
  content: Buffer;
}

/**
 * Splits bytes into the elements that they consist of.
 *
 * @throws PkiError `malformed-certificate` on anything that is not DER, or that is cut off.
 */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    if ((tag & 0x1f) === 0x1f) throw malformed("a tag of more than one byte");
    const { length, start } = readLength(bytes, at + 1);
    if (start + length > bytes.length) throw malformed("an element that is cut off");
    elements.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}

/** @returns the one element that these bytes are. @throws PkiError when it is not alone or has another tag. */
export function readOnly(bytes: Buffer, tag: number): Buffer {
  const [first, ...rest] = readElements(bytes);
  if (first === undefined || rest.length > 0) throw malformed("extra or missing bytes");
  if (first.tag !== tag) throw malformed(`tag 0x${first.tag.toString(16)} where 0x${tag.toString(16)} belongs`);
  return first.content;
}

/** @returns the dotted form of an object identifier's content. */
export function readOid(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  let begun = false;
  for (const byte of content) {
    if (!begun && byte === 0x80) throw malformed("an object identifier that is padded");
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw malformed("an object identifier that is too large");
    begun = (byte & 0x80) !== 0;
    if (begun) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  if (begun || arcs.length === 0) throw malformed("an object identifier that is cut off");
  return arcs.join(".");
}

/** @returns the value of a BOOLEAN's content; DER knows 0x00 and 0xff only. */
export function readBoolean(content: Buffer): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw malformed("a boolean");
  return content[0] === 0xff;
}

/** @returns milliseconds since the epoch of a UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 allows it: in seconds, in Z. */
export function readTime(element: DerElement): number {
  const text = element.content.toString("latin1");
  const utc = element.tag === TAG.UTC_TIME;
  if (!utc && element.tag !== TAG.GENERALIZED_TIME) throw malformed("a time");
  const match = (utc ? UTC_TIME : GENERALIZED_TIME).exec(text);
  if (match === null) throw malformed("a time");
  const [, yearText = "", month, day, hour, minute, second] = match;
  const year = utc ? Number(yearText) + (Number(yearText) >= 50 ? 1900 : 2000) : Number(yearText);
  const iso = `${String(year).padStart(4, "0")}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(iso);
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso) throw malformed("a time");
  return time;
}

/** The error for bytes that are no certificate. */
export function malformed(what: string): PkiError {
  return new PkiError("malformed-certificate", `the certificate is malformed (${what})`);
}

function readLength(bytes: Buffer, at: number): { length: number; start: number } {
  const first = bytes[at];
  if (first === undefined) throw malformed("an element that is cut off");
  if (first < 0x80) return { length: first, start: at + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 3 || at + 1 + count > bytes.length) throw malformed("a length");
  const length = bytes.readUIntBE(at + 1, count);
  if (length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1)))) throw malformed("a length that is padded");
  return { length, start: at + 1 + count };
}

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
