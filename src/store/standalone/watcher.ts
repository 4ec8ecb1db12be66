/** One watch: first what is in the history, then what happens, without a gap or an overlap. */
import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import { expired } from "../errors.ts";
import type { WatchEvent } from "../store.ts";
import type { Change, History } from "./history.ts";
import { type Seen, type Selection, seenBy } from "./selection.ts";

export interface WatcherOptions {
  /** Events that wait for a slow reader in memory; beyond it the reader goes on from the history. */
  buffer: number;
  /** Characters of those events' objects, likewise. */
  bufferSize: number;
  /** Milliseconds without an event of the selection after which a bookmark tells how far the store is. */
  bookmarkInterval: number;
}

/**
 * Delivers the changes of one kind after a version, in order, each once. A reader slower than the history is long is
 * told `Expired`; until then nothing is lost, and what it holds in memory is bounded by `buffer` and `bufferSize`.
 */
export class Watcher<K extends KindName> {
  readonly #kind: K;
  readonly #selection: Selection;
  readonly #history: History;
  readonly #options: WatcherOptions;
  readonly #queue: Seen[] = [];
  /** Characters in the queue. */
  #size = 0;
  /** Everything up to this version was delivered, is in the queue, or does not concern this watch. */
  #cursor: number;
  /** Whether new changes are offered to the queue; otherwise they are read from the history. */
  #live = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(kind: K, version: number, selection: Selection, history: History, options: WatcherOptions) {
    this.#kind = kind;
    this.#cursor = version;
    this.#selection = selection;
    this.#history = history;
    this.#options = options;
  }

  /** Takes a change that has just been committed. Called in the order of versions. */
  offer(change: Change): void {
    if (!this.#live || this.#closed) return;
    this.#take(change);
    const first = this.#queue[0];
    const { buffer, bufferSize } = this.#options;
    if (first && (this.#queue.length > buffer || this.#size > bufferSize)) {
      this.#live = false;
      this.#cursor = first.version - 1;
      this.#clear();
    }
    // Changes outside the selection are silence: a bookmark tells the reader that they went by.
    if (!this.#live || this.#queue.length > 0) this.#wake?.();
  }

  /** Ends the watch; what waits in the queue is dropped. */
  close(): void {
    this.#closed = true;
    this.#clear();
    this.#wake?.();
  }

  /** The events. @throws StoreError `Expired` when the history has left the reader behind. */
  async *events(): AsyncGenerator<WatchEvent<K>, void, undefined> {
    let told = this.#cursor;
    while (!this.#closed) {
      const next = this.#shift() ?? this.#readHistory();
      if (next) {
        told = next.version;
        yield this.#event(next);
        continue;
      }
      if (!this.#live) continue;
      const woken = await this.#change();
      if (woken || this.#closed || this.#history.version === told) continue;
      told = this.#history.version;
      yield { type: "BOOKMARK", resourceVersion: String(told) };
    }
  }

  #readHistory(): Seen | undefined {
    if (this.#live) return undefined;
    if (this.#cursor < this.#history.horizon) {
      throw expired(
        `too old resource version: ${this.#cursor} (${this.#history.horizon}); list again and watch from there`,
      );
    }
    const page = this.#history.after(this.#kind, this.#cursor);
    for (const change of page) this.#take(change);
    if (page.length === 0) {
      this.#live = true;
      this.#cursor = this.#history.version;
    }
    return this.#shift();
  }

  #take(change: Change): void {
    this.#cursor = change.version;
    const seen = seenBy(this.#selection, change);
    if (!seen) return;
    this.#queue.push(seen);
    this.#size += seen.object.length;
  }

  #shift(): Seen | undefined {
    const next = this.#queue.shift();
    if (next) this.#size -= next.object.length;
    return next;
  }

  #clear(): void {
    this.#queue.length = 0;
    this.#size = 0;
  }

  #event({ type, object: text, version }: Seen): WatchEvent<K> {
    const object: ResourceOf<K> = JSON.parse(text);
    object.metadata.resourceVersion = String(version);
    return { type, object };
  }

  /** Waits for a change, or (false) until a bookmark is due. */
  #change(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), this.#options.bookmarkInterval);
    timer.unref();
    this.#wake = () => resolve(true);
    return promise.finally(() => clearTimeout(timer));
  }
}
