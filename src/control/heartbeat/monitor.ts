import type { CertificateEntry, GatewayAddress } from "../../snapshot/tables.ts";
import type { GatewayHealth, PeerHealth } from "../reconcile/peers.ts";
import { HeartbeatConnection } from "./connection.ts";
import { Streak } from "./streak.ts";

/** Milliseconds between heartbeats, and while a gateway is down. */
const INTERVAL = 1_000;
const DOWN_INTERVAL = 10_000;

export interface HeartbeatOptions {
  certificates: () => CertificateEntry;
  /** For one heartbeat, milliseconds. */
  timeout: number;
  /** Called when what {@link HeartbeatMonitor.health} tells has changed. */
  onChange: () => void;
  /** Called with the outcome of every heartbeat and its duration in milliseconds. */
  onBeat?: (peer: string, success: boolean, duration: number) => void;
  /** Calls back after some milliseconds, and returns how to call that off. Default: `setTimeout`. */
  schedule?: (delay: number, callback: () => void) => () => void;
  /** From 0 to 1. Default: `Math.random`. */
  random?: () => number;
}

/** The heartbeats to one gateway: one at a time, jittered by a tenth. */
class Gateway {
  readonly #streak = new Streak();
  readonly #connection: HeartbeatConnection;
  #lastError: string | undefined;
  #labels: Record<string, string> | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(
    readonly peer: Peer,
    readonly address: GatewayAddress,
    readonly options: HeartbeatOptions,
  ) {
    this.#connection = new HeartbeatConnection(peer.name, address, options.certificates);
    this.#plan(0);
  }

  get health(): GatewayHealth {
    const reachable = this.#streak.reachable;
    return this.#lastError === undefined ? { reachable } : { reachable, lastError: this.#lastError };
  }

  /** As it told them last; undefined while it has not, or is not reachable. */
  get labels(): Record<string, string> | undefined {
    return this.#streak.reachable === true ? this.#labels : undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#connection.close();
  }

  reconnect(): void {
    this.#connection.close();
  }

  #plan(delay: number): void {
    const { schedule = scheduleTimer } = this.options;
    this.#cancel = schedule(delay, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    const { timeout, onBeat, onChange, random = Math.random } = this.options;
    const begun = performance.now();
    let success = false;
    try {
      const labels = await this.#connection.beat(timeout);
      success = true;
      this.#lastError = undefined;
      this.#labels = labels ?? this.#labels;
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
    }
    if (this.#stopped) return;
    onBeat?.(this.peer.name, success, performance.now() - begun);
    const turned = this.#streak.add(success);
    if (this.peer.judgeLabels() || turned) onChange();
    const interval = success || this.#streak.reachable !== false ? INTERVAL : DOWN_INTERVAL;
    this.#plan(interval * (0.9 + random() / 5));
  }
}

class Peer {
  gateways: Gateway[] = [];
  labels: Record<string, string> | undefined;

  constructor(readonly name: string) {}

  /**
   * Of gateways that tell different labels, those of the first one count that is reachable, in the order of the Peer; while
   * none is, those that counted last do.
   *
   * @returns whether they have changed.
   */
  judgeLabels(): boolean {
    const labels = this.gateways.map((gateway) => gateway.labels).find((each) => each !== undefined);
    if (labels === undefined || Bun.deepEquals(this.labels, labels)) return false;
    this.labels = labels;
    return true;
  }
}

/** Heartbeats to every gateway of every peer: every second, every 10 s while a gateway is down. */
export class HeartbeatMonitor {
  readonly #peers = new Map<string, Peer>();

  constructor(readonly options: HeartbeatOptions) {}

  /** Takes these peers in place of those before. A gateway that stays keeps what is known of it. */
  update(peers: ReadonlyMap<string, readonly GatewayAddress[]>): void {
    for (const [name, peer] of this.#peers) {
      if (peers.has(name)) continue;
      for (const gateway of peer.gateways) gateway.stop();
      this.#peers.delete(name);
    }
    for (const [name, addresses] of peers) {
      const peer = this.#peers.get(name) ?? new Peer(name);
      this.#peers.set(name, peer);
      const old = new Set(peer.gateways);
      peer.gateways = addresses.map((address) => {
        const same = [...old].find(({ address: { host, port } }) => host === address.host && port === address.port);
        if (same) old.delete(same);
        return same ?? new Gateway(peer, address, this.options);
      });
      for (const gateway of old) gateway.stop();
      peer.judgeLabels();
    }
  }

  /** @returns what is known of a peer; undefined when it is none of those watched. */
  health(name: string): PeerHealth | undefined {
    const peer = this.#peers.get(name);
    if (!peer) return undefined;
    const gateways = peer.gateways.map(({ health }) => health);
    return peer.labels === undefined ? { gateways } : { gateways, labels: peer.labels };
  }

  /** Makes new connections, since the certificates have changed. */
  reconnect(): void {
    for (const { gateways } of this.#peers.values()) for (const gateway of gateways) gateway.reconnect();
  }

  stop(): void {
    this.update(new Map());
  }
}

function scheduleTimer(delay: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delay);
  return () => clearTimeout(timer);
}
