/** A relay's end of the channel that applies what control publishes and remembers it. */
import { expect } from "bun:test";
import { memoryChannel } from "../../src/process/memory-channel.ts";
import type { Channel } from "../../src/snapshot/channel.ts";
import { applyDelta, buildsOn } from "../../src/snapshot/delta.ts";
import type { ListenerFailure, ToControl, ToRelay } from "../../src/snapshot/messages.ts";
import type { Tables, Version } from "../../src/snapshot/tables.ts";

export class Follower {
  readonly messages: ToRelay[] = [];
  tables: Tables | undefined;
  version: Version | undefined;
  /** Reported with every `applied`. */
  failures: ListenerFailure[] = [];
  closed = false;
  readonly channel: Channel<ToControl, ToRelay>;

  constructor(
    attach: (channel: Channel<ToRelay, ToControl>) => void,
    readonly index = 0,
    hello = true,
  ) {
    const [control, relay] = memoryChannel<ToRelay, ToControl>();
    this.channel = relay;
    relay.onMessage((message) => this.#receive(message));
    relay.onClose(() => (this.closed = true));
    attach(control);
    if (hello) relay.send({ type: "hello", relay: index, pid: 1000 + index });
  }

  /** Tells control what could not be bound. */
  fail(...failures: ListenerFailure[]): void {
    this.failures = failures;
    this.#applied();
  }

  #receive(message: ToRelay): void {
    this.messages.push(message);
    if (message.type === "snapshot") ({ tables: this.tables, version: this.version } = message);
    else if (message.type === "delta") {
      if (!this.tables || !this.version || !buildsOn(message.delta, this.version))
        throw new Error("a delta does not fit");
      this.tables = applyDelta(this.tables, message.delta);
      this.version = message.delta.version;
    } else {
      if (message.type === "report") this.#report(message.id);
      return;
    }
    this.#applied();
  }

  #report(id: number): void {
    const { index, version } = this;
    if (!version) return;
    const empty = { metrics: [], tunnels: [], connections: [], connectionCount: 0, peerLabels: {} };
    this.channel.send({ type: "report", id, report: { relay: index, pid: 1000 + index, version, ...empty } });
  }

  #applied(): void {
    if (this.version) this.channel.send({ type: "applied", version: this.version, failedListeners: this.failures });
  }
}

/** Waits until something holds; fails after some seconds. */
export async function until(condition: () => unknown): Promise<void> {
  for (let tries = 0; tries < 1000 && !condition(); tries++) await Bun.sleep(5);
  expect(condition()).toBeTruthy();
}
