/** The HTTP/1.1 dialect by hand: requests written as text, answers read back from the bytes that came. */
import { SignJWT } from "jose";
import { type RawCredentials, RawGateway, type RawOptions, RawPeer } from "./raw-peer.ts";
import { eventually } from "./sockets.ts";

export interface Answer {
  status: number;
  fields: Record<string, string>;
  body: string;
}

/** A connection of a peer that writes its own requests. */
export class Conversation {
  #at = 0;

  constructor(readonly peer: RawPeer) {}

  /** Dials without ALPN, as ClusterLink's gateways do, unless the options say otherwise. */
  static async dial(port: number, options: RawOptions): Promise<Conversation> {
    return new Conversation(await RawPeer.dial(port, { alpn: undefined, ...options }));
  }

  say(...texts: string[]): this {
    this.peer.send(...texts.map((text) => Buffer.from(text, "latin1")));
    return this;
  }

  /** @returns what has come and was not read as an answer yet. */
  get rest(): string {
    return this.peer.raw.slice(this.#at);
  }

  /** Reads the next answer. After a CONNECT that was accepted, `rest` is the stream. */
  async answer(connect = false): Promise<Answer> {
    let whole: Answer | undefined;
    await eventually(() => {
      whole = this.#next(connect);
      return whole !== undefined || this.peer.gone !== undefined || this.peer.ended;
    }, "an answer has come");
    if (whole === undefined) throw new Error(`the connection is ${this.peer.gone ?? "ended"}, without an answer`);
    return whole;
  }

  /** Waits until the stream has brought as much. */
  async heard(text: string): Promise<void> {
    await eventually(() => this.rest.length >= text.length, `"${text.slice(0, 40)}" has come`);
    if (this.rest !== text) throw new Error(`"${this.rest.slice(0, 200)}" has come`);
  }

  async closed(): Promise<string> {
    return this.peer.closed();
  }

  #next(connect: boolean): Answer | undefined {
    const text = this.rest;
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const [line = "", ...lines] = text.slice(0, end).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
    const fields = Object.fromEntries(lines.map((one) => [one.split(": ")[0]?.toLowerCase(), one.split(": ")[1]]));
    const length = (connect && status === 200) || status === 100 ? 0 : Number(fields["content-length"]);
    if (!Number.isInteger(length)) throw new Error(`an answer without a length: ${text}`);
    if (text.length < end + 4 + length) return undefined;
    this.#at += end + 4 + length;
    return { status, fields, body: text.slice(end + 4, end + 4 + length) };
  }
}

/** @returns a `POST /authz`, as ClusterLink's control plane writes it. */
export function authzText(name: string, attributes: unknown = null, namespace = "default"): string {
  const body = JSON.stringify({ ServiceName: name, ServiceNamespace: namespace, SrcAttributes: attributes });
  return post(body);
}

/** @returns a `POST /authz` with that body. */
export function post(body: string, length = Buffer.byteLength(body)): string {
  return [
    "POST /authz HTTP/1.1",
    "Host: 127.0.0.1:443",
    "User-Agent: Go-http-client/1.1",
    `Content-Length: ${length}`,
    "Content-Type: application/json",
    "Accept-Encoding: gzip",
    "",
    body,
  ].join("\r\n");
}

/** @returns a CONNECT, as ClusterLink's Go data plane writes it. */
export function connectText(token: string | undefined, target = "west:443"): string {
  const authorization = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  return [
    `CONNECT ${target} HTTP/1.1`,
    `Host: ${target}`,
    "User-Agent: Go-http-client/1.1",
    ...authorization,
    "",
    "",
  ].join("\r\n");
}

/** The key of every site that tests make (see ./fabric.ts). */
const KEY = Buffer.alloc(32, 7);

export interface TokenRecipe {
  claims?: Record<string, unknown>;
  /** Seconds from now. */
  expires?: number;
  key?: Uint8Array;
  alg?: string;
}

