import type { PeerIdentity } from "../pki/identity.ts";
import type { TunnelReport } from "../snapshot/messages.ts";
import type { Refused } from "../wire/messages.ts";
import type { Endpoint, EndpointOwner } from "./endpoint.ts";

/** A peer's "no" to a stream, whichever dialect it came in or goes out by. */
export type Refusal = Omit<Refused, "stream">;

/** A connection between two gateways, as far as its certificates are concerned. */
export interface PeerConnection {
  readonly identity: PeerIdentity;
  /** @returns why the other side's certificate is not good any more, or undefined when it is. */
  verify(ca: string, now: number): string | undefined;
  /** Tears the connection down at once, with the stream on it. */
  terminate(reason: string): void;
  report(): TunnelReport;
}

/** Whom a stream to or from a peer belongs to. */
export interface StreamOwner extends EndpointOwner {
  /** The exporting side has accepted; what is written to `stream` from now on reaches the service. */
  onOpened(stream: PeerStream): void;
  /** There is no stream, and nothing of the application was delivered. */
  onRefused(refusal: Refusal): void;
}

/**
 * What an end of a stream is held by. It may serve another stream later: then `stream` is somebody else's, and whoever
 * had it before must leave it alone.
 */
export interface StreamHandle {
  stream: StreamOwner | undefined;
  /** Ends the stream in both directions. */
  reset(): void;
  /** Ends the stream so that the far side hears of it even when it is not reading. */
  abort(reason: string): void;
}

/** A stream between two gateways as one end of a relayed connection. */
export interface PeerStream extends StreamHandle, Endpoint {
  pause(): void;
}

/** A stream that a peer has asked for: exactly one of `accept` and `refuse` answers it. */
export interface AcceptedStream extends PeerStream {
  readonly identity: PeerIdentity;
  accept(): void;
  refuse(refusal: Refusal): void;
}
