/** How many policies of a tier demand each value. */
import type { CompiledPolicy } from "./compiled-policy.ts";
import type { Requirement } from "./selector.ts";
import type { End } from "./unknown-groups.ts";

/**
 * What tells the policies of a tier apart: a value that one policy demands leads to that policy at once, one that all
 * of them demand leads nowhere. Every demand counts, also those that an index does not use.
 */
export class Demand {
  readonly #counts: Readonly<Record<End, Map<string, Map<string, number>>>> = { from: new Map(), to: new Map() };

  add(policy: CompiledPolicy): void {
    this.#change("from", policy, 1);
    this.#change("to", policy, 1);
  }

  /** One that was added. */
  remove(policy: CompiledPolicy): void {
    this.#change("from", policy, -1);
    this.#change("to", policy, -1);
  }

  /** @returns the number of demands for the most demanded of the values, which a connection with it has to look at. */
  of(end: End, { key, values }: Requirement): number {
    const counts = this.#counts[end].get(key);
    let most = 0;
    for (const value of values) most = Math.max(most, counts?.get(value) ?? 0);
    return most;
  }

  #change(end: End, policy: CompiledPolicy, by: 1 | -1): void {
    for (const selector of policy[end]) {
      for (const { operator, key, values } of selector) {
        if (operator !== "In") continue;
        const counts = this.#counts[end].get(key) ?? new Map<string, number>();
        for (const value of values) {
          const count = (counts.get(value) ?? 0) + by;
          if (count === 0) counts.delete(value);
          else counts.set(value, count);
        }
        if (counts.size === 0) this.#counts[end].delete(key);
        else this.#counts[end].set(key, counts);
      }
    }
  }
}
