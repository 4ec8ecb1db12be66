import { PkiError } from "../pki/errors.ts";
import { type PeerIdentity, verifiedPeer } from "../pki/identity.ts";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { ALPN } from "../wire/frames.ts";
import type { Deadlines, Expiring } from "./deadlines.ts";
import type { RelaySocket, SocketUser } from "./socket.ts";

/** Who came in, and what it speaks. */
export type Visitor =
  | { kind: "tunnel"; identity: PeerIdentity }
  | { kind: "http"; identity: PeerIdentity }
  /** Without a certificate: only what is for anyone. */
  | { kind: "anonymous" };

/** What is known of a connection since it was accepted. */
export interface Arrival {
  /** `ADDRESS:PORT` of the other side: a socket that has been reset meanwhile does not tell it any more. */
  readonly address: string;
  /** Those of ours that the handshake is done with. */
  readonly certificates: CertificateEntry;
}

export interface HandshakeOwner {
  /** The handshake is done; the owner gives the socket a new user. */
  onVisitor(socket: RelaySocket, visitor: Visitor, arrival: Arrival): void;
  /** It failed, or took too long; the socket is gone. */
  onHandshakeFailed(arrival: Arrival, reason: string): void;
  /** The CAs that count now, as PEM. */
  readonly ca: string;
}

/** The TLS handshake of one connection to the peer port, and the verification of who is there. */
export class PeerHandshake implements SocketUser, Expiring {
  #over = false;

  constructor(
    private readonly socket: RelaySocket,
    private readonly owner: HandshakeOwner,
    private readonly arrival: Arrival,
    private readonly deadlines: Deadlines,
    timeout: number,
  ) {
    deadlines.set(this, timeout);
  }

  onHandshake(socket: RelaySocket, error: Error | null): void {
    if (this.#over) return;
    if (!socket.authorized && socket.getPeerX509Certificate() !== undefined) {
      this.#fail(error?.message ?? socket.getAuthorizationError()?.message ?? "the certificate is not trusted");
      return;
    }
    try {
      const identity = verifiedPeer(socket, this.owner.ca, Date.now(), "client");
      const isTunnel = socket.alpnProtocol === ALPN;
      if (identity !== undefined) this.#finish(socket, { kind: isTunnel ? "tunnel" : "http", identity });
      else if (isTunnel) this.#fail("no client certificate");
      else this.#finish(socket, { kind: "anonymous" });
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      this.#fail(error.message);
    }
  }

  onData(): boolean {
    return true;
  }

  onDrain(): void {}

  onEnd(): void {
    this.#fail("closed during the handshake");
  }

  onClose(_socket: RelaySocket, error: Error | undefined): void {
    this.#fail(error?.message ?? "closed during the handshake");
  }

  onExpired(): void {
    this.#fail("the handshake took too long");
  }

  #finish(socket: RelaySocket, visitor: Visitor): void {
    this.#over = true;
    this.deadlines.clear(this);
    this.owner.onVisitor(socket, visitor, this.arrival);
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.deadlines.clear(this);
    this.socket.terminate();
    this.owner.onHandshakeFailed(this.arrival, reason);
  }
}
