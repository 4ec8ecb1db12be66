import type { Channel } from "../snapshot/channel.ts";
import { diffTables } from "../snapshot/delta.ts";
import type { ListenerFailure, RelayReport, ToControl, ToRelay } from "../snapshot/messages.ts";
import type { RelayStatus } from "../snapshot/status.ts";
import type { Tables, Version } from "../snapshot/tables.ts";
import type { Logger } from "../telemetry/log.ts";

export interface PublisherOptions {
  log: Logger;
  /** Called when a relay came, went, or applied a version. */
  onChange: () => void;
  /** New with every control process. Default: random. */
  epoch?: string;
}

/** One relay, as it introduced itself. */
interface Follower {
  channel: Channel<ToRelay, ToControl>;
  index: number;
  pid: number;
  /** The number of the version that it has applied. */
  applied: number;
  failedListeners: ListenerFailure[];
}

/**
 * Gives every relay the tables: all of them first, then each change as a delta. Before the first {@link publish} it
 * gives nothing, so that no relay mistakes "not known yet" for "nothing allowed".
 */
export class Publisher {
  readonly #followers = new Map<number, Follower>();
  readonly #reports = new Map<number, (index: number, report: RelayReport) => void>();
  #version: Version;
  #tables: Tables | undefined;
  #nextReport = 1;
  /** Called when the process of a relay has introduced itself. */
  onRelay: ((relay: number, pid: number) => void) | undefined;

  constructor(readonly options: PublisherOptions) {
    this.#version = { epoch: options.epoch ?? crypto.randomUUID(), n: 0 };
  }

  get version(): Version {
    return this.#version;
  }

  /** What was published last; undefined before the first time. */
  get tables(): Tables | undefined {
    return this.#tables;
  }

  /** Each relay that is connected, by index. */
  get relays(): RelayStatus[] {
    return [...this.#followers.values()]
      .sort((a, b) => a.index - b.index)
      .map(({ index, pid, applied, failedListeners }) => ({
        index,
        pid,
        lag: this.#version.n - applied,
        failedListeners,
      }));
  }

  /** Whether that relay has a snapshot of this process in use. */
  hasApplied(index: number): boolean {
    return (this.#followers.get(index)?.applied ?? 0) > 0;
  }

  /** Follows the relay at the other end from its `hello` on. */
  attach(channel: Channel<ToRelay, ToControl>): void {
    let follower: Follower | undefined;
    channel.onMessage((message) => {
      if (message.type === "hello") {
        follower = { channel, index: message.relay, pid: message.pid, applied: 0, failedListeners: [] };
        this.#welcome(follower);
      } else if (follower) this.#receive(follower, message);
    });
    channel.onClose(() => {
      if (!follower || this.#followers.get(follower.index) !== follower) return;
      this.#followers.delete(follower.index);
      this.options.log.info("a relay is gone", { relay: follower.index, pid: follower.pid });
      this.options.onChange();
    });
  }

  /** Publishes what differs from before. The tables must not be changed afterwards. */
  publish(tables: Tables): void {
    const before = this.#tables;
    if (before === undefined) {
      this.#tables = tables;
      this.#version = { ...this.#version, n: 1 };
      for (const follower of this.#followers.values()) this.#sendAll(follower);
      return;
    }
    const change = diffTables(before, tables);
    if (!change) return;
    const base = this.#version;
    this.#tables = tables;
    this.#version = { ...base, n: base.n + 1 };
    const message: ToRelay = { type: "delta", delta: { base, version: this.#version, ...change } };
    for (const { channel } of this.#followers.values()) channel.send(message);
  }

  /**
   * @param connections - whether each live connection is asked for, too
   * @returns a report of each relay that gives one within `timeout` milliseconds.
   */
  async report(timeout: number, { connections = false } = {}): Promise<RelayReport[]> {
    const id = this.#nextReport++;
    const reports = new Map<number, RelayReport>();
    const awaited = new Set(this.#followers.keys());
    if (awaited.size === 0) return [];
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#reports.set(id, (index, report) => {
      reports.set(index, report);
      awaited.delete(index);
      if (awaited.size === 0) resolve();
    });
    for (const { channel } of this.#followers.values()) channel.send({ type: "report", id, connections });
    const timer = setTimeout(resolve, timeout);
    await promise;
    clearTimeout(timer);
    this.#reports.delete(id);
    return [...reports.values()].sort((a, b) => a.relay - b.relay);
  }

  close(): void {
    for (const { channel } of this.#followers.values()) channel.close();
  }

  #welcome(follower: Follower): void {
    const former = this.#followers.get(follower.index);
    this.#followers.set(follower.index, follower);
    if (former && former.channel !== follower.channel) former.channel.close();
    this.options.log.info("a relay is here", { relay: follower.index, pid: follower.pid });
    this.#sendAll(follower);
    this.onRelay?.(follower.index, follower.pid);
    this.options.onChange();
  }

  #sendAll({ channel }: Follower): void {
    if (this.#tables) channel.send({ type: "snapshot", version: this.#version, tables: this.#tables });
  }

  #receive(follower: Follower, message: Exclude<ToControl, { type: "hello" }>): void {
    switch (message.type) {
      case "resync":
        this.options.log.warn("a relay asks for a full snapshot", { relay: follower.index });
        this.#sendAll(follower);
        return;
      case "applied":
        if (message.version.epoch !== this.#version.epoch) return;
        follower.applied = message.version.n;
        follower.failedListeners = message.failedListeners;
        this.options.onChange();
        return;
      case "report":
        this.#reports.get(message.id)?.(follower.index, message.report);
        return;
    }
  }
}
