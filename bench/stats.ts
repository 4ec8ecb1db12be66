/** What several rounds of one measurement come to. */

/** A measurement over its rounds. */
export interface Summary {
  /** In the order of the rounds. */
  readonly rounds: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Half the distance between the best and the worst round, as a share of the median: 0.05 is ±5 %. */
  readonly spread: number;
}

/** @throws {RangeError} without any value */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) throw new RangeError("the median of nothing");
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}

/** @throws {RangeError} without any round */
export function summarize(rounds: readonly number[]): Summary {
  const middle = median(rounds);
  const min = Math.min(...rounds);
  const max = Math.max(...rounds);
  return { rounds, median: middle, min, max, spread: middle === 0 ? 0 : (max - min) / 2 / Math.abs(middle) };
}

/**
 * How one subject stands to another: the median of the ratios of the rounds that both have finished. The rounds are
 * interleaved, so that what disturbs the machine for a while disturbs both sides of a ratio.
 *
 * @param ours - by round; undefined where the round failed
 * @returns undefined when no round has both
 */
export function pairedRatio(
  ours: readonly (number | undefined)[],
  theirs: readonly (number | undefined)[],
): number | undefined {
  const ratios = ours.flatMap((value, round) => {
    const other = theirs[round];
    return value === undefined || other === undefined || other === 0 ? [] : [value / other];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}
