import type { CertificateEntry, PeerEntry } from "../snapshot/tables.ts";
import { ALPN } from "../wire/frames.ts";
import { areSame } from "./certificates.ts";
import type { RelayContext } from "./context.ts";
import { DialError } from "./errors.ts";
import { GatewayPool } from "./gateway-pool.ts";
import { HttpLink, type HttpLinkOwner } from "./http-link.ts";
import type { Link } from "./link.ts";
import { dialPeer, type PeerDialled } from "./peer-dial.ts";
import type { StreamHandle } from "./peer-stream.ts";
import { Tunnel, type TunnelOwner } from "./tunnel.ts";

/** Who needs a link to a peer. Exactly one of the two is called, once, unless the wish is withdrawn. */
export interface LinkWaiter {
  onLink(link: Link): void;
  onNoLink(error: DialError): void;
}

/** Dials that may be under way to one peer at a time; who comes later waits for one of them. */
const MAX_DIALS = 128;

/** One call of `acquire` that has no link yet. A waiter may have another one later, with which this has nothing to do. */
interface Wish {
  readonly waiter: LinkWaiter;
  /** Links that have just told the waiter to try elsewhere. */
  avoid: ReadonlySet<StreamHandle> | undefined;
  /** The gateways that it may still try. */
  gateways: GatewayPool[];
  /** A dial is under way for it. */
  dialing: boolean;
}

interface Held {
  gateway: GatewayPool;
  /** For which it was dialled, until it is ready. */
  wish: Wish | undefined;
  /** To be called when the other side has answered for the first time. */
  proved(): void;
}

/** The links to one peer, over all its gateways, and those who wait for one. */
export class PeerPool implements TunnelOwner, HttpLinkOwner {
  #gateways: GatewayPool[] = [];
  #next = 0;
  readonly #waiting = new Map<LinkWaiter, Wish>();
  readonly #held = new Map<Link, Held>();
  #dialing = 0;

  constructor(
    readonly name: string,
    private readonly context: RelayContext,
    /** The idle links of all pools, to bound how many there are. */
    private readonly totals: { idle: number },
  ) {}

  get links(): Iterable<Link> {
    return this.#held.keys();
  }

  /** Whether there is no link, none on its way, and nobody who waits for one. */
  get empty(): boolean {
    return this.#held.size === 0 && this.#dialing === 0 && this.#waiting.size === 0;
  }

