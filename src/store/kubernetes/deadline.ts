/** A signal that aborts with another one, or after a time. */
export interface Deadline {
  signal: AbortSignal;
  /** Whether it was the time that aborted it. */
  readonly passed: boolean;
  /** Begins the time anew. */
  renew(): void;
  /** Must be called when the work has ended: lets go of the outer signal and the timer. */
  end(): void;
}

/** @returns a deadline of so many milliseconds that also ends with the outer signal. */
export function deadline(milliseconds: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  let timer: Timer | undefined;
  const abort = () => controller.abort(outer?.reason);
  const start = () => {
    timer = setTimeout(() => {
      passed = true;
      controller.abort();
    }, milliseconds);
  };
  if (outer?.aborted) abort();
  else outer?.addEventListener("abort", abort);
  start();
  return {
    signal: controller.signal,
    get passed() {
      return passed;
    },
    renew() {
      clearTimeout(timer);
      if (!controller.signal.aborted) start();
    },
    end() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", abort);
    },
  };
}
