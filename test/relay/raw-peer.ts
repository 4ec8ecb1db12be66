/** A peer made by hand, for what no honest gateway would do: raw TLS, frames written and read byte by byte. */
import type { Socket, TCPSocketListener } from "bun";
import { ALPN, FrameType, HEADER_SIZE } from "../../src/wire/frames.ts";
import { encodeAttributes, encodeHello, encodeOpen, type Hello } from "../../src/wire/messages.ts";
import { eventually } from "./sockets.ts";
import { atEnd } from "./teardown.ts";

/** PEM texts. `ca` is what the raw peer trusts; a server that it does not trust is spoken to all the same. */
export interface RawCredentials {
  ca?: string;
  cert?: string;
  key?: string;
}

export interface RawOptions extends RawCredentials {
  serverName?: string;
  /** Default: `clusterlink/2`. */
  alpn?: string | undefined;
  /** A TLS session to resume. */
  session?: Uint8Array;
}

export interface Frame {
  type: number;
  payload: Buffer;
}

export const HELLO: Hello = {
  version: 1,
  instance: "raw",
  relay: 0,
  relays: 1,
  opener: "dialler",
  labels: {},
  features: [],
};

/** One TLS connection, seen from the raw end of it. Everything that comes in is kept. */
export class RawPeer {
  readonly frames: Frame[] = [];
  readonly received: Buffer[] = [];
  socket: Socket<RawPeer> | undefined;
  /** The far side has finished. */
  ended = false;
  /** Why the connection is gone, in a word: `closed`, or the error's code. */
  gone: string | undefined;
  handshaken = false;
  /** The TLS session is one of an earlier connection. */
  resumed = false;
  #rest = Buffer.alloc(0);
  #queue: Buffer[] = [];
  #taken = 0;

  constructor() {
    atEnd(() => this.terminate());
  }

  /** Dials the peer port and finishes the TLS handshake, as far as the client can tell; says nothing yet. */
  static async dial(port: number, options: RawOptions): Promise<RawPeer> {
    const peer = new RawPeer();
    const { serverName = "west", alpn = ALPN, session, ...credentials } = options;
    const tls = {
      ...credentials,
      serverName,
      rejectUnauthorized: false,
      ...("alpn" in options && options.alpn === undefined ? {} : { ALPNProtocols: listOf(alpn) }),
    };
    const socket = handlersFor(() => peer, undefined, session);
    await Bun.connect<RawPeer>({ hostname: "127.0.0.1", port, tls, data: peer, allowHalfOpen: true, socket });
    await eventually(() => peer.handshaken || peer.gone !== undefined, "the TLS handshake has ended");
    return peer;
  }

  /** Dials and exchanges HELLOs: an idle tunnel. */
  static async tunnel(port: number, options: RawOptions): Promise<RawPeer> {
    const peer = await RawPeer.dial(port, options);
    peer.hello();
    await peer.next(FrameType.hello);
    return peer;
  }

  /** Writes bytes; what the socket does not take at once is written when it can be. */
  send(...chunks: Uint8Array[]): this {
    for (const chunk of chunks) this.#queue.push(Buffer.from(chunk));
    this.flush();
    return this;
  }

  /** Writes a frame of any type, with any payload. */
  frame(type: number, payload: Uint8Array | number[] = []): this {
    return this.send(frameOf(type, payload));
  }

  hello(hello: Partial<Hello> = {}): this {
    return this.send(encodeHello({ ...HELLO, ...hello }));
  }

  open(stream: number, name: string, attributes: Record<string, string> = {}): this {
    return this.send(encodeOpen(stream, "default", name, encodeAttributes(attributes), ""));
  }

  data(bytes: string | Uint8Array): this {
    return this.frame(FrameType.data, Buffer.from(bytes as string));
  }

  /** OPENED, FIN or (with a code) RESET or REFUSED of a stream. */
  about(type: number, stream: number, ...more: number[]): this {
    return this.frame(type, aboutStream(stream, ...more));
  }

