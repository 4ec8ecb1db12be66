/** Something that may leave now, or soon together with what is likely to follow it. */
export interface Waiting {
  leave(): void;
}

/** How long what comes into being across a network of processes may take to come, in milliseconds. */
const MOMENT = 4;

/** Lets everything leave that has waited for a whole period: two generations, so that nothing waits for less. */
class Company {
  #arrived: Waiting[] = [];
  #leaving: Waiting[] = [];
  #scheduled = false;

  constructor(private readonly schedule: (turn: () => void) => unknown) {}

  add(waiting: Waiting): void {
    this.#arrived.push(waiting);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.schedule(this.#turn);
  }

  readonly #turn = (): void => {
    const now = this.#leaving;
    this.#leaving = this.#arrived;
    this.#arrived = [];
    this.#scheduled = this.#leaving.length > 0;
    if (this.#scheduled) this.schedule(this.#turn);
    for (const waiting of now) waiting.leave();
  };
}

const turns = new Company(setImmediate);
const moments = new Company((turn) => setTimeout(turn, MOMENT));

/**
 * Calls `leave` after one more turn of the event loop: what an application says at once arrives in the turn after the one
 * that accepted it. When nothing else is ready, both turns take microseconds.
 */
export function waitForTurn(waiting: Waiting): void {
  turns.add(waiting);
}

/** Calls `leave` in 4 to 8 ms: for frames that nobody waits for, when what another process does next may go with them. */
export function waitForMoment(waiting: Waiting): void {
  moments.add(waiting);
}
