/** Anything that waits for a limited time. */
export interface Expiring {
  /** The time has come. */
  onExpired(): void;
}

/**
 * One timer for any number of deadlines: a wheel whose slots are {@link TICK} ms wide, so that a connection costs a
 * set entry instead of a timer. A deadline is late by up to two ticks, never early.
 */
export class Deadlines {
  readonly #slots = new Map<number, Set<Expiring>>();
  readonly #slotOf = new Map<Expiring, number>();
  readonly #now: () => number;
  #timer: Timer | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Calls `target.onExpired()` in `ms` milliseconds; an earlier deadline of the same target is replaced. */
  set(target: Expiring, ms: number): void {
    this.clear(target);
    const slot = Math.ceil((this.#now() + ms) / TICK);
    const members = this.#slots.get(slot) ?? new Set();
    this.#slots.set(slot, members.add(target));
    this.#slotOf.set(target, slot);
    this.#timer ??= setInterval(() => this.#expire(), TICK);
  }

  /** Forgets the target's deadline, if it has one. */
  clear(target: Expiring): void {
    const slot = this.#slotOf.get(target);
    if (slot === undefined) return;
    this.#slotOf.delete(target);
    const members = this.#slots.get(slot);
    members?.delete(target);
    if (members?.size === 0) this.#slots.delete(slot);
  }

  /** Stops the timer; deadlines that stand are kept until the next `set`. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The timer is kept until it finds nothing to do: one connection after the other would start and stop it each time. */
  #expire(): void {
    if (this.#slotOf.size === 0) this.stop();
    const present = Math.floor(this.#now() / TICK);
    for (const [slot, members] of this.#slots) {
      if (slot > present) continue;
      for (const target of [...members]) {
        // One that expired before it may have called this one off.
        if (!members.has(target)) continue;
        this.clear(target);
        target.onExpired();
      }
    }
  }
}

const TICK = 100;
