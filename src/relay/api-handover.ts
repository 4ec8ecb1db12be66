import { encodeTextResponse } from "../wire/http/encode.ts";
import { ClosingSocket } from "./closing-socket.ts";
import type { Expiring } from "./deadlines.ts";
import type { DialContext, DialOwner } from "./dial.ts";
import { Dial } from "./dial.ts";
import { EarlyData } from "./early-data.ts";
import type { Endpoint, EndpointOwner } from "./endpoint.ts";
import type { RelaySocket } from "./socket.ts";
import { TcpEndpoint } from "./tcp-endpoint.ts";

const DIAL_TIMEOUT = 2_000;
/** How long the visitor may take to close its half once the API has closed its own, in milliseconds. */
const LINGER = 5_000;

/** Joins a connection to the socket of the control API, where every request needs a token. */
export class ApiHandover implements DialOwner, EndpointOwner, Expiring {
  readonly #visitor: TcpEndpoint;
  readonly #early = new EarlyData();
  #api: TcpEndpoint | undefined;
  #over = false;

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

  onDialled(socket: RelaySocket): void {
    if (this.#over) {
      socket.terminate();
      return;
    }
    this.#api = new TcpEndpoint(socket, this.#visitor, this);
    this.#visitor.other = this.#api;
    this.#early.replay(this.#api);
    if (this.#early.complete(this.#api)) this.#visitor.resume();
  }

  onDialFailed(): void {
    if (this.#over) return;
    this.#visitor.socket.write(encodeTextResponse(503, "the control API is not there at the moment", true));
    this.#gone();
    new ClosingSocket(this.#visitor.socket, this.context.deadlines);
  }

  /** The API ends the connections that it refuses; whoever is refused must not keep its own open. */
  onFinished(): void {
    if (this.#over || !this.#visitor.finished) return;
    if (this.#api?.finished) this.#gone();
    else this.context.deadlines.set(this, LINGER);
  }

  onExpired(): void {
    this.#gone();
    this.#visitor.reset();
    this.#api?.reset();
  }

  onReset(endpoint: Endpoint): void {
    this.#gone();
    if (endpoint === this.#visitor) this.#api?.reset();
    else this.#visitor.reset();
  }

  #gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.context.deadlines.clear(this);
    this.onGone();
  }
}