  /** @returns the next frame of that type which has not been taken yet; other frames before it are skipped. */
  async next(type: number): Promise<Frame> {
    let found: Frame | undefined;
    await eventually(() => {
      while (found === undefined && this.#taken < this.frames.length) {
        const frame = this.frames[this.#taken++] as Frame;
        if (frame.type === type) found = frame;
      }
      return found !== undefined || this.gone !== undefined || this.ended;
    }, `a frame of type ${type} has come`);
    if (found === undefined)
      throw new Error(`the connection is ${this.gone ?? "ended"}, without a frame of type ${type}`);
    return found;
  }

  /** The DATA that has come since the start, as text. */
  get text(): string {
    const parts = this.frames.filter(({ type }) => type === FrameType.data).map(({ payload }) => payload);
    return Buffer.concat(parts).toString();
  }

  /** Everything that came in, as text: for what is not frames. */
  get raw(): string {
    return Buffer.concat(this.received).toString("latin1");
  }

  /** Whether a frame of that type has come. */
  got(type: number): boolean {
    return this.frames.some((frame) => frame.type === type);
  }

  /** The TLS session, to be resumed; the other side has to have said something. */
  get session(): Uint8Array {
    const session: unknown = this.socket?.getSession();
    if (!(session instanceof Uint8Array)) throw new Error("there is no session");
    return session;
  }

  /** Waits until the far side has closed the connection, in whatever way. */
  async closed(): Promise<string> {
    await eventually(() => this.gone !== undefined || this.ended, "the connection has been closed");
    return this.gone ?? "ended";
  }

  /** Finishes our half: close_notify and FIN. */
  end(): void {
    this.socket?.shutdown();
  }

  terminate(): void {
    this.socket?.terminate();
  }

  flush(): void {
    while (this.socket !== undefined && this.#queue.length > 0) {
      const chunk = this.#queue[0] as Buffer;
      const count = this.socket.write(chunk);
      if (count < 0) {
        // Bun may never tell otherwise, when the socket is paused.
        this.gone ??= "ECONNRESET";
        return;
      }
      if (count < chunk.length) {
        this.#queue[0] = chunk.subarray(count);
        return;
      }
      this.#queue.shift();
    }
  }

  take(chunk: Uint8Array): void {
    this.received.push(Buffer.from(chunk));
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER_SIZE) {
      const length = this.#rest.readUIntBE(1, 3);
      if (this.#rest.length < HEADER_SIZE + length) return;
      const payload = this.#rest.subarray(HEADER_SIZE, HEADER_SIZE + length);
      this.frames.push({ type: this.#rest[0] as number, payload });
      this.#rest = this.#rest.subarray(HEADER_SIZE + length);
    }
  }
}

/** A gateway made by hand: accepts tunnels and hands each to the test. */
export class RawGateway {
  readonly tunnels: RawPeer[] = [];
  readonly port: number;
  readonly #listener: TCPSocketListener<RawPeer>;

  constructor(
    credentials: RawCredentials,
    /** Called when a tunnel's handshake is done; by default it says HELLO. */
    onTunnel: (peer: RawPeer) => void = (peer) => peer.hello(),
    alpn = ALPN,
  ) {
    const accept = () => {
      const peer = new RawPeer();
      this.tunnels.push(peer);
      return peer;
    };
    this.#listener = Bun.listen<RawPeer>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      tls: { ...credentials, requestCert: true, rejectUnauthorized: false, ALPNProtocols: listOf(alpn) },
      socket: handlersFor(accept, onTunnel),
    });
    this.port = this.#listener.port;
    atEnd(() => this.stop());
  }

  /** The tunnels that are still there. */
  get alive(): RawPeer[] {
    return this.tunnels.filter(({ gone, ended }) => gone === undefined && !ended);
  }

  stop(): void {
    this.#listener.stop(true);
  }

  /** Takes no new connections; those there are go on. */
  close(): void {
    this.#listener.stop();
  }
}

/** @returns a frame with any type and payload. */
export function frameOf(type: number, payload: Uint8Array | number[] = []): Buffer {
  return Buffer.concat([headerOf(type, payload.length), Buffer.from(payload)]);
}

/** @returns a frame header, true or not. */
export function headerOf(type: number, length: number): Buffer {
  return Buffer.from([type, length >>> 16, (length >>> 8) & 0xff, length & 0xff]);
}

/** @returns the payload of a frame about a stream: its number, then what follows. */
export function aboutStream(stream: number, ...more: number[]): Buffer {
  const payload = Buffer.alloc(4 + more.length);
  payload.writeUInt32BE(stream);
  payload.set(more, 4);
  return payload;
}

function listOf(name: string): string {
  return String.fromCharCode(name.length) + name;
}

function handlersFor(peerOf: () => RawPeer, onHandshake?: (peer: RawPeer) => void, session?: Uint8Array) {
  return {
    open(socket: Socket<RawPeer>) {
      const peer = peerOf();
      peer.socket = socket;
      socket.data = peer;
      if (session !== undefined) socket.setSession(session);
    },
    handshake(socket: Socket<RawPeer>) {
      socket.data.handshaken = true;
      socket.data.resumed = socket.isSessionReused();
      onHandshake?.(socket.data);
    },
    data(socket: Socket<RawPeer>, chunk: Uint8Array) {
      socket.data.take(chunk);
    },
    drain(socket: Socket<RawPeer>) {
      socket.data.flush();
    },
    end(socket: Socket<RawPeer>) {
      socket.data.ended = true;
    },
    close(socket: Socket<RawPeer>, error?: Error) {
      socket.data.gone = errorCode(error);
    },
    error(socket: Socket<RawPeer>, error: Error) {
      socket.data.gone ??= errorCode(error);
    },
  };
}

function errorCode(error: Error | undefined): string {
  if (error === undefined || error === null) return "closed";
  return "code" in error ? String(error.code) : error.message;
}
