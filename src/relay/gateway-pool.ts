import type { PeerIdentity } from "../pki/identity.ts";
import { formatHostPort } from "../resources/address.ts";
import type { CertificateEntry } from "../snapshot/tables.ts";
import type { Link } from "./link.ts";
import type { StreamHandle } from "./peer-stream.ts";
import { Resumption } from "./resumption.ts";
import type { RelaySocket } from "./socket.ts";

/** Idle tunnels that a reachable gateway always has, so that no connection waits for a handshake. */
export const WARM_TUNNELS = 2;
/** The most connections that are kept ready for a gateway that speaks HTTP/1.1, where each serves one stream only. */
const MAX_WARM_HTTP = 16;
/** Idle links among which one to another far relay is looked for. */
const CHOICE = 8;
/** How far back the demand is remembered, in milliseconds. */
const DEMAND_WINDOW = 10_000;
/** How long an idle tunnel beyond the demand is kept, in milliseconds. */
const SPARE_LIFETIME = 60_000;
const PING_INTERVAL = 15_000;
/** The pauses between attempts to warm a gateway that cannot be reached, in milliseconds. */
const BACKOFF = { first: 500, longest: 10_000 };

interface Held {
  link: Link;
  /** When it became idle, or was last asked whether it is alive. */
  since: number;
  pinged: number;
}

/** The links to one gateway of a peer: which are idle, how many are needed, when to try again. Opens no socket. */
export class GatewayPool {
  readonly links = new Set<Link>();
  readonly #idle: Held[] = [];
  /** The links of `#idle`. */
  readonly #kept = new Set<Link>();
  dialing = 0;
  /** The dialect of the last handshake: tunnels that are reused, or connections that each serve one stream. */
  native = true;
  readonly #resumption = new Resumption();
  /** The far relay that the link taken last ended at. */
  #lastRelay: number | undefined;
  #peak = 0;
  #previousPeak = 0;
  #windowStart = 0;
  #retryAt = 0;
  #failures = 0;

  constructor(
    readonly host: string,
    readonly port: number,
    public reachable: boolean,
    /** How many links of all gateways of all peers are idle. */
    private readonly totals: { idle: number },
  ) {}

  /** `HOST:PORT`, an IPv6 host in brackets. */
  get address(): string {
    return formatHostPort(this.host, this.port);
  }

  get busy(): number {
    return this.links.size - this.#idle.length;
  }

  /**
   * @returns an idle link that is not one of `avoid`, or nothing: of those used most recently, one that ends at another
   * far relay than the last one that was taken, so that the work is spread over the far cores.
   */
  take(avoid: ReadonlySet<StreamHandle> | undefined): Link | undefined {
    for (let chosen = this.#choose(avoid); chosen >= 0; chosen = this.#choose(avoid)) {
      const [held] = this.#idle.splice(chosen, 1);
      if (held === undefined) continue;
      this.#kept.delete(held.link);
      this.totals.idle -= 1;
      if (!held.link.usable) continue;
      this.#lastRelay = held.link.hello?.relay;
      return held.link;
    }
    return undefined;
  }

  /** @returns the place of the link to take next among the idle ones, or −1. */
  #choose(avoid: ReadonlySet<StreamHandle> | undefined): number {
    let chosen = -1;
    for (let at = this.#idle.length - 1, seen = 0; at >= 0 && seen < CHOICE; at--) {
      const { link } = this.#idle[at] as Held;
      if (avoid?.has(link)) continue;
      if (link.hello?.relay !== this.#lastRelay) return at;
      if (chosen < 0) chosen = at;
      seen += 1;
    }
    return chosen;
  }

  /** Whether one of these links, which have turned a connection away, is its own and stays: it had no room. */
  isFull(turningAway: ReadonlySet<StreamHandle>): boolean {
    for (const link of this.links) if (turningAway.has(link) && !link.draining) return true;
    return false;
  }

  /** Keeps a link that has become idle; one that it keeps already has only answered. */
  keep(link: Link, now: number): void {
    if (this.#kept.has(link)) return;
    this.#kept.add(link);
    this.totals.idle += 1;
    this.#idle.push({ link, since: now, pinged: now });
  }

  add(link: Link): void {
    this.links.add(link);
  }

  remove(link: Link): void {
    this.links.delete(link);
    if (!this.#kept.delete(link)) return;
    this.totals.idle -= 1;
    const at = this.#idle.findIndex((held) => held.link === link);
    this.#idle.splice(at, 1);
  }

  /** @returns the TLS session to resume, if any. */
  session(certificates: CertificateEntry, now: number): Uint8Array | undefined {
    return this.#resumption.offer(certificates, now);
  }

  /** The gateway has answered on this connection. A handshake that is done does not say that it will. */
  succeeded(socket: RelaySocket, certificates: CertificateEntry, identity: PeerIdentity): void {
    this.#failures = 0;
    this.#retryAt = 0;
    this.#resumption.keep(socket, certificates, identity);
  }

  failed(now: number, random: number): void {
    this.#resumption.forget();
    const pause = Math.min(BACKOFF.longest, BACKOFF.first * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAt = now + pause * (0.5 + random / 2);
  }

  /** @returns how many dials would bring the idle links up to the warm number now. */
  missing(now: number): number {
    if (!this.reachable || now < this.#retryAt) return 0;
    const missing = this.#warm - this.#idle.length - this.dialing;
    return missing <= 0 ? 0 : Math.max(0, missing - this.#greeting);
  }

  /** Tunnels whose HELLO is still to come: they will be idle soon. */
  get #greeting(): number {
    let count = 0;
    for (const link of this.links) if (link.sendsEarly && !link.proven) count += 1;
    return count;
  }

  get #warm(): number {
    if (this.native) return WARM_TUNNELS;
    return Math.min(MAX_WARM_HTTP, WARM_TUNNELS + Math.max(this.#peak, this.#previousPeak));
  }

  /**
   * Whether all tunnels ended at one of several relays of the far gateway: then another dial may reach another one.
   */
  get lopsided(): boolean {
    let relays = 0;
    const seen = new Set<string>();
    for (const { hello } of this.links) {
      if (hello === undefined) continue;
      relays = Math.max(relays, hello.relays);
      seen.add(`${hello.instance}/${hello.relay}`);
    }
    return relays > 1 && seen.size === 1 && this.links.size < WARM_TUNNELS + relays;
  }

  /**
   * `wanted`: something is imported from here.
   * @returns idle links that nobody has needed for long; asks the others now and then whether they live.
   */
  sweep(now: number, wanted: boolean): Link[] {
    this.countDemand(now);
    const warm = wanted ? WARM_TUNNELS : 0;
    const needed = warm + Math.max(0, Math.max(this.#peak, this.#previousPeak) - this.busy);
    const spare: Link[] = [];
    for (const held of this.#idle) {
      const surplus = this.#idle.length - spare.length - needed;
      if (surplus > 0 && now - held.since > SPARE_LIFETIME) spare.push(held.link);
      else if (now - held.pinged > PING_INTERVAL) {
        held.pinged = now;
        held.link.ping();
      }
    }
    return spare;
  }

  /** To be called when a link has been given to somebody: remembers how many are in use at most. */
  countDemand(now: number): void {
    if (now - this.#windowStart > DEMAND_WINDOW) {
      this.#previousPeak = now - this.#windowStart > 2 * DEMAND_WINDOW ? 0 : this.#peak;
      this.#peak = 0;
      this.#windowStart = now;
    }
    if (this.busy > this.#peak) this.#peak = this.busy;
  }
}
