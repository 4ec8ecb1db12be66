/**
 * The HTTPS door: TLS ends here and the bytes go on to the unix socket on which every request needs a token. So the
 * certificate can change between two connections without touching the listener or any connection.
 */
import type { Socket, SocketHandler, TCPSocketListener } from "bun";
import { type Door, DoorError } from "./door.ts";
import { Pump } from "./pump.ts";

export interface ServerCertificate {
  /** PEM, the leaf first. */
  cert: string;
  /** PEM. */
  key: string;
}

export interface HttpsDoorOptions {
  /** An IP address, without brackets; `::` is both families. */
  host: string;
  /** 0 chooses a free one. */
  port: number;
  /** The unix socket of an app with `auth: "token"`. */
  socket: string;
  certificate: ServerCertificate;
  /** Connections at once; more are reset. Default: 512. */
  maxConnections?: number;
  /** Milliseconds for the TLS handshake. Default: 5,000. */
  handshakeTimeout?: number;
  /** Milliseconds that a client may keep its side open after the last answer has ended. Default: 30,000. */
  unreadTimeout?: number;
}

export interface HttpsDoor extends Door {
  readonly port: number;
  /** The certificate of every connection from now on; those that are open keep theirs. */
  replaceCertificate(certificate: ServerCertificate): void;
}

/** The only protocol on offer, as ALPN writes it (RFC 7301): a length and the name. */
const HTTP_1_1 = "\x08http/1.1";
const KEEP_ALIVE = 15_000;
/**
 * How long a client that has finished speaking may wait for its answer, in milliseconds. Its FIN is not passed on,
 * because Bun's server drops the requests of such a connection; and a client that has gone looks the same.
 */
const UNANSWERED = 5_000;

/** Opens the door. @throws {DoorError} where the address cannot be bound */
export function openHttpsDoor(options: HttpsDoorOptions): HttpsDoor {
  const { host, port, socket: backend, maxConnections = 512 } = options;
  const timeouts = { handshake: options.handshakeTimeout ?? 5_000, unread: options.unreadTimeout ?? 30_000 };
  let { certificate } = options;
  const connections = new Set<Connection>();
  let listener: TCPSocketListener<undefined>;
  try {
    listener = Bun.listen<undefined>({
      hostname: host,
      port,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          if (connections.size >= maxConnections) {
            socket.terminate();
            return;
          }
          socket.setKeepAlive(true, KEEP_ALIVE);
          const connection = new Connection(backend, timeouts, () => connections.delete(connection));
          connections.add(connection);
          connection.secure(socket, certificate);
        },
        data() {
          // Bun shows the encrypted bytes here too; the TLS socket has the plain ones.
        },
      },
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DoorError(
      "Listen",
      `cannot listen on ${host} port ${port} for the API: ${why}; choose another --api-listen`,
      { cause },
    );
  }
  return {
    port: listener.port,
    replaceCertificate(next) {
      certificate = next;
    },
    async close(grace) {
      listener.stop(false);
      const deadline = Date.now() + grace;
      while (connections.size > 0 && Date.now() < deadline) await Bun.sleep(10);
      for (const connection of connections) connection.cut();
      listener.stop(true);
    },
  };
}

/** One client: its TLS socket, and the connection to the unix socket once the handshake is done. */
class Connection {
  #front: Socket<undefined> | undefined;
  #back: Socket<undefined> | undefined;
  #toBack: Pump | undefined;
  #toFront: Pump | undefined;
  #over = false;
  #deadline: Timer;

  constructor(
    private readonly backend: string,
    private readonly timeouts: { handshake: number; unread: number },
    private readonly onOver: () => void,
  ) {
    this.#deadline = setTimeout(() => this.cut(), timeouts.handshake);
  }

  secure(socket: Socket<undefined>, { cert, key }: ServerCertificate): void {
    // `isServer` is missing in Bun's types; without a literal in the call the compiler lets it through.
    const upgrade = {
      isServer: true,
      data: undefined,
      tls: { cert, key, requestCert: false, rejectUnauthorized: false, ALPNProtocols: HTTP_1_1 },
      socket: {
        handshake: (tls: Socket<undefined>, success: boolean) => {
          if (success) this.#connect(tls);
          else this.cut();
        },
        data: (_: unknown, data: Buffer) => this.#toBack?.push(data),
        drain: () => this.#toFront?.drain(),
        end: () => this.#linger(UNANSWERED),
        error: () => this.cut(),
        close: () => this.cut(),
      } satisfies SocketHandler<undefined>,
    };
    const [, front] = socket.upgradeTLS<undefined>(upgrade);
    this.#front = front;
  }

  #connect(front: Socket<undefined>): void {
    clearTimeout(this.#deadline);
    if (this.#toBack !== undefined) return;
    this.#toBack = new Pump(front, { write: (data) => this.#back?.write(data) ?? 0, end: () => this.cut() });
    Bun.connect<undefined>({
      unix: this.backend,
      allowHalfOpen: true,
      socket: {
        open: (back) => {
          if (this.#over) {
            back.terminate();
            return;
          }
          this.#back = back;
          this.#toFront = new Pump(back, {
            write: (data) => front.write(data),
            end: () => {
              this.#linger(this.timeouts.unread);
              // After Bun's `end`, a TLS socket could not be torn down any more.
              front.shutdown();
            },
          });
          this.#toBack?.drain();
        },
        data: (_, data) => this.#toFront?.push(data),
        drain: () => this.#toBack?.drain(),
        end: () => this.#toFront?.end(),
        error: () => this.cut(),
        close: () => this.#toFront?.end(),
      },
    }).catch(() => this.cut());
  }

  #linger(milliseconds: number): void {
    if (this.#over) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.cut(), milliseconds);
  }

  /** Ends both sides at once. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#front?.terminate();
    this.#back?.terminate();
    this.onOver();
  }
}
