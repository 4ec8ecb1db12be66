import type { Endpoint, EndpointOwner, Sink } from "./endpoint.ts";
import { keepAlive, NOBODY, type RelaySocket, type SocketUser, writeSome } from "./socket.ts";
import { WriteQueue } from "./write-queue.ts";

/** A local socket (or a TLS socket that carries raw bytes) as one end of a relayed connection. */
export class TcpEndpoint implements Endpoint, SocketUser {
  /** Bytes that the application has sent. */
  received = 0;
  /** Bytes for the application. */
  sent = 0;
  #finished = false;
  #finishing = false;
  #ended = false;
  #gone = false;
  #paused = false;
  #keptAlive = false;
  readonly #queue = new WriteQueue();

  constructor(
    readonly socket: RelaySocket,
    public other: Sink,
    public owner: EndpointOwner,
  ) {
    socket.data = this;
  }

  get finished(): boolean {
    return this.#finished;
  }

  write(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    if (this.#gone) return true;
    this.sent += end - start;
    const count = this.#queue.empty ? writeSome(this.socket, bytes, start, end) : 0;
    if (count === end - start) return true;
    this.#queue.push(bytes.subarray(start + count, end));
    return false;
  }

  finish(): void {
    if (this.#gone) return;
    this.#finishing = true;
    if (this.#queue.empty) this.#finishNow();
  }

  pause(): void {
    if (this.#paused || this.#gone) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#gone) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** Lets the kernel find out when the far host is dead. Safe to repeat. */
  keepAlive(): void {
    if (this.#gone || this.#keptAlive) return;
    this.#keptAlive = true;
    keepAlive(this.socket);
  }

  reset(): void {
    if (this.#gone) return;
    this.#leave();
    this.socket.terminate();
  }

  onData(_socket: RelaySocket, chunk: Uint8Array): boolean {
    this.received += chunk.length;
    const taken = this.other.write(chunk);
    if (!taken) this.pause();
    return taken;
  }

  onDrain(socket: RelaySocket): void {
    if (this.#queue.empty || !this.#queue.flush(socket)) return;
    if (this.#finishing) this.#finishNow();
    else this.other.resume();
  }

  onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.other.finish();
  }

  /** Once our half is shut down, Bun reports the other side's FIN as the close, after all of its data. */
  onClose(_socket: RelaySocket, error: Error | undefined): void {
    if (this.#gone) return;
    const clean = this.#finished && error === undefined;
    this.#leave();
    if (clean) this.onEnd();
    else this.owner.onReset(this, "reset");
  }

  #finishNow(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.socket.shutdown();
    this.owner.onFinished(this);
  }

  #leave(): void {
    this.#gone = true;
    this.#queue.clear();
    this.socket.data = NOBODY;
  }
}
