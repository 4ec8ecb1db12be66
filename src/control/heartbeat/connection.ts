import type { Socket } from "bun";
import { peerChain, peerIdentity } from "../../pki/identity.ts";
import { formatHostPort } from "../../resources/address.ts";
import type { CertificateEntry, GatewayAddress } from "../../snapshot/tables.ts";
import { type Answer, AnswerReader } from "../../wire/http/answer-reader.ts";
import { encodeRequest } from "../../wire/http/encode.ts";
import { labelsOf } from "./labels.ts";

/** Why a heartbeat failed, for people. */
export class HeartbeatError extends Error {
  readonly code = "ERR_HEARTBEAT";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HeartbeatError";
  }
}

/** Who waits for the answer on a connection. */
interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: HeartbeatError) => void;
}

/**
 * The connection for heartbeats to one gateway: `GET /healthz` over mutual TLS with the peer's name as SNI, verified,
 * and kept alive between heartbeats. One heartbeat at a time.
 */
export class HeartbeatConnection {
  #socket: Socket<unknown> | undefined;
  #ready = false;
  #reader = new AnswerReader("GET");
  #waiting: Waiting | undefined;
  /** The dial under way or in use; what an earlier one still reports is ignored. */
  #attempt: object | undefined;

  constructor(
    readonly peer: string,
    readonly address: GatewayAddress,
    readonly certificates: () => CertificateEntry,
  ) {}

  /**
   * Sends one heartbeat.
   *
   * @param timeout - for everything together, milliseconds.
   * @returns the peer's labels; undefined when its answer does not tell them.
   * @throws HeartbeatError when it is not answered in time with 200 by a gateway that proves to be the peer.
   */
  async beat(timeout: number): Promise<Record<string, string> | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting = { resolve, reject };
    const timer = setTimeout(() => this.#fail(`no answer within ${timeout}ms`), timeout);
    try {
      if (this.#ready) this.#request();
      else this.#connect();
      const { head } = await promise;
      if (head.status !== 200) throw new HeartbeatError(`answered with status ${head.status}`);
      return labelsOf(head);
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  /** Closes the connection; the next heartbeat makes a new one, with the certificates of that moment. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#attempt = undefined;
    this.#ready = false;
    this.#reader = new AnswerReader("GET");
    socket?.terminate();
  }

  #fail(reason: string, cause?: unknown): void {
    this.close();
    this.#waiting?.reject(new HeartbeatError(reason, cause === undefined ? {} : { cause }));
  }

  #connect(): void {
    const { ca, cert, key } = this.certificates();
    const attempt = {};
    this.#attempt = attempt;
    const mine = (socket: Socket<unknown>) => this.#attempt === attempt && (this.#socket ?? socket) === socket;
    Bun.connect<unknown>({
      hostname: this.address.host,
      port: this.address.port,
      tls: { ca, cert, key, serverName: this.peer, rejectUnauthorized: true },
      socket: {
        open: (socket) => {
          if (!mine(socket) || this.#waiting === undefined) socket.terminate();
          else this.#socket = socket;
        },
        handshake: (socket, _success, error) => {
          if (mine(socket)) this.#verify(socket, error);
        },
        data: (socket, chunk) => {
          if (mine(socket)) this.#receive(chunk);
        },
        close: (socket) => {
          if (mine(socket)) this.#fail("the connection was closed");
        },
        error: (socket, error) => {
          if (mine(socket)) this.#fail(error.message, error);
        },
      },
    }).catch((error: unknown) => {
      if (this.#attempt === attempt) this.#fail(error instanceof Error ? error.message : String(error), error);
    });
  }

  #verify(socket: Socket<unknown>, error: Error | null): void {
    if (error !== null || !socket.authorized) {
      const reason = error ?? socket.getAuthorizationError();
      this.#fail(`the certificate is not accepted: ${reason?.message ?? "it does not name the peer"}`, reason);
      return;
    }
    try {
      const { name } = peerIdentity(peerChain(socket));
      if (name !== this.peer) {
        this.#fail(`the gateway there is "${name}", not "${this.peer}"`);
        return;
      }
    } catch (cause) {
      this.#fail(cause instanceof Error ? cause.message : String(cause), cause);
      return;
    }
    this.#ready = true;
    this.#request();
  }

  #request(): void {
    const host = formatHostPort(this.peer, this.address.port);
    const request = encodeRequest({ method: "GET", target: "/healthz", host });
    if (this.#socket?.write(request) !== request.length) this.#fail("the connection was closed");
  }

  #receive(chunk: Buffer): void {
    let answer: Answer | undefined;
    try {
      answer = this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error), error);
      return;
    }
    if (!answer) return;
    const waiting = this.#waiting;
    if (answer.kept) this.#reader = new AnswerReader("GET");
    else this.close();
    waiting?.resolve(answer);
  }
}
