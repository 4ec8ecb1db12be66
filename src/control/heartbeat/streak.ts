/** Successes in a row until a gateway that was down counts as up, and failures until one that was up counts as down. */
const RISE = 3;
const FALL = 5;

/**
 * Whether a gateway is reachable, by the results of heartbeats in their order. Nothing is known before the first
 * success or the fifth failure; later three successes or five failures in a row change what is known.
 */
export class Streak {
  #reachable: boolean | undefined;
  #against = 0;

  get reachable(): boolean | undefined {
    return this.#reachable;
  }

  /** @returns whether `reachable` has changed by this result. */
  add(success: boolean): boolean {
    if (this.#reachable === success) {
      this.#against = 0;
      return false;
    }
    if (this.#reachable === undefined && success) this.#against = RISE - 1;
    this.#against++;
    if (this.#against < (success ? RISE : FALL)) return false;
    this.#reachable = success;
    this.#against = 0;
    return true;
  }
}
