import { MAX_EARLY_DATA } from "../wire/frames.ts";
import { append } from "./chunks.ts";
import type { Sink } from "./endpoint.ts";

/**
 * Holds what one side says while the other is still being reached: {@link MAX_EARLY_DATA} bytes, after which the giver
 * pauses (a socket that was paused may still bring one read). With a `through`, each chunk is passed on there as well, and
 * what is held is the copy that a second attempt replays.
 */
export class EarlyData implements Sink {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #ended = false;
  /** Where the present attempt takes it, or nothing. */
  through: Sink | undefined;

  get length(): number {
    return this.#length;
  }

  /** Whether the present attempt has been given any of it. */
  get sent(): boolean {
    return this.through !== undefined && this.#length > 0;
  }

  /** Keeps a copy: the bytes themselves may be a small part of what they are a view of. */
  write(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    const chunk = bytes.slice(start, end);
    const room = MAX_EARLY_DATA - this.#length;
    append(this.#chunks, chunk);
    this.#length += chunk.length;
    if (room > 0) this.through?.write(chunk, 0, Math.min(chunk.length, room));
    return this.#length < MAX_EARLY_DATA;
  }

  finish(): void {
    this.#ended = true;
    if (this.#length <= MAX_EARLY_DATA) this.through?.finish();
  }

  resume(): void {}

  /**
   * Starts an attempt: passes on what is held, up to the limit, and what comes from now on.
   * @returns whether `through` can take more at once.
   */
  replay(through: Sink): boolean {
    this.through = through;
    let sent = 0;
    let free = true;
    for (const chunk of this.#chunks) {
      const room = MAX_EARLY_DATA - sent;
      if (room <= 0) break;
      free = through.write(chunk, 0, Math.min(chunk.length, room));
      sent += chunk.length;
    }
    if (this.#ended && this.#length <= MAX_EARLY_DATA) through.finish();
    return free;
  }

  /**
   * The attempt has succeeded, and `through` takes over: passes on what was held back beyond the limit.
   * @returns whether `through` can take more at once.
   */
  complete(through: Sink): boolean {
    let at = 0;
    let free = true;
    for (const chunk of this.#chunks) {
      const skip = Math.max(0, MAX_EARLY_DATA - at);
      at += chunk.length;
      if (skip < chunk.length) free = through.write(chunk, skip);
    }
    if (this.#ended && this.#length > MAX_EARLY_DATA) through.finish();
    this.#chunks.length = 0;
    return free;
  }
}
