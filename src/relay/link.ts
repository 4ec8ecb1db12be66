import type { HttpLink } from "./http-link.ts";
import type { Tunnel } from "./tunnel.ts";

/** A connection to a peer's gateway on which streams are opened: the gateway's ALPN decides which of the two it is. */
export type Link = Tunnel | HttpLink;

/** Whom links tell of themselves. */
export interface LinkOwner<L extends Link = Link> {
  /** The other side has answered for the first time; streams may be opened. */
  onReady(link: L): void;
  /** No stream, nothing left to write: the link can carry the next one. */
  onIdle(link: L): void;
  onClosed(link: L, reason: string): void;
}
