/** Handshakes after which garbage is collected: for 5,000 connections that takes some hundredths of a second. */
const HANDSHAKES = 256;

/**
 * Collects the garbage of handshakes. Certificates and sessions look small to JavaScriptCore, which does not see the memory
 * that hangs on them; by the time that it collects by itself, what lives lies scattered between what is dead, and an idle
 * connection takes a tenth more.
 */
export class Collector {
  #handshakes = 0;

  /** A handshake is over. */
  handshake(): void {
    this.#handshakes += 1;
    if (this.#handshakes % HANDSHAKES === 0) Bun.gc(true);
  }
}
