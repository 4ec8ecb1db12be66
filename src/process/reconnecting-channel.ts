import type { Channel } from "../snapshot/channel.ts";
import { backoff } from "../store/backoff.ts";

export interface ReconnectOptions<Out, In> {
  connect: () => Promise<Channel<Out, In>>;
  /** Whether this message introduces the sender: the last such one is sent first on every new connection. */
  greets: (message: Out) => boolean;
  /** Called when a connection ends. */
  onLost?: () => void;
  /** Called with what made a try fail. */
  onFailure?: (error: unknown) => void;
}

/**
 * A relay's end of the channel: it survives the death of the other side. What is sent while nobody is there is
 * dropped, but for the greeting; control answers that with a full snapshot, so nothing of consequence is lost.
 * It tries again at once, but after a message that could not be handled, then with jittered delays of at most a quarter of
 * a second, and closes only by `close`.
 */
export class ReconnectingChannel<Out, In> implements Channel<Out, In> {
  #live: Channel<Out, In> | undefined;
  #greeting: Out | undefined;
  #handler: ((message: In) => void) | undefined;
  #closeHandler: (() => void) | undefined;
  #failures = 0;
  #closed = false;
  #timer: Timer | undefined;

  constructor(readonly options: ReconnectOptions<Out, In>) {}

  /** Makes the first connection; messages come only once `onMessage` has been called. */
  start(): void {
    void this.#connect();
  }

  send(message: Out): void {
    if (this.options.greets(message)) this.#greeting = message;
    this.#live?.send(message);
  }

  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
  }

  onClose(handler: () => void): void {
    this.#closeHandler = handler;
  }

  /** Delivers a message as though the other side had sent it. */
  inject(message: In): void {
    this.#handler?.(message);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#live?.close();
    this.#closeHandler?.();
  }

  async #connect(): Promise<void> {
    this.#failures++;
    try {
      const channel = await this.options.connect();
      if (this.#closed) return channel.close();
      this.#live = channel;
      channel.onMessage((message) => {
        this.#handler?.(message);
        this.#failures = 0;
      });
      channel.onClose(() => {
        this.#live = undefined;
        this.options.onLost?.();
        this.#again();
      });
      if (this.#greeting !== undefined) channel.send(this.#greeting);
    } catch (error) {
      this.options.onFailure?.(error);
      this.#again();
    }
  }

  #again(): void {
    if (this.#closed) return;
    const delay = this.#failures === 0 ? 0 : backoff(this.#failures, { first: 10, longest: 250 });
    this.#timer = setTimeout(() => void this.#connect(), delay);
  }
}
