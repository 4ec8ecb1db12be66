import { verifyChain } from "../pki/chain.ts";
import { peerChain, type PeerIdentity, peerIdentity } from "../pki/identity.ts";
import type { PeerEntry } from "../snapshot/tables.ts";
import { ALPN } from "../wire/frames.ts";
import type { RelayContext } from "./context.ts";
import { Dial, type DialOwner } from "./dial.ts";
import { DialError } from "./errors.ts";
import { GatewayPool } from "./gateway-pool.ts";
import type { RelaySocket } from "./socket.ts";
import { Tunnel, type TunnelOwner } from "./tunnel.ts";

/** Who needs a tunnel. Exactly one of the two is called, once, unless the wish is withdrawn. */
export interface TunnelWaiter {
  onTunnel(tunnel: Tunnel): void;
  onNoTunnel(error: DialError): void;
}

/** Dials that may be under way to one peer at a time; who comes later waits for one of them. */
const MAX_DIALS = 128;

interface Wish {
  /** The gateways that it may still try. */
  gateways: GatewayPool[];
  /** A dial is under way for it. */
  dialing: boolean;
}

interface Held {
  gateway: GatewayPool;
  /** For whom it was dialled. */
  waiter: TunnelWaiter | undefined;
}

/** The tunnels to one peer, over all its gateways, and those who wait for one. */
export class PeerPool implements TunnelOwner {
  #gateways: GatewayPool[] = [];
  #next = 0;
  readonly #waiting = new Map<TunnelWaiter, Wish>();
  readonly #held = new Map<Tunnel, Held>();
  #dialing = 0;

  constructor(
    readonly name: string,
    private readonly context: RelayContext,
    /** All tunnels of all pools, to bound how many are idle. */
    private readonly totals: { tunnels: number },
  ) {}

  get tunnels(): Iterable<Tunnel> {
    return this.#held.keys();
  }

