import type { Socket } from "bun";
import { giveBack } from "./chunks.ts";
import type { Descriptors } from "./descriptors.ts";

/** Whoever a socket belongs to at the moment. A socket may change hands: `socket.data = another`. */
export interface SocketUser {
  /** @returns true when nothing of the chunk is kept: then it is emptied, see {@link giveBack}. */
  onData(socket: RelaySocket, chunk: Uint8Array): boolean;
  onDrain(socket: RelaySocket): void;
  /** The other side has finished; with half-open sockets ours goes on. */
  onEnd(socket: RelaySocket): void;
  /** The socket is gone. `error` is there when it was torn down: a reset, a broken TLS record, a time-out. */
  onClose(socket: RelaySocket, error: Error | undefined): void;
  /** TLS only: the handshake is over. Nothing may be written before it. */
  onHandshake?(socket: RelaySocket, error: Error | null): void;
  /** Dialled sockets only: connected. For TLS the handshake is still to come. */
  onConnected?(socket: RelaySocket): void;
}

export type RelaySocket = Socket<SocketUser>;

/**
 * The handlers of every relay socket, plain or TLS, accepted or dialled: they only find the user. What one of them throws,
 * Bun hands to `error`, and when that throws the process ends: a defect takes its own connection with it and no other.
 *
 * @param onDefect - told of what was thrown
 */
export function socketHandlers(onDefect: (error: unknown) => void) {
  return { ...finders, error: (socket: RelaySocket, error: Error) => tearDown(socket, error, onDefect) };
}

const finders = {
  binaryType: "uint8array" as const,
  data(socket: RelaySocket, chunk: Uint8Array) {
    if (socket.data.onData(socket, chunk)) giveBack(chunk);
  },
  drain(socket: RelaySocket) {
    socket.data.onDrain(socket);
  },
  end(socket: RelaySocket) {
    socket.data.onEnd(socket);
  },
  close(socket: RelaySocket, error?: Error) {
    socket.data.onClose(socket, error);
  },
  handshake(socket: RelaySocket, _success: boolean, error: Error | null) {
    socket.data.onHandshake?.(socket, error);
  },
};

function tearDown(socket: RelaySocket, error: Error, onDefect: (error: unknown) => void): void {
  onDefect(error);
  try {
    socket.data.onClose(socket, error);
  } catch (another) {
    onDefect(another);
  }
  socket.terminate();
}

/** The same for sockets that count as a descriptor: once they have been open, it is given back when they close. */
export function countedHandlers(descriptors: Descriptors, onDefect: (error: unknown) => void) {
  return {
    ...socketHandlers(onDefect),
    open(socket: RelaySocket) {
      socket.data.onConnected?.(socket);
    },
    close(socket: RelaySocket, error?: Error) {
      descriptors.give();
      socket.data.onClose(socket, error);
    },
  };
}

export type CountedHandlers = ReturnType<typeof countedHandlers>;

/** Owns a socket that nobody cares for any more. */
export const NOBODY: SocketUser = {
  onData: () => true,
  onDrain() {},
  onEnd() {},
  onClose() {},
};

/**
 * Writes as much of the bytes from `start` to before `end` as the socket takes at once.
 *
 * A write that runs into a reset uses up the news of it: Bun then reports an end in good order, or, on a paused socket,
 * nothing at all. So the user is told from here, before anything else happens on the socket.
 *
 * @returns how many bytes it took.
 */
export function writeSome(socket: RelaySocket, bytes: Uint8Array, start: number, end: number): number {
  const count = socket.write(bytes, start, end - start);
  if (count >= 0) return count;
  queueMicrotask(() => {
    socket.data.onClose(socket, new Error("the connection was reset"));
    socket.terminate();
  });
  return 0;
}

const KEEP_ALIVE_MS = 15_000;

/** Lets the kernel find out when the far host is dead. Bun has switched Nagle's delay off already. */
export function keepAlive(socket: RelaySocket): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
}
