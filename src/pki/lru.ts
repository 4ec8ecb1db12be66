/** A bounded cache that forgets what has not been asked for longest. */
export class LruCache<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #limit: number;

  /** @param limit - how many entries are kept at most, 1 or more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns the value kept for this key, else that which `make` returns, kept from now on. What `make` throws is not kept. */
  getOrMake(key: K, make: () => V): V {
    const kept = this.#entries.get(key);
    if (kept !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, kept);
      return kept;
    }
    const value = make();
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    return value;
  }

  get size(): number {
    return this.#entries.size;
  }
}
