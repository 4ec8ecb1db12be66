/** The access log: one JSON line on standard output for every connection that was finished or refused. */
import { CLIENT_NAMESPACE, CLIENT_SERVICE_ACCOUNT, PEER_NAME } from "../policy/attributes.ts";
import { escapeControls } from "./control-characters.ts";
import { ATOMIC_BYTES, LineWriter } from "./line-writer.ts";
import type { ConnectionOutcome } from "./names.ts";

/** One attempt to reach a source. */
export interface TriedSource {
  peer: string;
  /** `NAMESPACE/NAME`. */
  export: string;
  /** `opened`, a code of REFUSED (`denied`, `not-found`, `unreachable`, …), or `failed` without an answer. */
  result: string;
}

/** A connection that is over. docs/metrics.md tells its fields to users. */
export interface AccessRecord {
  /** `client` at the importing site, `server` at the exporting one. */
  side: "client" | "server";
  id?: string;
  /** `NAMESPACE/NAME`; at the client's side only. */
  import?: string;
  /** `NAMESPACE/NAME`; at the client's side that of the source, once one was chosen. */
  export?: string;
  /** The other site; empty when none was chosen. */
  peer: string;
  /** The client's address; at the client's side only. */
  client?: string;
  /** What policies judged about the client. */
  attributes: Readonly<Record<string, string>>;
  decision?: "allow" | "deny";
  /** The policy that decided, as `explain` names it, or `default-deny`; empty when it did not come to a decision. */
  policy: string;
  /** The sources that could not be reached or refused, in the order of trying. */
  tried?: readonly TriedSource[];
  outcome: ConnectionOutcome;
  /** Why it ended, for people. */
  reason: string;
  /** When the connection was accepted, in milliseconds since the epoch. */
  started: number;
  /** Milliseconds from accept until the far side had answered; absent when it never did. */
  openMs?: number;
  durationMs: number;
  /** Bytes from the client to the service. */
  bytesIn: number;
  /** Bytes from the service to the client. */
  bytesOut: number;
  /** W3C trace context that came with the OPEN. */
  trace?: string;
}

/** What a relay writes connections to. */
export interface AccessLog {
  /** Never throws and never waits. */
  write(record: AccessRecord): void;
  /** Lines lost because the reader of standard output was too slow. */
  readonly dropped: number;
  /** Writes what waits; to be awaited before the process ends. @returns whether all was written within `timeout` ms. */
  flush(timeout: number): Promise<boolean>;
}

/** @returns an access log on a descriptor: one batch every 100 ms, at most 4 MiB waiting. */
export function createAccessLog(fd = 1): AccessLog {
  const writer = new LineWriter({ fd, interval: BATCH_INTERVAL, limit: MAX_WAITING, dropNotice });
  return {
    write: (record) => writer.write(formatRecord(record)),
    get dropped() {
      return writer.dropped;
    },
    flush: (timeout) => writer.flush(timeout),
  };
}

/**
 * @returns the record as one JSON line with its line end. It has at most 4096 bytes, so that relays which share a pipe
 * cannot tear each other's lines. Where that is too few, `truncated` is true, and labels, which another site may make as
 * long as it likes, go first: they must not hide who the client is and why the connection ended.
 */
export function formatRecord(record: AccessRecord): string {
  const { started, openMs, durationMs, ...rest } = record;
  const whole = {
    time: new Date(started + durationMs).toISOString(),
    started: new Date(started).toISOString(),
    ...rest,
    ...(openMs === undefined ? {} : { openMs: toMicroseconds(openMs) }),
    durationMs: toMicroseconds(durationMs),
  };
  const line = lineOf(whole);
  if (fits(line)) return line;
  const { attributes, tried: _tried, reason, ...least } = whole;
  const identity = identityOf(attributes);
  const shorter = [
    { ...whole, attributes: identity },
    { ...least, attributes: identity, reason },
    { ...least, reason },
  ];
  const first = shorter.map((each) => lineOf({ ...each, truncated: true })).find(fits);
  return first ?? lineOf({ ...least, truncated: true });
}

/** A character of UTF-16 has at most three bytes, and most lines need not be measured. */
function fits(line: string): boolean {
  return line.length <= ATOMIC_BYTES / 3 || Buffer.byteLength(line) <= ATOMIC_BYTES;
}

function identityOf(attributes: AccessRecord["attributes"]): AccessRecord["attributes"] {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => IDENTITY.has(key)));
}

const IDENTITY: ReadonlySet<string> = new Set([PEER_NAME, CLIENT_NAMESPACE, CLIENT_SERVICE_ACCOUNT]);

function lineOf(value: object): string {
  return `${escapeControls(JSON.stringify(value))}\n`;
}

/** More digits of a millisecond than three would say what no clock here knows. */
function toMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

function dropNotice(lines: number): string {
  return `${JSON.stringify({ time: new Date().toISOString(), dropped: lines })}\n`;
}

const BATCH_INTERVAL = 100;
const MAX_WAITING = 4 * 1024 * 1024;
