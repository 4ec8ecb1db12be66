/** Applications and services for the relay's tests, on node:net: another implementation than the relay's own. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "../free-port.ts";
import { atEnd } from "./teardown.ts";

/** Resets are what many tests are about; they look at them in their own way. */
function ignore(): void {
  // Nothing to do.
}

/** Starts an exported service. @returns its port. */
export async function service(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", ignore);
    serve(socket);
  });
  const port = freePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => server.close());
  return port;
}

/** Connects an application that can half-close. */
export function application(port: number, host = "127.0.0.1"): Socket {
  const socket = connect({ port, host, allowHalfOpen: true });
  socket.on("error", ignore);
  return socket;
}

/** @returns everything up to the end. Rejects when the connection is reset. */
export function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    socket.once("end", () => resolve(Buffer.concat(chunks)));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an end")));
  });
}

/** @returns once the connection is gone: the error's code, or `end` when it ended in good order. */
export function ending(socket: Socket): Promise<string> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once("end", () => resolve("end"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("close"));
  });
}

/** Waits for the next data. */
export async function next(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString();
}

/** Writes `size` bytes that differ everywhere, then FIN. @returns their SHA-256. */
export async function pour(socket: Socket, size: number): Promise<string> {
  const hash = createHash("sha256");
  const block = crypto.getRandomValues(Buffer.alloc(1 << 16));
  for (let at = 0; at < size; at += block.length) {
    for (let i = 0; i < block.length; i += 512) block.writeDoubleLE(at + i, i);
    const part = Buffer.from(block.subarray(0, Math.min(block.length, size - at)));
    hash.update(part);
    if (!socket.write(part)) await once(socket, "drain");
  }
  socket.end();
  return hash.digest("hex");
}

/** @returns the SHA-256 of everything up to the end, and how much it was. */
export function digest(socket: Socket): Promise<{ hash: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  socket.on("data", (chunk) => {
    hash.update(chunk);
    size += chunk.length;
  });
  socket.resume();
  return new Promise((resolve, reject) => {
    socket.once("end", () => resolve({ hash: hash.digest("hex"), size }));
    socket.once("error", reject);
  });
}

/** Waits until the condition holds; fails after four seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 4000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within four seconds: ${what}`);
    await Bun.sleep(5);
  }
}

/** For sockets of relays in tests: a defect ends the run. */
export function onDefect(error: unknown): never {
  throw error;
}