/** @returns a token for the export `echo` taken by `east`, but for what the recipe says; undefined claims are left out. */
export function forgedToken({ claims = {}, expires = 5, key = KEY, alg = "HS256" }: TokenRecipe = {}): Promise<string> {
  const source = { values: { "peer.clusterlink.net/name": "east" }, client_known: false, peer_labels_known: false };
  const payload = { export_name: "echo", export_namespace: "default", caller: "east", source, ...claims };
  return new SignJWT(payload)
    .setProtectedHeader({ alg })
    .setExpirationTime(Math.floor(Date.now() / 1000) + expires)
    .sign(key);
}

export interface Asked {
  /** Which connection it came on, in the order of their handshakes. */
  connection: number;
  line: string;
  fields: Record<string, string>;
  body: string;
}

/** What to answer: bytes, or a promise of them; undefined never answers. */
export type Respond = (asked: Asked, connection: GatewayConnection) => string | undefined | Promise<string | undefined>;

/** One connection to a gateway that speaks HTTP/1.1, at the gateway's end. */
export class GatewayConnection {
  #at = 0;
  #raw = false;
  #busy = false;

  constructor(
    readonly peer: RawPeer,
    readonly index: number,
    private readonly gateway: HttpGateway,
  ) {}

  /** What has come behind a CONNECT. */
  get stream(): string {
    return this.#raw ? this.peer.raw.slice(this.#at) : "";
  }

  say(text: string): void {
    this.peer.send(Buffer.from(text, "latin1"));
  }

  /** Answers requests as they come; what follows a CONNECT is never one. */
  async serve(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let asked = this.#next(); asked !== undefined; asked = this.#next()) {
      this.gateway.asked.push(asked);
      const response = await this.gateway.respond(asked, this);
      if (response !== undefined) this.say(response);
    }
    this.#busy = false;
  }

  #next(): Asked | undefined {
    if (this.#raw) return undefined;
    const text = this.peer.raw.slice(this.#at);
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const [line = "", ...lines] = text.slice(0, end).split("\r\n");
    const fields = Object.fromEntries(lines.map((one) => [one.split(": ")[0]?.toLowerCase(), one.split(": ")[1]]));
    const length = Number(fields["content-length"] ?? 0);
    if (text.length < end + 4 + length) return undefined;
    this.#at += end + 4 + length;
    this.#raw = line.startsWith("CONNECT ");
    return { connection: this.index, line, fields, body: text.slice(end + 4, end + 4 + length) };
  }
}

/** A gateway made by hand that speaks HTTP/1.1 only. */
export class HttpGateway {
  readonly asked: Asked[] = [];
  readonly connections: GatewayConnection[] = [];
  readonly port: number;
  readonly #gateway: RawGateway;

  constructor(
    credentials: RawCredentials,
    public respond: Respond = respondWell,
  ) {
    this.#gateway = new RawGateway(credentials, (peer) => this.#accept(peer), "http/1.1");
    this.port = this.#gateway.port;
  }

  /** The connections that are still there and carry no stream. */
  get idle(): GatewayConnection[] {
    return this.connections.filter(({ peer, stream }) => peer.gone === undefined && !peer.ended && stream === "");
  }

  stop(): void {
    this.#gateway.stop();
    for (const { peer } of this.connections) peer.terminate();
  }

  #accept(peer: RawPeer): void {
    const connection = new GatewayConnection(peer, this.connections.length, this);
    this.connections.push(connection);
    const take = peer.take.bind(peer);
    peer.take = (chunk) => {
      take(chunk);
      connection.serve();
    };
  }
}

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
export const GRANTED = "HTTP/1.1 200 OK\r\nX-Access-Token: a.b.c\r\nContent-Length: 0\r\n\r\n";
export const ESTABLISHED = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";

/** Answers everything with 200, in the shapes of ClusterLink's Go data plane. */
export const respondWell: Respond = ({ line }) =>
  line.startsWith("CONNECT") ? ESTABLISHED : line.startsWith("POST /authz ") ? GRANTED : OK;

/** @returns a handler that answers as `respondWell`, but for what the given answers say. */
export function respondBut(answers: { health?: string; authz?: string; connect?: string }): Respond {
  return (asked, connection) => {
    const { line } = asked;
    const answer = line.startsWith("CONNECT")
      ? answers.connect
      : line.startsWith("POST")
        ? answers.authz
        : answers.health;
    return answer ?? respondWell(asked, connection);
  };
}
