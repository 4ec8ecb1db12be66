/** What has to be remembered between connections to balance them. */
import type { ImportSource, LbScheme } from "../resources/import.ts";
import type { ObjectKey } from "../resources/meta.ts";
import { orderSources, type Standing } from "./order.ts";

interface ImportState {
  /** Connections ordered so far. */
  turn: number;
  live: Map<string, number>;
}

/** Turns start over here: a multiple of every list length up to 10, so that no source is skipped, and safely counted. */
const TURNS = 2520 * 2 ** 20;

/**
 * One relay's balancing. Turns and counts are those of this relay alone: N relays that each balance their own
 * connections balance all of them, as the kernel spreads connections over the relays.
 */
export class Balancer {
  readonly #random: () => number;
  readonly #imports = new Map<ObjectKey, ImportState>();

  /** @param random a number from 0 to below 1, as `Math.random` gives. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * Takes a turn: call it once for each new connection, and try the sources in the order returned.
   *
   * @returns the sources to try; empty when no source has a Peer.
   */
  order(
    importKey: ObjectKey,
    sources: readonly ImportSource[],
    scheme: LbScheme,
    standing: (source: ImportSource) => Standing,
  ): ImportSource[] {
    const start = this.#start(importKey, sources, scheme);
    const live = (source: ImportSource) => this.live(importKey, source);
    return orderSources({ sources, scheme, standing, start, live });
  }

  /** A connection goes through this source now. Each call is followed by one of {@link finished}. */
  started(importKey: ObjectKey, source: ImportSource): void {
    const { live } = this.#state(importKey);
    const key = sourceKey(source);
    live.set(key, (live.get(key) ?? 0) + 1);
  }

  /** That connection has ended. More ends than starts are ignored. */
  finished(importKey: ObjectKey, source: ImportSource): void {
    const live = this.#imports.get(importKey)?.live;
    const key = sourceKey(source);
    const count = live?.get(key);
    if (live === undefined || count === undefined) return;
    if (count > 1) live.set(key, count - 1);
    else live.delete(key);
  }

  /** @returns the connections that go through this source now. */
  live(importKey: ObjectKey, source: ImportSource): number {
    return this.#imports.get(importKey)?.live.get(sourceKey(source)) ?? 0;
  }

  /** Forgets the Imports that are gone. Their connections are cut first, so that no end is counted against a new one. */
  forget(isGone: (importKey: ObjectKey) => boolean): void {
    for (const key of this.#imports.keys()) if (isGone(key)) this.#imports.delete(key);
  }

  #start(importKey: ObjectKey, sources: readonly ImportSource[], scheme: LbScheme): number {
    if (scheme === "static" || sources.length < 2) return 0;
    if (scheme === "random") return Math.floor(this.#random() * TURNS);
    const state = this.#state(importKey);
    const turn = state.turn;
    state.turn = (turn + 1) % TURNS;
    return turn;
  }

  #state(importKey: ObjectKey): ImportState {
    let state = this.#imports.get(importKey);
    if (state === undefined) {
      state = { turn: 0, live: new Map() };
      this.#imports.set(importKey, state);
    }
    return state;
  }
}

/** Names of peers, namespaces and exports hold no slash. */
function sourceKey(source: ImportSource): string {
  return `${source.peer}/${source.exportNamespace}/${source.exportName}`;
}
