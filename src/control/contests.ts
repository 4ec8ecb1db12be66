import { backoff } from "../store/backoff.ts";

export interface ContestsOptions {
  /** Milliseconds since whenever; it never goes back. */
  clock?: () => number;
  /** From 0 to 1. */
  random?: () => number;
}

interface Contest {
  /** How often somebody else has been overruled. */
  overruled: number;
  /** When that was last. */
  at: number;
  /** When it may be next. */
  next: number;
}

/** So often somebody is overruled at once: whoever edits by hand sees the answer. */
const AT_ONCE = 3;

/** From then on each pause is twice as long as the one before, milliseconds. */
const PAUSE = { first: 1_000, longest: 300_000 };

/** After so long without another write a contest is over, milliseconds: twice the longest pause. */
const OVER = 2 * PAUSE.longest;

/**
 * What somebody else writes as well, and means otherwise. Two that overrule each other at once do so for ever, as fast as
 * the API server answers; with growing pauses the object is still put right in the end, and the contest costs nothing.
 */
export class Contests {
  readonly #contests = new Map<string, Contest>();
  readonly #timers = new Map<string, Timer>();
  readonly #clock: () => number;
  readonly #random: () => number;

  constructor({ clock = () => performance.now(), random = Math.random }: ContestsOptions = {}) {
    this.#clock = clock;
    this.#random = random;
  }

  /** What is written with pauses at present. */
  get open(): string[] {
    return [...this.#contests].flatMap(([id, contest]) =>
      contest.overruled >= AT_ONCE && !this.#isOver(contest) ? [id] : [],
    );
  }

  /** @returns how long to wait before somebody is overruled again, milliseconds; 0 for at once. */
  pause(id: string): number {
    const contest = this.#contests.get(id);
    return contest === undefined ? 0 : Math.max(0, contest.next - this.#clock());
  }

  /** @returns whether somebody may not be overruled yet; `again` is called when it is time, once for all who asked. */
  rests(id: string, again: () => void): boolean {
    const pause = this.pause(id);
    if (pause === 0) return false;
    const end = () => {
      this.#timers.delete(id);
      again();
    };
    if (!this.#timers.has(id)) this.#timers.set(id, setTimeout(end, pause));
    return true;
  }

  /** Counts that somebody was overruled. @returns whether that is when the pauses begin */
  overruled(id: string): boolean {
    for (const [other, contest] of this.#contests) if (this.#isOver(contest)) this.#contests.delete(other);
    const overruled = (this.#contests.get(id)?.overruled ?? 0) + 1;
    const at = this.#clock();
    const rest = overruled - AT_ONCE + 1;
    const pause = rest < 1 ? 0 : backoff(rest, { ...PAUSE, random: this.#random });
    this.#contests.set(id, { overruled, at, next: at + pause });
    return overruled === AT_ONCE;
  }

  /** The object is gone, or is nobody's concern any more. */
  forget(id: string): void {
    this.#contests.delete(id);
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  /** Calls nobody any more. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #isOver({ at }: Contest): boolean {
    return this.#clock() - at >= OVER;
  }
}
