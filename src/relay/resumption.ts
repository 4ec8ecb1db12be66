import type { PeerIdentity } from "../pki/identity.ts";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { areSame } from "./certificates.ts";
import type { RelaySocket } from "./socket.ts";

interface Kept {
  session: Uint8Array;
  /** What this site showed, and trusted, in the handshake that the session is of. */
  certificates: CertificateEntry;
  /** When the certificate that the other side showed then ends, in milliseconds since the epoch. */
  notAfter: number;
}

/**
 * The TLS session that handshakes with one gateway resume (RFC 8446, section 2.2), which saves both sides the
 * certificates' signatures, half of the work; the key exchange is always a new one. Whoever resumes is who it was in the
 * full handshake: both sides verify the certificates that are kept with the session, as on any connection.
 *
 * Each relay of the other side has keys of its own for the tickets. One that does not know a ticket makes a full handshake.
 */
export class Resumption {
  #kept: Kept | undefined;

  /**
   * @param now - milliseconds since the epoch
   * @returns the session to offer. None is offered that certificates have changed since: it would show the old ones.
   */
  offer(certificates: CertificateEntry, now: number): Uint8Array | undefined {
    const kept = this.#kept;
    if (kept === undefined) return undefined;
    if (areSame(kept.certificates, certificates) && now < kept.notAfter) return kept.session;
    this.#kept = undefined;
    return undefined;
  }

  /**
   * Keeps the session of a connection, unless it is itself a resumed one. In TLS 1.3 it is there once the other side has
   * sent something after the handshake.
   *
   * @param certificates - those that the connection was dialled with
   * @param identity - whom the other side was verified to be
   */
  keep(socket: RelaySocket, certificates: CertificateEntry, { notAfter }: PeerIdentity): void {
    if (socket.isSessionReused()) return;
    const session: unknown = socket.getSession();
    if (session instanceof Uint8Array) this.#kept = { session, certificates, notAfter };
  }

  /** Something went wrong: the next handshake is a full one. */
  forget(): void {
    this.#kept = undefined;
  }
}
