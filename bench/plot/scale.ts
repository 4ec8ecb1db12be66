/** Logarithmic axes. */

/** Maps values to places on the page. */
export interface Scale {
  readonly min: number;
  readonly max: number;
  /** @returns the place of a value, between those of `min` and `max` for values between them. */
  at(value: number): number;
}

/** What a decade is divided into where there is room. */
const STEPS = [1, 2, 5];

/** @returns a scale from `min` at `from` to `max` at `to`. @throws {RangeError} unless 0 < min < max */
export function logScale(min: number, max: number, from: number, to: number): Scale {
  if (!(min > 0 && max > min)) throw new RangeError(`no logarithmic scale has a range from ${min} to ${max}`);
  const width = Math.log(max / min);
  return { min, max, at: (value) => from + ((to - from) * Math.log(value / min)) / width };
}

/**
 * The range of an axis: from 1, 2 or 5 times a power of ten to another. It spans a decade at least, so that what is
 * nearly constant looks so.
 *
 * @param values - above zero
 * @throws {RangeError} without any value above zero
 */
export function rangeOf(values: readonly number[]): { min: number; max: number } {
  const positive = values.filter((value) => value > 0);
  if (positive.length === 0) throw new RangeError("a logarithmic axis needs a value above zero");
  const least = Math.min(...positive);
  const most = Math.max(...positive);
  const steps = stepsBetween(least / 100, most * 100);
  let low = steps.findLastIndex((step) => step <= least);
  let high = steps.findIndex((step) => step >= most);
  const at = (index: number) => steps[index] ?? Number.NaN;
  for (let turn = 0; at(high) / at(low) < 10 * (1 - Number.EPSILON); turn++) {
    if (turn % 2 === 0) low -= 1;
    else high += 1;
  }
  return { min: at(low), max: at(high) };
}

/** @returns 1, 2 and 5 times powers of ten within the range; powers of ten alone where those would be too many. */
export function ticksOf({ min, max }: { min: number; max: number }, most = 8): number[] {
  const steps = stepsBetween(min, max);
  const decades = steps.filter((step) => Number.isInteger(Number(Math.log10(step).toFixed(9))));
  return steps.length <= most ? steps : decades;
}

function stepsBetween(min: number, max: number): number[] {
  const first = Math.floor(Math.log10(min));
  const last = Math.ceil(Math.log10(max));
  const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  // Powers of ten are written and read, because 10 ** -5 is not the number that 1e-5 is.
  const steps = powers.flatMap((power) => STEPS.map((step) => Number(`${step}e${power}`)));
  return steps.filter((step) => step >= min * (1 - 1e-9) && step <= max * (1 + 1e-9));
}
