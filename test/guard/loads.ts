/** What the guards count the cost of: an application's requests, connections and large messages, one after the other. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { application } from "../relay/sockets.ts";

const REQUEST = Buffer.alloc(100, "?");
/** Larger than any buffer in between is filled by one socket event, small enough that no socket makes its writer wait. */
export const LARGE = 64 * 1024;

/** Opens a connection to an echo service and sends one request over it, so that all of the way is open. */
export async function open(port: number): Promise<Socket> {
  const socket = application(port);
  socket.setNoDelay(true);
  await once(socket, "connect");
  await exchange(socket, REQUEST);
  return socket;
}

/** Sends that many requests, each after the answer to the last. */
export async function requests(socket: Socket, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await exchange(socket, REQUEST);
}

/** Sends that many messages of {@link LARGE} bytes, each after the last has come back. */
export async function largeMessages(socket: Socket, count: number): Promise<void> {
  const message = Buffer.alloc(LARGE, "!");
  for (let at = 0; at < count; at++) await exchange(socket, message);
}

/** Opens that many connections, each for one request, after the end of the last. */
export async function connections(port: number, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const socket = await open(port);
    const closed = once(socket, "close");
    socket.end();
    socket.resume();
    await closed;
  }
}

async function exchange(socket: Socket, message: Buffer): Promise<void> {
  const answered = Promise.withResolvers<void>();
  let left = message.length;
  const onData = (chunk: Buffer) => {
    left -= chunk.length;
    if (left === 0) answered.resolve();
  };
  const onClose = () => answered.reject(new Error("the connection was closed before the answer"));
  socket.on("data", onData).once("close", onClose).write(message);
  await answered.promise;
  socket.off("data", onData).off("close", onClose);
}
