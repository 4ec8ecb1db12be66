/** Why a connection ended, for the access log. */
export type EndReason = string;

/** Whom an endpoint tells of what ends its halves. */
export interface EndpointOwner {
  /** Everything that was written to the endpoint, FIN included, is on its way. */
  onFinished(endpoint: Endpoint): void;
  /** The endpoint is gone in both directions. */
  onReset(endpoint: Endpoint, reason: EndReason): void;
}

/** Where bytes go. */
export interface Sink {
  /**
   * Takes the bytes from `start` to before `end`, or all: the hot path passes positions, because a view costs more than
   * to write it.
   * @returns true when nothing of them is kept; false when it may be, and the giver should pause until it is resumed.
   */
  write(bytes: Uint8Array, start?: number, end?: number): boolean;
  /** Nothing more comes in this direction. */
  finish(): void;
  /** The giver may go on: called on the far side when this side's queue has drained. */
  resume(): void;
}

/** Where the bytes of no connection go. */
export const NOWHERE: Sink = { write: () => true, finish() {}, resume() {} };

/**
 * One end of a relayed connection: a local socket, or a stream of a tunnel. Two of them, each the `other` of the other,
 * are a relay of two symmetric halves; it is done when both halves have finished.
 */
export interface Endpoint extends Sink {
  /** Where what comes in here goes. */
  other: Sink;
  /** FIN has been passed on to this end. */
  readonly finished: boolean;
  /** Tears the end down at once, queued bytes included. Safe to repeat. The owner is not told. */
  reset(): void;
}
