import { readFileSync } from "node:fs";

/** Where a relay starts to turn connections away, as a share of RLIMIT_NOFILE. */
const HIGH_WATER = 0.9;
/** Descriptors that are no connection: listeners, the channel, libraries. */
const RESERVED = 32;

/**
 * Counts the sockets of this process, because a process without descriptors cannot even refuse a connection: `accept`
 * fails at once, again and again.
 */
export class Descriptors {
  #used = 0;

  constructor(readonly limit: number = readLimit()) {}

  get used(): number {
    return this.#used;
  }

  /** Whether one more connection may be held. */
  get available(): boolean {
    return this.#used + RESERVED < this.limit * HIGH_WATER;
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
}

/** @returns the soft limit of open files of this process (Bun has raised it to the hard one). */
function readLimit(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const soft = Number(line?.[1]);
  return Number.isFinite(soft) ? soft : 1_048_576;
}
