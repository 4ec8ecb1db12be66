export interface BackoffOptions {
  /** The first delay, milliseconds. */
  first: number;
  /** The longest delay, milliseconds. */
  longest: number;
  /** From 0 to 1; default `Math.random`. */
  random?: () => number;
}

/**
 * The delay before the next try: it doubles with every failure and is cut at random by up to a half, so that many who
 * failed together do not come back together.
 *
 * @param failures - how many there have been, from 1.
 * @returns milliseconds.
 */
export function backoff(failures: number, { first, longest, random = Math.random }: BackoffOptions): number {
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return whole * (1 - random() / 2);
}
