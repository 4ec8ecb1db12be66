import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { memoryChannel } from "../../src/process/memory-channel.ts";
import { encodeMessage, MAX_MESSAGE, MessageReader } from "../../src/process/message-frames.ts";
import { ReconnectingChannel } from "../../src/process/reconnecting-channel.ts";
import { type ChannelServer, connectChannel, listenForChannels } from "../../src/process/unix-channel.ts";
import type { Channel } from "../../src/snapshot/channel.ts";

function ignore(): void {
  // What arrives here is of no interest.
}

interface Message {
  text: string;
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "channel-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  return join(folder, "run", "relay.sock");
}

function serve(path: string, accept: (channel: Channel<Message, Message>) => void): ChannelServer {
  const server = listenForChannels<Message, Message>(path, accept);
  cleanups.push(() => server.stop());
  return server;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await Bun.sleep(5);
  expect(condition()).toBe(true);
}

async function pair(kind: "memory" | "unix"): Promise<[Channel<Message, Message>, Channel<Message, Message>]> {
  if (kind === "memory") return memoryChannel<Message, Message>();
  const path = socketPath();
  const accepted = Promise.withResolvers<Channel<Message, Message>>();
  serve(path, accepted.resolve);
  const near = await connectChannel<Message, Message>(path);
  return [near, await accepted.promise];
}

describe.each(["memory", "unix"] as const)("a channel (%s)", (kind) => {
  test("delivers in order what was sent before and after the receiver listened", async () => {
    const [near, far] = await pair(kind);
    const got: string[] = [];
    near.send({ text: "1" });
    near.send({ text: "2" });
    await Bun.sleep(10);
    far.onMessage(({ text }) => got.push(text));
    near.send({ text: "3" });
    await until(() => got.length === 3);
    expect(got).toEqual(["1", "2", "3"]);
    near.close();
  });

  test("carries a message that is larger than any socket buffer, in both directions at once", async () => {
    const [near, far] = await pair(kind);
    const got: string[] = [];
    const large = "ä".repeat(3_000_000);
    near.onMessage(({ text }) => got.push(text));
    far.onMessage(({ text }) => got.push(text));
    near.send({ text: `${large}1` });
    far.send({ text: `${large}2` });
    await until(() => got.length === 2);
    expect(got.sort().map((text) => text.length)).toEqual([3_000_001, 3_000_001]);
    near.close();
  });

  test("tells both ends once that it has closed, and drops what is sent later", async () => {
    const [near, far] = await pair(kind);
    let closes = 0;
    near.onClose(() => closes++);
    far.onClose(() => closes++);
    near.close();
    await until(() => closes === 2);
    near.send({ text: "late" });
    near.close();
    far.close();
    await Bun.sleep(10);
    expect(closes).toBe(2);
  });
});

describe("the unix socket", () => {
  test("lies in a folder that only its user may enter", async () => {
    const path = socketPath();
    serve(path, ignore);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  });

  test("takes the place of one that a killed process left behind", async () => {
    const path = socketPath();
    serve(path, ignore);
    let accepted = 0;
    serve(path, () => accepted++);
    await connectChannel(path);
    await until(() => accepted === 1);
  });

  test("is closed at both ends when what came could not be handled, and the fault is told", async () => {
    for (const guilty of ["near", "far"] as const) {
      const path = socketPath();
      const faults: string[] = [];
      const closed: string[] = [];
      const prepare = (name: "near" | "far") => (channel: Channel<Message, Message>) => {
        channel.onClose(() => closed.push(name));
        channel.onMessage(({ text }) => {
          if (name === guilty) throw new RangeError(`${name} cannot take ${text}`);
        });
        channel.send({ text: "hello" });
      };
      const onFault = ({ message }: Error) => faults.push(message);
      const server = listenForChannels<Message, Message>(path, prepare("far"), onFault);
      cleanups.push(() => server.stop());
      prepare("near")(await connectChannel<Message, Message>(path, onFault));
      await until(() => closed.length === 2);
      expect([closed.sort(), faults]).toEqual([["far", "near"], [`${guilty} cannot take hello`]]);
    }
  });

  test("is closed on bytes that are no message", async () => {
    const path = socketPath();
    let closed = false;
    serve(path, (channel) => channel.onClose(() => (closed = true)));
    const socket = await Bun.connect({ unix: path, socket: { data: ignore } });
    socket.write("\xff\xff\xff\xffgarbage");
    await until(() => closed);
  });
});

describe("a reconnecting channel", () => {
  test("comes back after a message that it could not handle, but not at once, time after time", async () => {
    const path = socketPath();
    let accepted = 0;
    serve(path, (channel) => {
      accepted++;
      channel.onMessage(() => channel.send({ text: "snapshot" }));
    });
    const near = new ReconnectingChannel<Message, Message>({ connect: () => connectChannel(path), greets: () => true });
    cleanups.push(() => near.close());
    near.onMessage(() => {
      throw new RangeError("no");
    });
    near.send({ text: "hello" });
    near.start();
    await until(() => accepted >= 3);
    const before = accepted;
    await Bun.sleep(300);
    expect(accepted - before).toBeLessThan(20);
  });

  test("greets again on every connection, and goes on after the other side was replaced", async () => {
    const path = socketPath();
    const got: string[] = [];
    const live: Channel<Message, Message>[] = [];
    const accept = (channel: Channel<Message, Message>) => {
      live.push(channel);
      channel.onMessage(({ text }) => {
        got.push(text);
        channel.send({ text: `snapshot ${live.length}` });
      });
    };
    let lost = 0;
    const channel = new ReconnectingChannel<Message, Message>({
      connect: () => connectChannel(path),
      greets: ({ text }) => text.startsWith("hello"),
      onLost: () => void lost++,
    });
    cleanups.push(() => channel.close());
    const answers: string[] = [];
    channel.onMessage(({ text }) => answers.push(text));
    channel.send({ text: "hello" });
    channel.start();
    await Bun.sleep(30);
    const first = serve(path, accept);
    await until(() => answers.length === 1);
    first.stop();
    live[0]?.close();
    await Bun.sleep(30);
    channel.send({ text: "lost" });
    serve(path, accept);
    await until(() => answers.length === 2);
    expect(got).toEqual(["hello", "hello"]);
    expect(answers).toEqual(["snapshot 1", "snapshot 2"]);
    expect(lost).toBe(1);
  });
});

describe("the framing of messages", () => {
  test("yields the same messages however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 8 }),
        fc.array(fc.nat(40), { minLength: 1 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map(encodeMessage));
          const reader = new MessageReader();
          const out: unknown[] = [];
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = (cuts[turn % cuts.length] ?? 0) + 1;
            out.push(...reader.push(bytes.subarray(at, at + size)));
            at += size;
          }
          expect(JSON.stringify(out)).toBe(JSON.stringify(messages));
        },
      ),
      { numRuns: 100 },
    );
  });

  test("refuses a message that is announced longer than the limit, before it has come", () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(MAX_MESSAGE + 1);
    expect(() => new MessageReader().push(head)).toThrow(RangeError);
  });
});
