/** Bounds of counts. */

/** How many of each kind one operation may cost. */
export type Bounds = Readonly<Record<string, number>>;

/**
 * @param what - the operation and who pays for it: "a kept-alive request costs the importing relays"
 * @param counts - of each kind over all operations
 * @param otherwise - the bound of kinds that have none of their own
 * @returns a sentence for each bound that is exceeded
 */
export function exceeded(
  what: string,
  operations: number,
  counts: Iterable<readonly [kind: string, count: number]>,
  bounds: Bounds,
  otherwise: number,
): string[] {
  return [...counts].flatMap(([kind, count]) => {
    const [each, most] = [count / operations, bounds[kind] ?? otherwise];
    return each <= most ? [] : [`${what} ${each.toFixed(2)} ${kind}, at most ${most} wanted`];
  });
}
