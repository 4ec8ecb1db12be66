import { encodeTextResponse } from "../wire/http/encode.ts";
import type { Expiring } from "./deadlines.ts";
import type { DialContext, DialOwner } from "./dial.ts";
import { Dial } from "./dial.ts";
import { EarlyData } from "./early-data.ts";
import type { Endpoint, EndpointOwner, Sink } from "./endpoint.ts";
import type { RelaySocket } from "./socket.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";

const DIAL_TIMEOUT = 2_000;
/** How long the visitor may take to close its half once the API has closed its own, in milliseconds. */
const LINGER = { refused: 5_000, answered: 30_000 };
/** Up to so many bytes an answer may be a refusal, and whoever gets it has proved nothing. */
const REFUSAL_SIZE = 64 * 1024;
/** How long a visitor that has finished speaking may wait for its answer, in milliseconds. */
const UNANSWERED = 5_000;

/**
 * Joins a connection to the socket of the control API, where every request needs a token. Of what the visitor does all but
 * its FIN is passed on: Bun's server drops the requests of a connection that is half-closed.
 */
export class ApiHandover implements DialOwner, EndpointOwner, Expiring, Sink {
  readonly #visitor: TcpEndpoint;
  readonly #early = new EarlyData();
  #api: TcpEndpoint | undefined;
  #over = false;
  /** The visitor has finished. */
  #ended = false;
  /** The API has ended the connection, and all that it has said has been written. */
  #answered = false;

  constructor(
    private readonly context: DialContext,
    socket: RelaySocket,
    path: string,
    /** What has been read of the connection already. */
    read: Uint8Array[],
    private readonly onGone: () => void,
  ) {
    this.#visitor = new TcpEndpoint(socket, this.#early, this);
    for (const chunk of read) if (chunk.length > 0 && !this.#early.write(chunk)) this.#visitor.pause();
    new Dial({ unix: path }, DIAL_TIMEOUT, this, context);
  }

  /** It has had its last answer, which was so short that it may have proved nothing. */
  get refused(): boolean {
    return this.#answered && this.#visitor.sent <= REFUSAL_SIZE;
  }

  onDialled(socket: RelaySocket): void {
    if (this.#over) {
      socket.terminate();
      return;
    }
    this.#api = new TcpEndpoint(socket, this.#visitor, this);
    this.#visitor.other = this;
    this.#early.replay(this);
    if (this.#early.complete(this)) this.#visitor.resume();
  }

  write(bytes: Uint8Array, start?: number, end?: number): boolean {
    return this.#api?.write(bytes, start, end) ?? true;
  }

  finish(): void {
    this.#ended = true;
    if (this.#answered) this.#finishApi();
    else if (!this.#over) this.context.deadlines.set(this, UNANSWERED);
  }

  resume(): void {
    this.#api?.resume();
  }

  onDialFailed(): void {
    if (this.#over) return;
    this.#visitor.other = this;
    this.#visitor.write(encodeTextResponse(503, "the control API is not there at the moment", true));
    this.#visitor.resume();
    this.#visitor.finish();
  }

  /** The API ends the connections that it refuses; whoever is refused must not keep its own open. */
  onFinished(): void {
    if (this.#over || !this.#visitor.finished) return;
    this.#answered = true;
    if (this.#api?.finished) this.#gone();
    else if (this.#ended) this.#finishApi();
    else this.context.deadlines.set(this, this.refused ? LINGER.refused : LINGER.answered);
  }

  onExpired(): void {
    this.end();
  }

  /** Tears both sides down at once. */
  end(): void {
    this.#gone();
    this.#visitor.reset();
    this.#api?.reset();
  }

  onReset(endpoint: Endpoint): void {
    this.#gone();
    if (endpoint === this.#visitor) this.#api?.reset();
    else this.#visitor.reset();
  }

  /** Where the API was not there, there is none to finish. */
  #finishApi(): void {
    if (this.#api === undefined) this.#gone();
    else this.#api.finish();
  }

  #gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.context.deadlines.clear(this);
    this.onGone();
  }
}
