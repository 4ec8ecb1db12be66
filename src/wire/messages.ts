/** The messages of `clusterlink/2`: what the payload of each frame means. DATA has none, it is bytes. */
import { z } from "zod";
import { PayloadReader, PayloadWriter } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";
import { FrameType, frame } from "./frames.ts";

export const PROTOCOL_VERSION = 1;
/** The longest names, in characters: those of Kubernetes. */
const MAX_NAMESPACE = 63;
const MAX_NAME = 253;
/** The longest `traceparent`, future versions of it included, in characters. */
const MAX_TRACE = 128;
/** More attributes than any policy could sensibly select by. */
export const MAX_ATTRIBUTES = 512;

/** What each side says first. JSON, because it is said once a tunnel and may grow. */
export interface Hello {
  version: number;
  /** Changes with every start of the gateway. */
  instance: string;
  /** This relay's index, and how many relays share the port. */
  relay: number;
  relays: number;
  /** Who opens streams on this tunnel: the side that dialled it, or the one that accepted it. */
  opener: "dialler" | "acceptor";
  /** The site's labels. */
  labels: Record<string, string>;
  /** Names of optional abilities; unknown ones are ignored. */
  features: string[];
}

export interface Open {
  stream: number;
  exportNamespace: string;
  exportName: string;
  /** `client.*` attributes; empty for a client that could not be identified. */
  attributes: Record<string, string>;
  /** W3C `traceparent`, or empty. */
  trace: string;
}

export const REFUSAL_CODES = [
  "not-found",
  "denied",
  "unreachable",
  "overloaded",
  "draining",
  "malformed",
  "internal",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

export interface Refused {
  stream: number;
  code: RefusalCode;
  /** Whether another source may do better. */
  retry: boolean;
  /** Safe to show: names nothing that the asker may not know. */
  reason: string;
}

export const RESET_CODES = ["reset", "cut", "timeout", "internal"] as const;
export type ResetCode = (typeof RESET_CODES)[number];

const helloSchema = z.object({
  version: z.int().min(1),
  instance: z.string().max(128),
  relay: z.int().min(0).max(1024),
  relays: z.int().min(1).max(1024),
  opener: z.enum(["dialler", "acceptor"]),
  labels: z.record(z.string().max(317), z.string().max(63)),
  features: z.array(z.string().max(64)).max(64),
});

/** @returns a HELLO frame. */
export function encodeHello(hello: Hello): Uint8Array {
  return frame(FrameType.hello, new TextEncoder().encode(JSON.stringify(hello)));
}

/** @throws ProtocolError on anything but a HELLO of a version that this side speaks. */
export function decodeHello(payload: Uint8Array): Hello {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    throw new ProtocolError("HELLO is not JSON");
  }
  const parsed = helloSchema.safeParse(value);
  if (!parsed.success) throw new ProtocolError(`HELLO is malformed at ${parsed.error.issues[0]?.path.join(".")}`);
  if (parsed.data.version !== PROTOCOL_VERSION) {
    throw new ProtocolError(`version ${parsed.data.version} of the protocol is not spoken here`);
  }
  return parsed.data;
}

/**
 * The part of OPEN that is the same for every connection of one client: encode it once and keep it.
 * @throws RangeError for more than {@link MAX_ATTRIBUTES} attributes.
 */
export function encodeAttributes(attributes: Readonly<Record<string, string>>): Uint8Array {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_ATTRIBUTES) throw new RangeError(`${entries.length} attributes are too many`);
  const writer = new PayloadWriter().u16(entries.length);
  for (const [key, value] of entries) writer.text(key).text(value);
  return writer.done();
}

/** @returns an OPEN frame; `attributes` comes from {@link encodeAttributes}. */
export function encodeOpen(
  stream: number,
  exportNamespace: string,
  exportName: string,
  attributes: Uint8Array,
  trace: string,
): Uint8Array {
  const writer = new PayloadWriter(attributes.length + exportNamespace.length + exportName.length + trace.length + 16);
  const payload = writer.u32(stream).text(exportNamespace).text(exportName).raw(attributes).text(trace).done();
  return frame(FrameType.open, payload);
}

/** @throws ProtocolError where the payload is not an OPEN. */
export function decodeOpen(payload: Uint8Array): Open {
  const reader = new PayloadReader(payload);
  const stream = reader.u32();
  const exportNamespace = reader.text();
  const exportName = reader.text();
  const count = reader.u16();
  if (count > MAX_ATTRIBUTES) throw new ProtocolError(`OPEN with ${count} attributes`);
  const attributes: Record<string, string> = Object.create(null);
  for (let i = 0; i < count; i++) {
    const key = reader.text();
    if (key in attributes) throw new ProtocolError("OPEN with an attribute twice");
    attributes[key] = reader.text();
  }
  const trace = reader.text();
  reader.finish();
  if (exportNamespace.length > MAX_NAMESPACE || exportName.length > MAX_NAME || trace.length > MAX_TRACE) {
    throw new ProtocolError("OPEN with a name that is too long");
  }
  return { stream, exportNamespace, exportName, attributes, trace };
}

/** @returns a REFUSED frame. */
export function encodeRefused(refused: Refused): Uint8Array {
  const code = REFUSAL_CODES.indexOf(refused.code);
  const writer = new PayloadWriter()
    .u32(refused.stream)
    .u8(code)
    .u8(refused.retry ? 1 : 0);
  return frame(FrameType.refused, writer.text(refused.reason).done());
}

/** An unknown code reads as `internal`. @throws ProtocolError where the payload is not a REFUSED. */
export function decodeRefused(payload: Uint8Array): Refused {
  const reader = new PayloadReader(payload);
  const stream = reader.u32();
  const code = REFUSAL_CODES[reader.u8()] ?? "internal";
  const retry = reader.u8() !== 0;
  const reason = reader.text();
  reader.finish();
  return { stream, code, retry, reason };
}

/** @returns an OPENED or FIN frame. */
export function encodeStreamFrame(type: typeof FrameType.opened | typeof FrameType.fin, stream: number): Uint8Array {
  return frame(type, new PayloadWriter(4).u32(stream).done());
}

/** @returns the stream number of an OPENED or FIN. @throws ProtocolError where the payload is not 4 bytes. */
export function decodeStreamFrame(payload: Uint8Array): number {
  const reader = new PayloadReader(payload);
  const stream = reader.u32();
  reader.finish();
  return stream;
}

/** @returns a RESET frame. */
export function encodeReset(stream: number, code: ResetCode): Uint8Array {
  return frame(FrameType.reset, new PayloadWriter(5).u32(stream).u8(RESET_CODES.indexOf(code)).done());
}

/** An unknown code reads as `internal`. @throws ProtocolError where the payload is not a RESET. */
export function decodeReset(payload: Uint8Array): { stream: number; code: ResetCode } {
  const reader = new PayloadReader(payload);
  const stream = reader.u32();
  const code = RESET_CODES[reader.u8()] ?? "internal";
  reader.finish();
  return { stream, code };
}
