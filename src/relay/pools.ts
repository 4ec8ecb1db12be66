import type { RelayContext } from "./context.ts";
import type { Link } from "./link.ts";
import { PeerPool } from "./peer-pool.ts";
import type { SiteState } from "./state.ts";

/** The pools of the peers that this relay has to do with, and of those that are deleted and not done with. */
export class Pools {
  readonly #pools = new Map<string, PeerPool>();
  readonly #totals = { idle: 0 };

  constructor(private readonly context: RelayContext) {}

  /** @returns the pool of that peer, which must be one of the snapshot's. */
  of(peer: string): PeerPool {
    let pool = this.#pools.get(peer);
    if (pool === undefined) {
      pool = new PeerPool(peer, this.context, this.#totals);
      pool.update(this.context.state.peer(peer));
      this.#pools.set(peer, pool);
    }
    return pool;
  }

  /** Follows the peers of the snapshot: new gateways are warmed, those that are gone lose their tunnels. */
  update(state: SiteState): void {
    for (const peer of state.importedPeers()) this.of(peer);
    for (const [name, pool] of this.#pools) pool.update(state.peer(name));
    this.sweep();
  }

  /** Regular upkeep of all pools; that of a deleted peer is forgotten once nothing is left of it. */
  sweep(): void {
    const { draining, state } = this.context;
    const wanted = draining ? new Set<string>() : state.importedPeers();
    for (const [name, pool] of this.#pools) {
      if (pool.empty && state.peer(name) === undefined) this.#pools.delete(name);
      else pool.sweep(wanted.has(name));
    }
  }

  retireAll(reason: string): void {
    for (const pool of this.#pools.values()) pool.retireAll(reason);
  }

  *links(): Iterable<Link> {
    for (const pool of this.#pools.values()) yield* pool.links;
  }
}
