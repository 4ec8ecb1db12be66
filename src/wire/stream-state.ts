import { ProtocolError } from "./errors.ts";

/** The highest stream number; a tunnel that has used it up is retired. */
export const LAST_STREAM = 0xffffffff;

/**
 * `none`: no stream yet. `opening`: OPEN was sent, its answer not. `open`: OPENED was. `closed`: both FINs have passed.
 * `discarded`: reset or refused; what the other side sent before it knew is dropped.
 */
export type StreamPhase = "none" | "opening" | "open" | "closed" | "discarded";

/**
 * The rules that keep the streams of a tunnel apart, for one side of it: one stream at a time, numbers that rise, and
 * nothing of an earlier stream ever reaching a later one, in whatever order FIN, RESET, REFUSED and OPEN cross.
 *
 * `send…` are this side's own steps, which throw Error when they make no sense. `receive…` judge what came in: true
 * means take it, false means it belongs to a stream that is gone; ProtocolError means close the tunnel.
 */
export class StreamState {
  #phase: StreamPhase = "none";
  #number = 0;
  #finSent = false;
  #finReceived = false;

  constructor(readonly role: "opener" | "acceptor") {}

  get phase(): StreamPhase {
    return this.#phase;
  }

  /** The number of the present or the last stream; 0 before the first. */
  get number(): number {
    return this.#number;
  }

  get finSent(): boolean {
    return this.#finSent;
  }

  get finReceived(): boolean {
    return this.#finReceived;
  }

  /** Whether another stream may be opened. */
  get idle(): boolean {
    return this.#phase !== "opening" && this.#phase !== "open";
  }

  /** @returns the number of the new stream. */
  sendOpen(): number {
    if (this.role !== "opener" || !this.idle || this.#number === LAST_STREAM) {
      throw new Error(`OPEN by the ${this.role} while the stream is ${this.#phase}`);
    }
    this.#begin(this.#number + 1);
    return this.#number;
  }

  receiveOpen(number: number): void {
    if (this.role !== "acceptor") throw new ProtocolError("OPEN from the side that does not open streams");
    if (!this.idle) throw new ProtocolError("OPEN while a stream is open");
    if (number <= this.#number) throw new ProtocolError(`OPEN of stream ${number} after ${this.#number}`);
    this.#begin(number);
  }

  sendOpened(): void {
    this.#require(this.role === "acceptor" && this.#phase === "opening", "OPENED");
    this.#phase = "open";
  }

  receiveOpened(number: number): boolean {
    if (this.role !== "opener") throw new ProtocolError("OPENED from the side that opens streams");
    if (this.#isGone(number, "OPENED")) return false;
    if (this.#phase === "open") throw new ProtocolError("OPENED twice");
    this.#phase = "open";
    return true;
  }

  sendRefused(): void {
    this.#require(this.role === "acceptor" && this.#phase === "opening", "REFUSED");
    this.#phase = "discarded";
  }

  receiveRefused(number: number): boolean {
    if (this.role !== "opener") throw new ProtocolError("REFUSED from the side that opens streams");
    if (this.#isGone(number, "REFUSED")) return false;
    if (this.#phase === "open") throw new ProtocolError("REFUSED after OPENED");
    this.#phase = "discarded";
    return true;
  }

  /** @returns whether DATA may be sent now: from OPEN on for the opener, from OPENED on for the acceptor. */
  get maySend(): boolean {
    if (this.#finSent) return false;
    return this.#phase === "open" || (this.#phase === "opening" && this.role === "opener");
  }

  receiveData(): boolean {
    switch (this.#phase) {
      case "discarded":
        return false;
      case "opening":
        if (this.role === "opener") return false;
        break;
      case "open":
        break;
      default:
        throw new ProtocolError("DATA without a stream");
    }
    if (this.#finReceived) throw new ProtocolError("DATA after FIN");
    return true;
  }

  sendFin(): void {
    this.#require(this.maySend, "FIN");
    this.#finSent = true;
    this.#closeWhenBothFinished();
  }

  receiveFin(number: number): boolean {
    if (this.#isGone(number, "FIN")) return false;
    if (this.#phase === "opening" && this.role === "opener") throw new ProtocolError("FIN before OPENED");
    if (this.#finReceived) throw new ProtocolError("FIN twice");
    this.#finReceived = true;
    this.#closeWhenBothFinished();
    return true;
  }

  sendReset(): void {
    this.#require(!this.idle, "RESET");
    this.#phase = "discarded";
  }

  receiveReset(number: number): boolean {
    if (this.#isGone(number, "RESET")) return false;
    this.#phase = "discarded";
    return true;
  }

  #begin(number: number): void {
    this.#number = number;
    this.#phase = "opening";
    this.#finSent = false;
    this.#finReceived = false;
  }

  #closeWhenBothFinished(): void {
    if (this.#phase === "open" && this.#finSent && this.#finReceived) this.#phase = "closed";
  }

  #isGone(number: number, what: string): boolean {
    if (number > this.#number) throw new ProtocolError(`${what} of stream ${number}, which was never opened`);
    if (number < this.#number || this.#phase === "discarded") return true;
    if (this.#phase !== "closed") return false;
    // After both FINs only a RESET can still cross: whoever sent it had not seen our FIN yet.
    if (what === "RESET") return true;
    throw new ProtocolError(`${what} after both FINs`);
  }

  #require(condition: boolean, what: string): void {
    if (!condition) throw new Error(`${what} by the ${this.role} while the stream is ${this.#phase}`);
  }
}
