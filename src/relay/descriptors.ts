import { readFileSync } from "node:fs";

/** Where a relay starts to turn connections away, as a share of RLIMIT_NOFILE. */
const HIGH_WATER = 0.9;
/** Where it dials no more: each connection that was accepted below the mark may need one more descriptor. */
const DIAL_HIGH_WATER = 0.95;
/** Descriptors that are no connection: listeners, the channel, libraries. */
const RESERVED = 32;
/** Connections to one address that may hang in the kernel before no more are made. */
const MAX_HANGING = 64;
/** Connections that one peer may have called off while they are being made, as a share of RLIMIT_NOFILE. */
const CALLED_OFF_SHARE = 1 / 32;

/**
 * Counts the sockets of this process, because a process without descriptors cannot even refuse a connection: `accept`
 * fails at once, again and again.
 */
export class Descriptors {
  #used = 0;
  readonly #abandoned = new Map<string, number>();

  constructor(readonly limit: number = readLimit()) {}

  get used(): number {
    return this.#used;
  }

  /** Whether one more connection may be held. */
  get available(): boolean {
    return this.#used + RESERVED < this.limit * HIGH_WATER;
  }

  /** Whether one more connection may be made, for one that has been accepted. */
  get mayDial(): boolean {
    return this.#used + RESERVED < this.limit * DIAL_HIGH_WATER;
  }

  /** The most tunnels that all pools together may keep idle. */
  get idleTunnels(): number {
    return Math.floor(this.limit / 4);
  }

  take(): void {
    this.#used += 1;
  }

  give(): void {
    this.#used -= 1;
  }

  /**
   * A connection is being made that nobody wants any more; only the kernel can end it, in minutes.
   *
   * @param blamed - the peer that has called it off, or, once it hangs, the address: neither is ever the other's
   */
  abandon(blamed: string): void {
    this.#abandoned.set(blamed, (this.#abandoned.get(blamed) ?? 0) + 1);
  }

  /** The kernel has ended one of those, or somebody else is blamed for it from now on. */
  recover(blamed: string): void {
    const left = (this.#abandoned.get(blamed) ?? 1) - 1;
    if (left === 0) this.#abandoned.delete(blamed);
    else this.#abandoned.set(blamed, left);
  }

  /** Whether so many hang at that address that another one would be one too many. */
  isDead(address: string): boolean {
    return (this.#abandoned.get(address) ?? 0) >= MAX_HANGING;
  }

  /** Whether that peer has called off so many that it has to wait until the kernel is done with some. */
  isHasty(peer: string): boolean {
    return (this.#abandoned.get(peer) ?? 0) >= this.limit * CALLED_OFF_SHARE;
  }
}

/** @returns the soft limit of open files of this process (Bun has raised it to the hard one). */
function readLimit(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const soft = Number(line?.[1]);
  return Number.isFinite(soft) ? soft : 1_048_576;
}
