/** Connections to a service that echoes, where every byte counts. On node:net: another implementation than the relay's. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "../free-port.ts";

/** Starts a service that sends back what it gets, half-close included. */
export async function startEcho(): Promise<{ port: number; stop(): void }> {
  const port = freePort();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Whoever made the connection notices.
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { port, stop: () => server.close() };
}

/** Bytes of one message, and milliseconds between two. */
const MESSAGE = 16 * 1024;
const PAUSE = 50;

/** How long the last bytes may take, milliseconds. */
const LAST = 10_000;

/** One connection on which random bytes go to an echo and come back. */
export class HashedStream {
  readonly #socket: Socket;
  readonly #sent = createHash("sha256");
  readonly #received = createHash("sha256");
  readonly #closed = Promise.withResolvers<void>();
  #talking = true;
  /** Bytes that came back. */
  bytes = 0;
  /** How the connection failed, if it did. */
  failure: string | undefined;

  /** @param from - the client's address, where it has several. Rejects when nobody listens there. */
  static async open(host: string, port: number, from?: string): Promise<HashedStream> {
    const local = from === undefined ? {} : { localAddress: from };
    const socket = connect({ host, port, allowHalfOpen: true, ...local });
    await once(socket, "connect");
    return new HashedStream(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received.update(chunk);
      this.bytes += chunk.length;
    });
    socket.on("error", (error) => {
      this.failure = error.message;
    });
    socket.on("end", () => this.#over("the other side ended it"));
    socket.on("close", () => this.#over("it was closed"));
  }

  /** Sends a message now and then, until {@link finish}. */
  async talk(): Promise<void> {
    while (this.#talking && this.failure === undefined) {
      await this.say();
      await Bun.sleep(PAUSE);
    }
  }

  /** Sends a message; resolves when it is on its way. */
  async say(): Promise<void> {
    const message = randomBytes(MESSAGE);
    this.#sent.update(message);
    if (!this.#socket.write(message)) await Promise.race([once(this.#socket, "drain"), this.#closed.promise]);
  }

  /** Ends our half and waits for the other. @returns whether what came back is what was sent, to the last byte */
  async finish(): Promise<boolean> {
    this.#talking = false;
    this.#socket.end();
    await Promise.race([this.#closed.promise, Bun.sleep(LAST)]);
    this.#socket.destroy();
    return this.failure === undefined && this.#sent.digest("hex") === this.#received.digest("hex");
  }

  #over(early: string): void {
    if (this.#talking) this.failure ??= early;
    this.#closed.resolve();
  }
}

/** Opens a connection, sends a message and reads it back. @returns undefined when every byte came back, else why not */
export async function tryEcho(host: string, port: number, from?: string): Promise<string | undefined> {
  try {
    const stream = await HashedStream.open(host, port, from);
    await stream.say();
    if (await stream.finish()) return undefined;
    return stream.failure ?? `${stream.bytes} of ${MESSAGE} bytes came back`;
  } catch (error) {
    return String(error);
  }
}
