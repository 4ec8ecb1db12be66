import type { TCPSocketListener, TLSUpgradeOptions } from "bun";
import { formatHostPort } from "../resources/address.ts";
import { objectKey } from "../resources/meta.ts";
import { ALPN_LIST } from "../wire/dialects.ts";
import type { Open } from "../wire/messages.ts";
import { areSame } from "./certificates.ts";
import type { RelayContext } from "./context.ts";
import { HttpAuthz } from "./http-authz.ts";
import { HttpPeer } from "./http-peer.ts";
import { HttpVisitor } from "./http-visitor.ts";
import { listen } from "./listen.ts";
import { type Arrival, type HandshakeOwner, PeerHandshake, type Visitor } from "./peer-handshake.ts";
import { ServerConnection } from "./server-connection.ts";
import { keepAlive, NOBODY, type RelaySocket, type SocketUser, socketHandlers } from "./socket.ts";
import { validTrace } from "./trace.ts";
import { Tunnel, type TunnelOwner } from "./tunnel.ts";

/** Connections that have not shown a valid certificate yet, or never will; all of those to the control API count, too. */
export const MAX_UNAUTHENTICATED = 256;
/** The most connections of one peer to this relay, as a share of the descriptors. */
const PEER_SHARE = 0.5;

/** Bun's types miss `isServer`. */
type ServerUpgradeOptions = TLSUpgradeOptions<SocketUser> & { isServer: true };

/** The port that other sites come in by: TLS for each connection with the certificates of the moment, then its dialect. */
export class PeerPort implements TunnelOwner, HandshakeOwner {
  #listener: TCPSocketListener<SocketUser> | undefined;
  readonly #tunnels = new Set<Tunnel>();
  readonly #authz: HttpAuthz;
  /** The peers' connections that speak HTTP/1.1 and carry no stream. */
  readonly #httpPeers = new Set<HttpPeer>();
  readonly #handlers: ReturnType<typeof socketHandlers>;
  readonly #perPeer = new Map<string, number>();
  /** Until they have shown a valid certificate, the control API has them, or they are gone. */
  readonly #strangers = new Set<RelaySocket>();
  /** Called when the last tunnel is gone. */
  onEmpty: (() => void) | undefined;

  constructor(private readonly context: RelayContext) {
    this.#authz = new HttpAuthz(context);
    this.#handlers = socketHandlers((error) => context.onDefect(error));
  }

  get tunnels(): Iterable<Tunnel> {
    return this.#tunnels;
  }

  get httpPeers(): Iterable<HttpPeer> {
    return this.#httpPeers;
  }

  get empty(): boolean {
    return this.#tunnels.size === 0;
  }

  get ca(): string {
    return this.context.state.site.certificates.ca;
  }

  /** @throws ListenError when the port cannot be bound. */
  listen(address: string, port: number): void {
    this.#listener = listen(address, port, this.context, (socket) => this.#onAccept(socket));
  }

  /** Takes no new connections. */
  close(): void {
    this.#listener?.stop();
    this.#listener = undefined;
  }

  /** Asks the peers for no new streams. */
  drain(): void {
    for (const tunnel of this.#tunnels) tunnel.drain();
    for (const peer of [...this.#httpPeers]) peer.drain();
  }

  onVisitor(socket: RelaySocket, visitor: Visitor, { address, certificates }: Arrival): void {
    const { context } = this;
    context.collector.handshake();
    if (visitor.kind === "anonymous") {
      context.metrics.handshake("acceptor", visitor.kind);
      new HttpVisitor(
        context,
        socket,
        () => undefined,
        () => void this.#strangers.delete(socket),
      );
      return;
    }
    this.#strangers.delete(socket);
    const { identity } = visitor;
    const count = (this.#perPeer.get(identity.name) ?? 0) + 1;
    if (count > context.descriptors.limit * PEER_SHARE) {
      context.metrics.handshake("acceptor", "too-many");
      socket.data = NOBODY;
      socket.terminate();
      return;
    }
    this.#perPeer.set(identity.name, count);
    context.metrics.handshake("acceptor", visitor.kind);
    if (visitor.kind === "http") {
      new HttpPeer(context, socket, identity, address, this.#authz, this.#httpPeers, () => this.#gone(identity.name));
      return;
    }
    const tunnel = new Tunnel(socket, identity, address, "acceptor", this, context.deadlines);
    this.#tunnels.add(tunnel);
    tunnel.start(context.hello("dialler"), context.state.site.deadlines.handshake);
    if (!areSame(certificates, context.state.site.certificates)) tunnel.drain();
  }

  onHandshakeFailed({ address }: Arrival, reason: string): void {
    this.context.metrics.handshake("acceptor", "failed");
    this.context.log.debug("handshake failed", { address, reason });
  }

  onReady(tunnel: Tunnel, labels: Record<string, string> = {}): void {
    this.context.state.learnPeerLabels(tunnel.identity.name, labels);
    if (this.context.draining) tunnel.drain();
  }

  onOpen(tunnel: Tunnel, open: Open): void {
    const { notAfter } = this.context.state.site.certificates;
    if (Math.min(tunnel.identity.notAfter, notAfter) < Date.now()) {
      tunnel.terminate("a certificate has expired");
      return;
    }
    const peer = tunnel.identity.name;
    new ServerConnection(this.context, tunnel, {
      id: `${tunnel.address}#${open.stream}`,
      peer,
      key: objectKey(open.exportNamespace, open.exportName),
      attributes: this.context.state.remoteSource(peer, open.attributes, "clusterlink/2"),
      trace: validTrace(open.trace),
    });
  }

  onIdle(): void {}

  onClosed(tunnel: Tunnel, reason: string): void {
    if (!this.#tunnels.delete(tunnel)) return;
    const { name } = tunnel.identity;
    this.#gone(name);
    this.context.log.debug("tunnel closed", { peer: name, address: tunnel.address, reason });
    if (this.empty) this.onEmpty?.();
  }

  /**
   * Ends the stranger that has been there for longest, so that they cannot keep peers out by staying: a peer needs two
   * round trips.
   */
  #makeRoom(): void {
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.context.metrics.refusedAccept("unauthenticated");
    this.#strangers.delete(oldest);
    oldest.terminate();
  }

  /** A connection of that peer is no more. */
  #gone(name: string): void {
    const left = (this.#perPeer.get(name) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(name);
    else this.#perPeer.set(name, left);
  }

  #onAccept(raw: RelaySocket): void {
    const { context } = this;
    const { certificates, deadlines } = context.state.site;
    if (this.#strangers.size + context.handovers.size >= MAX_UNAUTHENTICATED) this.#makeRoom();
    keepAlive(raw);
    // The raw socket does not tell after the upgrade.
    const arrival = { address: formatHostPort(raw.remoteAddress, raw.remotePort), certificates };
    const options: ServerUpgradeOptions = {
      isServer: true,
      data: NOBODY,
      tls: {
        ca: certificates.ca,
        cert: certificates.cert,
        key: certificates.key,
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ALPN_LIST,
      },
      socket: this.#handlers,
    };
    const [plain, socket] = raw.upgradeTLS<SocketUser>(options);
    this.#strangers.add(socket);
    plain.data = { ...NOBODY, onClose: () => void this.#strangers.delete(socket) };
    socket.data = new PeerHandshake(socket, this, arrival, context.deadlines, deadlines.handshake);
  }
}