  /** Takes over what the peer's object says now. Tunnels to gateways that are gone are closed when they are idle. */
  update(entry: PeerEntry | undefined): void {
    const before = this.#gateways;
    const wanted = entry?.gateways ?? [];
    this.#gateways = wanted.map(({ host, port }, index) => {
      const known = before.find((gateway) => gateway.host === host && gateway.port === port);
      const gateway = known ?? new GatewayPool(host, port, true);
      gateway.reachable = entry?.reachable[index] ?? true;
      return gateway;
    });
    for (const gateway of before) if (!this.#gateways.includes(gateway)) this.#retire(gateway.tunnels, "gateway removed");
  }

  /** Stops using the tunnels there are: idle ones are closed, busy ones when their stream is over. */
  retireAll(reason: string): void {
    this.#retire([...this.#held.keys()], reason);
  }

  /** Finds a tunnel for the waiter: an idle one at once, else the first that becomes idle or is dialled. */
  acquire(waiter: TunnelWaiter): void {
    const order = this.#order();
    const now = this.context.now();
    for (const gateway of order) {
      const tunnel = gateway.take(now);
      if (tunnel !== undefined) {
        waiter.onTunnel(tunnel);
        return;
      }
    }
    if (order.length === 0) {
      waiter.onNoTunnel(new DialError("connect", `peer ${this.name} has no gateway`));
      return;
    }
    this.#waiting.set(waiter, { gateways: order, dialing: false });
    this.#dialFor(waiter);
  }

  /** The waiter does not need a tunnel any more. */
  withdraw(waiter: TunnelWaiter): void {
    this.#waiting.delete(waiter);
  }

  /** Regular upkeep: spare tunnels are closed, missing ones dialled. `wanted`: something is imported from here. */
  sweep(wanted: boolean): void {
    const now = this.context.now();
    for (const gateway of this.#gateways) {
      for (const tunnel of gateway.sweep(now)) tunnel.close("idle");
      if (!wanted) continue;
      const missing = gateway.missing(now) + (gateway.dialing === 0 && gateway.lopsided ? 1 : 0);
      for (let i = 0; i < missing && this.#mayWarm; i++) this.#dial(gateway, undefined);
    }
  }

  onReady(tunnel: Tunnel): void {
    this.context.state.learnPeerLabels(this.name, tunnel.hello?.labels ?? {});
    this.onIdle(tunnel);
  }

  onOpen(tunnel: Tunnel): void {
    tunnel.terminate("protocol error: OPEN from the side that does not open streams");
  }

  onIdle(tunnel: Tunnel): void {
    const gateway = this.#held.get(tunnel)?.gateway;
    if (gateway === undefined || !tunnel.usable) {
      tunnel.close(tunnel.draining ? "drained" : "retired");
      return;
    }
    const waiter = this.#waiting.keys().next().value;
    if (waiter !== undefined) {
      this.#waiting.delete(waiter);
      waiter.onTunnel(tunnel);
      return;
    }
    gateway.keep(tunnel, this.context.now());
    if (this.totals.tunnels > this.context.descriptors.idleTunnels) tunnel.close("too many idle tunnels");
  }

  onClosed(tunnel: Tunnel, reason: string): void {
    const held = this.#held.get(tunnel);
    if (held === undefined) return;
    this.#held.delete(tunnel);
    held.gateway.remove(tunnel);
    this.totals.tunnels -= 1;
    this.context.log.debug("tunnel closed", { peer: this.name, address: tunnel.address, reason });
    if (tunnel.hello === undefined) {
      this.#failed(held.gateway, held.waiter, new DialError("lost", `${tunnel.address} closed the tunnel: ${reason}`));
    }
  }

  get #mayWarm(): boolean {
    return this.#dialing < MAX_DIALS && this.totals.tunnels < this.context.descriptors.idleTunnels;
  }

  /** The gateways in the order of trying: each in turn first, unreachable ones last. */
  #order(): GatewayPool[] {
    const count = this.#gateways.length;
    const turn = this.#next++ % Math.max(1, count);
    const rotated = [...this.#gateways.slice(turn), ...this.#gateways.slice(0, turn)];
    return rotated.sort((a, b) => Number(b.reachable) - Number(a.reachable));
  }

  #dialFor(waiter: TunnelWaiter): void {
    const wish = this.#waiting.get(waiter);
    if (wish === undefined || this.#dialing >= MAX_DIALS) return;
    const gateway = wish.gateways.shift();
    if (gateway === undefined) return;
    wish.dialing = true;
    this.#dial(gateway, waiter);
  }

  /** A dial has ended: somebody who had to wait for that may have one now. */
  #dialNext(): void {
    for (const [waiter, wish] of this.#waiting) {
      if (wish.dialing) continue;
      this.#dialFor(waiter);
      return;
    }
  }

  #dial(gateway: GatewayPool, waiter: TunnelWaiter | undefined): void {
    const { certificates, deadlines } = this.context.state.site;
    gateway.dialing += 1;
    this.#dialing += 1;
    const tls = {
      ca: certificates.ca,
      cert: certificates.cert,
      key: certificates.key,
      serverName: this.name,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: `${String.fromCharCode(ALPN.length)}${ALPN}`,
    };
    const over = () => {
      gateway.dialing -= 1;
      this.#dialing -= 1;
    };
    const owner: DialOwner = {
      onDialled: (socket) => {
        over();
        this.#start(gateway, socket, waiter);
        this.#dialNext();
      },
      onDialFailed: (error) => {
        over();
        this.#failed(gateway, waiter, error);
        this.#dialNext();
      },
    };
    new Dial({ host: gateway.host, port: gateway.port, tls }, deadlines.dial + deadlines.handshake, owner, this.context);
  }

  #start(gateway: GatewayPool, socket: RelaySocket, waiter: TunnelWaiter | undefined): void {
    let identity: PeerIdentity;
    try {
      identity = this.#identify(socket);
    } catch (error) {
      socket.terminate();
      this.#failed(gateway, waiter, new DialError("identity", (error as Error).message, error));
      return;
    }
    const tunnel = new Tunnel(socket, identity, gateway.address, "opener", this, this.context.deadlines);
    this.#held.set(tunnel, { gateway, waiter });
    this.totals.tunnels += 1;
    gateway.add(tunnel, this.context.now());
    this.context.metrics.handshake("opener", "tunnel");
    tunnel.start(this.context.hello("dialler"), this.context.state.site.deadlines.handshake);
  }

  /** TLS has checked the chain and the name; they are checked again here, because a resumed session brings neither. */
  #identify(socket: RelaySocket): PeerIdentity {
    const chain = peerChain(socket);
    const verdict = verifyChain(chain, this.context.state.site.certificates.ca, Date.now(), "server");
    if (!verdict.valid) throw new DialError("identity", verdict.reason);
    const identity = peerIdentity(chain);
    if (identity.name !== this.name) {
      throw new DialError("identity", `the certificate is ${identity.name}'s, not ${this.name}'s`);
    }
    if (socket.alpnProtocol !== ALPN) throw new DialError("identity", `${this.name} does not speak ${ALPN}`);
    return identity;
  }

  #failed(gateway: GatewayPool, waiter: TunnelWaiter | undefined, error: DialError): void {
    gateway.failed(error, this.context.now(), Math.random());
    this.context.metrics.handshake("opener", error.reason);
    this.context.log.debug("dial failed", { peer: this.name, error });
    if (waiter === undefined) return;
    const wish = this.#waiting.get(waiter);
    if (wish === undefined) return;
    wish.dialing = false;
    if (wish.gateways.length > 0) {
      this.#dialFor(waiter);
      return;
    }
    this.#waiting.delete(waiter);
    waiter.onNoTunnel(error);
  }

  #retire(tunnels: Iterable<Tunnel>, reason: string): void {
    for (const tunnel of [...tunnels]) {
      tunnel.retired = true;
      if (tunnel.idle) tunnel.close(reason);
    }
  }
}
