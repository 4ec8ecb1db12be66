import { readFileSync } from "node:fs";

/** Where a relay starts to turn connections away, as a share of RLIMIT_NOFILE. */
const HIGH_WATER = 0.9;
/** Where it dials no more: each connection that was accepted below the mark may need one more descriptor. */
const DIAL_HIGH_WATER = 0.95;
/** Descriptors that are no connection: listeners, the channel, libraries. */
const RESERVED = 32;
/** Connections to one address that may hang in the kernel before no more are made. */
const MAX_HANGING = 64;
/** How often an address where so many hang is tried all the same, in milliseconds. */
const PROBE_INTERVAL = 1_000;
/** Connections that one peer may have called off while they are being made, as a share of RLIMIT_NOFILE. */
const CALLED_OFF_SHARE = 1 / 32;

/** Connections that are being made and that nobody wants any more. */
interface Abandoned {
  count: number;
  /** When the last one was added or, where there are too many, the address was tried all the same. */
  since: number;
  /** A connection to the address has been made since the last one was added. */
  answers: boolean;
}

/**
 * Counts the sockets of this process, because a process without descriptors cannot even refuse a connection: `accept`
 * fails at once, again and again.
 */
export class Descriptors {
  #used = 0;
  readonly #abandoned = new Map<string, Abandoned>();

  /** @param now - milliseconds of a clock that only rises */
  constructor(
    readonly limit: number = readLimit(),
    private readonly now: () => number = () => performance.now(),
  ) {}

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
    const count = (this.#abandoned.get(blamed)?.count ?? 0) + 1;
    this.#abandoned.set(blamed, { count, since: this.now(), answers: false });
  }

  /** The kernel has ended one of those, or somebody else is blamed for it from now on. */
  recover(blamed: string): void {
    const abandoned = this.#abandoned.get(blamed);
    if (abandoned === undefined) return;
    abandoned.count -= 1;
    if (abandoned.count === 0) this.#abandoned.delete(blamed);
  }

  /** A connection to that address has been made: while it answers, it may be dialled however many hang. */
  answered(address: string): void {
    const abandoned = this.#abandoned.get(address);
    if (abandoned !== undefined) abandoned.answers = true;
  }

  /**
   * Whether so many hang at that address that another one would be one too many. Once a second the answer is no, and the
   * address is to be dialled: the kernel asks a host ever less often, in the end about once a minute.
   */
  isDead(address: string): boolean {
    const abandoned = this.#abandoned.get(address);
    if (abandoned === undefined || abandoned.answers || abandoned.count < MAX_HANGING) return false;
    const now = this.now();
    if (now - abandoned.since < PROBE_INTERVAL) return true;
    abandoned.since = now;
    return false;
  }

  /** Whether that peer has called off so many that it has to wait until the kernel is done with some. */
  isHasty(peer: string): boolean {
    return (this.#abandoned.get(peer)?.count ?? 0) >= this.limit * CALLED_OFF_SHARE;
  }
}

/** @returns the soft limit of open files of this process (Bun has raised it to the hard one). */
function readLimit(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const soft = Number(line?.[1]);
  return Number.isFinite(soft) ? soft : 1_048_576;
}
