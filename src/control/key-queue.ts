import { type BackoffOptions, backoff } from "../store/backoff.ts";

export interface KeyQueueOptions {
  /** Brings what the key names to what is wanted; rejects to be called again later. */
  work: (key: string) => Promise<void>;
  /** Keys worked on at once. */
  concurrency: number;
  /** Called with every failure, before the wait for the next try. */
  onFailure: (key: string, error: unknown, failures: number) => void;
  /** How long a failed key waits for its next try. */
  retry: Pick<BackoffOptions, "first" | "longest">;
}

/**
 * Keys that something is to be done about: each at most once at a time, again when it was added meanwhile, and with
 * backoff when it failed. A failed key that is added is worked on at once: something has changed.
 */
export class KeyQueue {
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  #paused = true;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(readonly options: KeyQueueOptions) {}

  /** Keys that wait, are worked on or will be tried again. */
  get size(): number {
    return this.#waiting.size + this.#working.size + this.#timers.size;
  }

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#waiting.add(key);
    this.#pump();
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Begins nothing more, forgets what waits, and resolves when what is under way has ended. */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#failures.clear();
    if (this.#working.size === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #pump(): void {
    if (this.#paused) return;
    for (const key of this.#waiting) {
      if (this.#working.size >= this.options.concurrency) return;
      if (this.#working.has(key)) continue;
      this.#waiting.delete(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#working.add(key);
    try {
      await this.options.work(key);
      this.#failures.delete(key);
    } catch (error) {
      this.#failed(key, error);
    }
    this.#working.delete(key);
    if (this.#working.size === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
    this.#pump();
  }

  #failed(key: string, error: unknown): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.options.onFailure(key, error, failures);
    if (this.#paused) return;
    this.#failures.set(key, failures);
    const retry = () => {
      this.#timers.delete(key);
      this.add([key]);
    };
    this.#timers.set(key, setTimeout(retry, backoff(failures, this.options.retry)));
  }
}
