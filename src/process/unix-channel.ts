import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Socket } from "bun";
import type { Channel } from "../snapshot/channel.ts";
import { encodeMessage, MessageReader } from "./message-frames.ts";

/** What a reader that has stopped reading may make us hold behind one message, in bytes; then it is cut off and starts anew. */
const MAX_QUEUED = 128 * 1024 * 1024;

class UnixChannel<Out, In> implements Channel<Out, In> {
  readonly #reader = new MessageReader();
  readonly #queue: Buffer[] = [];
  #queued = 0;
  #early: In[] = [];
  #handler: ((message: In) => void) | undefined;
  #closeHandler: (() => void) | undefined;
  #closed = false;

  constructor(
    readonly socket: Socket<unknown>,
    readonly onFault: FaultHandler | undefined,
  ) {}

  send(message: Out): void {
    if (this.#closed) return;
    const frame = encodeMessage(message);
    this.#queue.push(frame);
    this.#queued += frame.length;
    if (this.#queue.length === 1) this.flush();
    else if (this.#queued - (this.#queue[0]?.length ?? 0) > MAX_QUEUED) this.socket.terminate();
  }

  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
    for (const message of this.#early.splice(0)) handler(message);
  }

  onClose(handler: () => void): void {
    this.#closeHandler = handler;
    if (this.#closed) handler();
  }

  close(): void {
    if (!this.#closed) this.socket.end();
  }

  /** Writes what the socket takes now; the rest follows with its next `drain`. */
  flush(): void {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      const written = this.socket.write(head);
      if (written < 0) return;
      this.#queued -= written;
      if (written < head.length) {
        this.#queue[0] = head.subarray(written);
        return;
      }
      this.#queue.shift();
    }
  }

  receive(chunk: Buffer): void {
    let messages: unknown[];
    try {
      messages = this.#reader.push(chunk);
    } catch {
      this.socket.terminate();
      return;
    }
    for (const message of messages as In[]) {
      if (this.#handler) this.#handler(message);
      else this.#early.push(message);
    }
  }

  /**
   * The socket is broken, or a handler of ours has thrown, which Bun tells in the same way. How far that one came nobody
   * knows, so both ends start anew; left open, the other one would wait here for ever.
   */
  failed(error: Error): void {
    if (!("code" in error)) this.onFault?.(error);
    this.socket.terminate();
    this.closed();
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.length = 0;
    this.#closeHandler?.();
  }
}

/** Called with what a handler of messages has thrown; its channel is closed. */
export type FaultHandler = (error: Error) => void;

export interface ChannelServer {
  /** Takes no more; the channels that are open stay open. */
  stop(): void;
}

/**
 * Listens for the other ends of channels. The folder of the socket is made private (0700), which is what keeps
 * everybody but this user's processes out.
 *
 * @throws when the folder or the socket cannot be made.
 */
export function listenForChannels<Out, In>(
  path: string,
  accept: (channel: Channel<Out, In>) => void,
  onFault?: FaultHandler,
): ChannelServer {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
  rmSync(path, { force: true });
  const ends = new WeakMap<Socket<unknown>, UnixChannel<Out, In>>();
  const listener = Bun.listen<unknown>({
    unix: path,
    socket: {
      open(socket) {
        const channel = new UnixChannel<Out, In>(socket, onFault);
        ends.set(socket, channel);
        accept(channel);
      },
      data: (socket, chunk) => ends.get(socket)?.receive(chunk),
      drain: (socket) => ends.get(socket)?.flush(),
      end: (socket) => void socket.end(),
      close: (socket) => ends.get(socket)?.closed(),
      error: (socket, error) => ends.get(socket)?.failed(error),
    },
  });
  return { stop: () => listener.stop(false) };
}

/**
 * Connects to {@link listenForChannels}.
 *
 * @throws when nobody listens there.
 */
export async function connectChannel<Out, In>(path: string, onFault?: FaultHandler): Promise<Channel<Out, In>> {
  let channel: UnixChannel<Out, In> | undefined;
  const of = (socket: Socket<unknown>): UnixChannel<Out, In> => {
    channel ??= new UnixChannel<Out, In>(socket, onFault);
    return channel;
  };
  const socket = await Bun.connect<unknown>({
    unix: path,
    socket: {
      data: (end, chunk) => of(end).receive(chunk),
      drain: (end) => of(end).flush(),
      end: (end) => void end.end(),
      close: (end) => of(end).closed(),
      error: (end, error) => of(end).failed(error),
    },
  });
  return of(socket);
}
