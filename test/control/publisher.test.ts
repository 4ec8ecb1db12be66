import { describe, expect, test } from "bun:test";
import { Publisher } from "../../src/control/publisher.ts";
import type { Tables } from "../../src/snapshot/tables.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { certificatesOf } from "./certificates.ts";
import { Follower, until } from "./follower.ts";

const certificates = await certificatesOf("east");
const log = createLogger({ level: "fatal", format: "text" });

function tablesWith(...exports: string[]): Tables {
  return {
    site: {
      self: {
        name: "east",
        instance: "i",
        labels: {},
        listen: { address: "::", port: 8443 },
        certificates,
        authzKey: "",
        clientsFresh: true,
        deadlines: { handshake: 1, open: 1, dial: 1, grace: 1 },
      },
    },
    imports: {},
    exports: Object.fromEntries(
      exports.map((name) => [`ns/${name}`, { namespace: "ns", name, labels: {}, host: "h", port: 1 }]),
    ),
    policies: {},
    peers: {},
    clients: {},
  };
}

function ignore(): void {
  // A relay that never answers.
}

function publish() {
  let changes = 0;
  const publisher = new Publisher({ log, onChange: () => changes++ });
  const follow = (index = 0, hello = true) => new Follower((channel) => publisher.attach(channel), index, hello);
  return { publisher, follow, changes: () => changes };
}

describe("the publisher", () => {
  test("gives a relay nothing before the first tables are complete", async () => {
    const { publisher, follow } = publish();
    const relay = follow();
    await Bun.sleep(10);
    expect(relay.messages).toEqual([]);
    publisher.publish(tablesWith("a"));
    await until(() => relay.tables);
    expect(relay.messages.map(({ type }) => type)).toEqual(["snapshot"]);
  });

  test("gives a relay nothing before its hello", async () => {
    const { publisher, follow } = publish();
    publisher.publish(tablesWith("a"));
    const relay = follow(0, false);
    await Bun.sleep(10);
    expect(relay.messages).toEqual([]);
  });

  test("gives all of it first and only changes later, and nothing when nothing changed", async () => {
    const { publisher, follow } = publish();
    publisher.publish(tablesWith("a"));
    const relay = follow();
    await until(() => relay.tables);
    publisher.publish(tablesWith("a", "b"));
    publisher.publish(tablesWith("a", "b"));
    publisher.publish(tablesWith("b"));
    await until(() => relay.messages.length === 3);
    expect(relay.messages.map(({ type }) => type)).toEqual(["snapshot", "delta", "delta"]);
    expect(Object.keys(relay.tables?.exports ?? {})).toEqual(["ns/b"]);
    expect(relay.version).toEqual(publisher.version);
    expect(publisher.version.n).toBe(3);
  });

  test("gives all of it again to a relay that asks for it", async () => {
    const { publisher, follow } = publish();
    publisher.publish(tablesWith("a"));
    const relay = follow();
    await until(() => relay.tables);
    relay.channel.send({ type: "resync" });
    await until(() => relay.messages.length === 2);
    expect(relay.messages[1]).toEqual({ type: "snapshot", version: publisher.version, tables: tablesWith("a") });
  });

  test("has an epoch of its own, so that nobody mistakes its versions for another process's", () => {
    expect(publish().publisher.version.epoch).not.toBe(publish().publisher.version.epoch);
  });

  test("tells how many changes each relay is behind, and forgets one that is gone", async () => {
    const { publisher, follow } = publish();
    publisher.publish(tablesWith("a"));
    const prompt = follow(0);
    const slow = follow(1, false);
    slow.channel.onMessage(ignore);
    slow.channel.send({ type: "hello", relay: 1, pid: 7 });
    await until(() => publisher.relays.length === 2 && publisher.hasApplied(0));
    publisher.publish(tablesWith("a", "b"));
    await until(() => prompt.version?.n === 2);
    await until(() => publisher.relays[0]?.lag === 0);
    expect(publisher.relays.map(({ index, lag }) => [index, lag])).toEqual([
      [0, 0],
      [1, 2],
    ]);
    slow.channel.close();
    await until(() => publisher.relays.length === 1);
  });

  test("follows the new process of a relay and drops the old one", async () => {
    const { publisher, follow } = publish();
    publisher.publish(tablesWith("a"));
    const old = follow(0);
    await until(() => old.tables);
    const young = follow(0);
    await until(() => young.tables);
    expect(old.closed).toBe(true);
    expect(publisher.relays).toHaveLength(1);
  });

  test("collects the reports of those that answer in time", async () => {
    const { publisher, follow } = publish();
    publisher.publish(tablesWith());
    const prompt = follow(0);
    follow(1).channel.onMessage(ignore);
    await until(() => publisher.relays.length === 2 && prompt.version);
    expect((await publisher.report(50)).map(({ relay }) => relay)).toEqual([0]);
  });
});
