/**
 * The framing of `clusterlink/2`: 1 byte type, 3 bytes length (big endian), payload.
 *
 * Types from 0x80 up are extensions, skipped by those who do not know them.
 */

/** The ALPN name, and the form in which TLS libraries take a list of them: each prefixed by its length. */
export const ALPN = "clusterlink/2";

export const HEADER_SIZE = 4;
/** The longest payload of every frame but DATA, in bytes. */
export const MAX_CONTROL = 64 * 1024;
/** The longest payload of a DATA frame, in bytes. */
export const MAX_DATA = 256 * 1024;
/** How much DATA may follow OPEN before OPENED has come, in bytes. */
export const MAX_EARLY_DATA = 64 * 1024;

export const FrameType = {
  hello: 0x01,
  open: 0x02,
  opened: 0x03,
  refused: 0x04,
  data: 0x05,
  fin: 0x06,
  reset: 0x07,
  ping: 0x08,
  pong: 0x09,
  drain: 0x0a,
} as const;

export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The lowest type that a receiver skips instead of refusing. */
export const FIRST_EXTENSION = 0x80;

/** Writes a frame header at `offset`; the payload of `length` bytes follows it. */
export function writeHeader(target: Uint8Array, offset: number, type: number, length: number): void {
  target[offset] = type;
  target[offset + 1] = length >>> 16;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length;
}

/** @returns a whole frame around a copy of the payload. */
export function frame(type: FrameType, payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array(HEADER_SIZE + payload.length);
  writeHeader(whole, 0, type, payload.length);
  whole.set(payload, HEADER_SIZE);
  return whole;
}
