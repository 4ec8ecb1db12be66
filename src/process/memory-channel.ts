import type { Channel } from "../snapshot/channel.ts";

class MemoryEnd<Out, In> implements Channel<Out, In> {
  other!: MemoryEnd<In, Out>;
  #early: In[] = [];
  #handler: ((message: In) => void) | undefined;
  #closeHandler: (() => void) | undefined;
  #closed = false;

  send(message: Out): void {
    if (this.#closed) return;
    const copy = structuredClone(message);
    queueMicrotask(() => this.other.#deliver(copy));
  }

  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
    for (const message of this.#early.splice(0)) handler(message);
  }

  onClose(handler: () => void): void {
    this.#closeHandler = handler;
  }

  close(): void {
    if (this.#closed) return;
    this.#shut();
    queueMicrotask(() => this.other.#shut());
  }

  #deliver(message: In): void {
    if (this.#closed) return;
    if (this.#handler) this.#handler(message);
    else this.#early.push(message);
  }

  #shut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeHandler?.();
  }
}

/**
 * Makes the two ends of a channel within one process. Messages are copied, as a socket would, and never arrive within
 * `send`.
 */
export function memoryChannel<A, B>(): [Channel<A, B>, Channel<B, A>] {
  const left = new MemoryEnd<A, B>();
  const right = new MemoryEnd<B, A>();
  left.other = right;
  right.other = left;
  return [left, right];
}