  /** Takes over what the peer's object says now. Links to gateways that are gone are closed when they are idle. */
  update(entry: PeerEntry | undefined): void {
    const before = this.#gateways;
    const wanted = entry?.gateways ?? [];
    this.#gateways = wanted.map(({ host, port }, index) => {
      const known = before.find((gateway) => gateway.host === host && gateway.port === port);
      const gateway = known ?? new GatewayPool(host, port, true, this.totals);
      gateway.reachable = entry?.reachable[index] ?? true;
      return gateway;
    });
    for (const gateway of before) if (!this.#gateways.includes(gateway)) this.#retire(gateway.links, "gateway removed");
    for (const wish of this.#waiting.values())
      wish.gateways = wish.gateways.filter((one) => this.#gateways.includes(one));
  }

  /** Stops using the links there are: idle ones are closed, busy ones when their stream is over. */
  retireAll(reason: string): void {
    this.#retire([...this.#held.keys()], reason);
  }

  /**
   * Finds a link for the waiter: an idle one at once, else the first that becomes idle or is dialled.
   *
   * @param avoid - links that have just told the waiter to try elsewhere.
   */
  acquire(waiter: LinkWaiter, avoid: ReadonlySet<StreamHandle> | undefined): void {
    const order = this.#order();
    if (this.context.state.site.certificates.notAfter < Date.now()) {
      waiter.onNoLink(new DialError("identity", "this site's certificate has expired"));
      return;
    }
    for (const gateway of order) {
      const link = gateway.take(avoid);
      if (link !== undefined) {
        this.#give(waiter, link, gateway);
        return;
      }
    }
    // Another handshake would not make room where there is none.
    const gateways = avoid === undefined ? order : order.filter((gateway) => !gateway.isFull(avoid));
    if (gateways.length === 0) {
      waiter.onNoLink(
        new DialError("connect", `peer ${this.name} has no ${order.length === 0 ? "" : "other "}gateway`),
      );
      return;
    }
    const wish = { waiter, avoid, gateways, dialing: false };
    this.#waiting.set(waiter, wish);
    this.#dialFor(wish);
  }

  /** The waiter does not need a link any more. */
  withdraw(waiter: LinkWaiter): void {
    this.#waiting.delete(waiter);
  }

  /** Regular upkeep: spare links are closed, missing ones dialled. `wanted`: something is imported from here. */
  sweep(wanted: boolean): void {
    const now = this.context.now();
    for (const gateway of this.#gateways) {
      for (const link of gateway.sweep(now, wanted)) link.close("idle");
      if (wanted) this.#warm(gateway, gateway.dialing === 0 && gateway.lopsided ? 1 : 0);
    }
  }

  onReady(link: Link, labels?: Record<string, string>): void {
    if (labels !== undefined) this.context.state.learnPeerLabels(this.name, labels);
    const held = this.#held.get(link) as Held;
    const { gateway, wish } = held;
    if (link.proven) held.proved();
    held.wish = undefined;
    if (wish === undefined || !this.#waits(wish)) {
      this.onIdle(link);
      return;
    }
    // Whoever it was dialled for gets it: others have dials of their own.
    if (this.#isWanted(link, gateway)) {
      this.#waiting.delete(wish.waiter);
      this.#give(wish.waiter, link, gateway);
      return;
    }
    this.onIdle(link);
    if (this.#gateways.includes(gateway)) wish.gateways.push(gateway);
    this.#tryNext(wish, new DialError("lost", `${link.address} cannot be used any more`));
  }

  onOpen(tunnel: Tunnel): void {
    tunnel.terminate("protocol error: OPEN from the side that does not open streams");
  }

  onIdle(link: Link): void {
    const held = this.#held.get(link);
    const gateway = held?.gateway;
    if (held !== undefined && !link.sendsEarly && link.proven) held.proved();
    if (gateway === undefined || !this.#isWanted(link, gateway)) {
      link.close(link.draining ? "drained" : "retired");
      return;
    }
    for (const [waiter, { avoid }] of this.#waiting) {
      if (avoid?.has(link)) continue;
      this.#waiting.delete(waiter);
      this.#give(waiter, link, gateway);
      return;
    }
    gateway.keep(link, this.context.now());
    if (this.totals.idle > this.context.descriptors.idleTunnels) link.close("too many idle tunnels");
  }

  onTaken(link: HttpLink): void {
    this.#release(link)?.proved();
  }

  onClosed(link: Link, reason: string): void {
    const held = this.#release(link);
    if (held === undefined) return;
    this.context.log.debug("tunnel closed", { peer: this.name, address: link.address, reason });
    if (!link.proven) {
      this.#failed(held.gateway, held.wish, new DialError("lost", `${link.address} closed the tunnel: ${reason}`));
    }
  }

  /** Its gateway may have been removed while it was dialled or busy. */
  #isWanted(link: Link, gateway: GatewayPool): boolean {
    return link.usable && this.#gateways.includes(gateway);
  }

  get #mayWarm(): boolean {
    return this.#dialing < MAX_DIALS && this.totals.idle < this.context.descriptors.idleTunnels;
  }

  /** In HTTP/1.1 a stream uses its connection up, so another one is made ready at once. */
  #give(waiter: LinkWaiter, link: Link, gateway: GatewayPool): void {
    gateway.countDemand(this.context.now());
    waiter.onLink(link);
    if (!link.sendsEarly && gateway.reachable) this.#warm(gateway);
  }

  #warm(gateway: GatewayPool, extra = 0): void {
    const missing = gateway.missing(this.context.now()) + extra;
    for (let i = 0; i < missing && this.#mayWarm; i++) this.#dial(gateway, undefined);
  }

  #release(link: Link): Held | undefined {
    const held = this.#held.get(link);
    if (held === undefined) return undefined;
    this.#held.delete(link);
    held.gateway.remove(link);
    return held;
  }

  /** The gateways in the order of trying: each in turn first, unreachable ones last. */
  #order(): GatewayPool[] {
    const count = this.#gateways.length;
    const turn = this.#next++ % Math.max(1, count);
    const rotated = [...this.#gateways.slice(turn), ...this.#gateways.slice(0, turn)];
    return rotated.sort((a, b) => Number(b.reachable) - Number(a.reachable));
  }

  #waits(wish: Wish): boolean {
    return this.#waiting.get(wish.waiter) === wish;
  }

  #dialFor(wish: Wish): void {
    if (!this.#waits(wish) || this.#dialing >= MAX_DIALS) return;
    const gateway = wish.gateways.shift();
    if (gateway === undefined) {
      this.#tryNext(wish, new DialError("connect", `peer ${this.name} has no gateway any more`));
      return;
    }
    wish.dialing = true;
    this.#dial(gateway, wish);
  }

  /** A dial has ended: those who had to wait for that may have one now. */
  #dialNext(): void {
    for (const wish of this.#waiting.values()) {
      if (this.#dialing >= MAX_DIALS) return;
      if (!wish.dialing) this.#dialFor(wish);
    }
  }

  #dial(gateway: GatewayPool, wish: Wish | undefined): void {
    gateway.dialing += 1;
    this.#dialing += 1;
    const over = () => {
      gateway.dialing -= 1;
      this.#dialing -= 1;
    };
    dialPeer(this.context, this.name, gateway, {
      onDialled: (dialled) => {
        over();
        this.#start(gateway, dialled, wish);
        this.#dialNext();
      },
      onDialFailed: (error) => {
        over();
        this.#failed(gateway, wish, error);
        this.#dialNext();
      },
    });
  }

  #start(gateway: GatewayPool, dialled: PeerDialled, wish: Wish | undefined): void {
    const { socket, identity, certificates } = dialled;
    const { context } = this;
    const proved = () => gateway.succeeded(socket, certificates, identity);
    const held = { gateway, wish, proved };
    gateway.native = socket.alpnProtocol === ALPN;
    context.metrics.handshake("opener", gateway.native ? "tunnel" : "http");
    if (gateway.native) {
      for (const old of [...gateway.links])
        if (!old.sendsEarly) this.#retire([old], "the gateway speaks clusterlink/2 now");
      const tunnel = new Tunnel(socket, identity, gateway.address, "opener", this, context.deadlines);
      this.#hold(tunnel, held, certificates);
      tunnel.start(context.hello("dialler"), context.state.site.deadlines.handshake);
    } else {
      const link = new HttpLink(context, socket, identity, gateway.address, this);
      this.#hold(link, held, certificates);
      link.start();
    }
  }

  /** `certificates`: those that it was dialled with, which may have changed meanwhile. */
  #hold(link: Link, held: Held, certificates: CertificateEntry): void {
    this.#held.set(link, held);
    link.retired = !areSame(certificates, this.context.state.site.certificates);
    held.gateway.add(link);
  }

  #failed(gateway: GatewayPool, wish: Wish | undefined, error: DialError): void {
    gateway.failed(this.context.now(), Math.random());
    this.context.metrics.handshake("opener", error.reason);
    this.context.log.debug("dial failed", { peer: this.name, error });
    if (wish !== undefined) this.#tryNext(wish, error);
  }

  /** What was dialled for this wish came to nothing: the next of its gateways, or none. */
  #tryNext(wish: Wish, error: DialError): void {
    if (!this.#waits(wish)) return;
    wish.dialing = false;
    if (wish.gateways.length > 0) {
      this.#dialFor(wish);
      return;
    }
    this.#waiting.delete(wish.waiter);
    wish.waiter.onNoLink(error);
  }

  #retire(links: Iterable<Link>, reason: string): void {
    for (const link of [...links]) {
      link.retired = true;
      if (link.idle) link.close(reason);
    }
  }
}
