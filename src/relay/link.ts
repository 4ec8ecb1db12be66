import type { HttpLink } from "./http-link.ts";
import type { Tunnel } from "./tunnel.ts";

/** A connection to a peer's gateway on which streams are opened: the gateway's ALPN decides which of the two it is. */
export type Link = Tunnel | HttpLink;

/** Whom links tell of themselves. */
export interface LinkOwner<L extends Link = Link> {
  /**
   * Streams may be opened: the other side has said HELLO, with the labels of its site, or in HTTP/1.1 nothing is to be
   * waited for.
   */
  onReady(link: L, labels?: Record<string, string>): void;
  /** No stream, nothing left to write: the link can carry the next one. */
  onIdle(link: L): void;
  onClosed(link: L, reason: string): void;
}
