/** Peers that break the rules: the tunnel ends, nothing else does, and nothing of it stays behind. */
import { heapStats } from "bun:jsc";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { FrameType, MAX_CONTROL, MAX_DATA, MAX_EARLY_DATA } from "../../src/wire/frames.ts";
import { decodeRefused, encodeAttributes, encodeOpen } from "../../src/wire/messages.ts";
import { blackHole } from "./black-hole.ts";
import { certificatesOf, Site, source } from "./fabric.ts";
import { aboutStream, frameOf, headerOf, RawGateway, RawPeer } from "./raw-peer.ts";
import { application, ending, eventually, next, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const { opened, refused, data, fin, reset, ping, pong, open, hello } = FrameType;

const NO_ATTRIBUTES = encodeAttributes({});

const credentials = await certificatesOf("east");
const west = new Site(await certificatesOf("west"));
let accepted: Socket[] = [];
const held = await service((socket) => accepted.push(socket));
const echo = await service((socket) => socket.pipe(socket));
west
  .addExport("echo", echo)
  .addExport("held", held)
  .addExport("deaf", await blackHole())
  .allow();
await west.publish();

const tunnel = () => RawPeer.tunnel(west.port, credentials);

/** An honest tunnel with a live stream, which must outlive whatever the others do. */
const witness = await tunnel();
witness.open(1, "echo");
await witness.next(opened);
let witnessed = "";
const before = { tunnels: 1, live: 1, used: west.relay.descriptors.used };

afterEach(async () => {
  accepted = [];
  witnessed += "x";
  witness.data("x");
  await eventually(() => witness.text === witnessed, "the live connection goes on");
  const peer = await tunnel();
  peer.open(1, "echo").data("new").about(fin, 1);
  await eventually(() => peer.text === "new", "a new connection is served");
  peer.terminate();
  await eventually(
    async () => (await west.report()).tunnels.length === before.tunnels && west.relay.live.size === before.live,
    "no tunnel and no connection is left behind",
  );
  await eventually(() => west.relay.descriptors.used === before.used, "no descriptor is left behind");
});

describe("bytes that are no protocol end the connection", () => {
  const plain: [string, Buffer][] = [
    ["zeros", Buffer.alloc(1000)],
    ["an HTTP request in the clear", Buffer.from("GET / HTTP/1.1\r\nHost: west\r\n\r\n")],
    ["a TLS record that is too long", Buffer.from([22, 3, 1, 0xff, 0xff, 1, 2, 3])],
    ["a TLS alert", Buffer.from([21, 3, 3, 0, 2, 2, 40])],
    ["noise", Buffer.from(crypto.getRandomValues(new Uint8Array(4096)))],
  ];
  test.each(plain)("instead of TLS: %s", async (_name, bytes) => {
    const socket = connect({ port: west.port, host: "127.0.0.1" });
    const end = ending(socket);
    socket.write(bytes);
    expect(await Promise.race([end, Bun.sleep(1900).then(() => "still there")])).not.toBe("still there");
  });

  const inside: [string, Buffer][] = [
    ["zeros", Buffer.alloc(1000)],
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: west\r\n\r\n")],
    ["text", Buffer.from("hello there, is this a gateway?")],
  ];
  test.each(inside)("inside TLS: %s", async (_name, bytes) => {
    const peer = await RawPeer.dial(west.port, credentials);
    peer.send(bytes);
    await peer.closed();
  });
});

describe("a frame that is not allowed closes the tunnel", () => {
  const ready: [string, Buffer][] = [
    ["a control frame of more than 64 KiB", headerOf(ping, MAX_CONTROL + 1)],
    ["the longest length that can be written", headerOf(open, 0xffffff)],
    ["DATA of more than 256 KiB", headerOf(data, MAX_DATA + 1)],
    ["type 0", frameOf(0)],
    ["the first unknown type", frameOf(0x0b)],
    ["the last unknown type that may not be skipped", frameOf(0x7f)],
    ["DATA without a stream", frameOf(data, [1])],
    ["FIN without a stream", frameOf(fin, [0, 0, 0, 1])],
    ["RESET of a stream that was never opened", frameOf(reset, [0, 0, 0, 1, 0])],
    ["OPENED from the side that opens", frameOf(opened, [0, 0, 0, 1])],
    ["REFUSED from the side that opens", frameOf(refused, [0, 0, 0, 1, 0, 0, 0, 0])],
    ["OPEN that is cut short", frameOf(open, [0, 0, 0, 1, 0])],
    ["OPEN with more attributes than it holds", frameOf(open, [0, 0, 0, 1, 0, 0, 0, 0, 1, 0])],
    ["PING that is too short", frameOf(ping, [1, 2, 3])],
    ["PING that is too long", frameOf(ping, Buffer.alloc(9))],
    ["FIN that is too long", frameOf(fin, [0, 0, 0, 1, 0])],
    ["a second HELLO", frameOf(hello, Buffer.from(JSON.stringify({ version: 1 })))],
  ];
  test.each(ready)("%s", async (_name, bytes) => {
    const peer = await tunnel();
    peer.send(bytes);
    await peer.closed();
  });

  test("HELLO twice", async () => {
    const peer = await tunnel();
    peer.hello();
    await peer.closed();
  });

  const first: [string, Buffer][] = [
    ["OPEN", frameOf(open, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])],
    ["DATA", frameOf(data, [1])],
    ["PING", frameOf(ping, Buffer.alloc(8))],
    ["PONG", frameOf(pong, Buffer.alloc(8))],
    ["DRAIN", frameOf(FrameType.drain)],
    ["HELLO that is not JSON", frameOf(hello, Buffer.from("{"))],
    ["HELLO of another version", frameOf(hello, Buffer.from('{"version":99}'))],
    ["HELLO without its fields", frameOf(hello, Buffer.from('{"version":1}'))],
    ["HELLO that is too long", headerOf(hello, MAX_CONTROL + 1)],
  ];
  test.each(first)("as the first one: %s", async (_name, bytes) => {
    const peer = await RawPeer.dial(west.port, credentials);
    peer.send(bytes);
    await peer.closed();
  });

  test("HELLO that says that the acceptor opens streams", async () => {
    const peer = await RawPeer.dial(west.port, credentials);
    peer.hello({ opener: "acceptor" });
    await peer.closed();
  });

  test("an OPEN while a stream is open", async () => {
    const peer = await tunnel();
    peer.open(1, "echo");
    await peer.next(opened);
    peer.open(2, "echo");
    await peer.closed();
  });

  test("an OPEN with a number that was used", async () => {
    const peer = await tunnel();
    peer.open(5, "nothing");
    await peer.next(refused);
    peer.open(5, "echo");
    await peer.closed();
  });

  test("more than 64 KiB before OPENED", async () => {
    const peer = await tunnel();
    const { used } = west.relay.descriptors;
    peer.open(1, "deaf").data(Buffer.alloc(MAX_EARLY_DATA)).data("x");
    await peer.closed();
    expect(west.records.at(-1)?.reason).toContain("before OPENED");
    // The kernel alone can give up a connection that is being made: it counts until then.
    await eventually(() => west.relay.descriptors.used === used, "the tunnel is gone, the dial is not");
    before.used += 1;
  });

  test("DATA after FIN", async () => {
    const peer = await tunnel();
    peer.open(1, "held");
    await peer.next(opened);
    peer.about(fin, 1).data("more");
    await peer.closed();
  });
});

test("frame types from 0x80 up are skipped, whatever they hold", async () => {
  const peer = await RawPeer.dial(west.port, credentials);
  peer.frame(0x80).hello().frame(0xff, Buffer.alloc(MAX_CONTROL)).open(1, "echo").frame(0x99, [1, 2, 3]).data("hi");
  await eventually(() => peer.text === "hi", "the stream works");
  peer.terminate();
});

describe("frames of another stream than the present one", () => {
  test("an earlier FIN, RESET or DATA that crossed a REFUSED is dropped", async () => {
    const peer = await tunnel();
    peer.open(1, "nothing");
    expect(decodeRefused((await peer.next(refused)).payload).code).toBe("not-found");
    peer.data("late").about(fin, 1).about(reset, 1, 0);
    peer.open(2, "echo").about(fin, 1).about(reset, 1, 0).data("two").about(reset, 1, 0).about(fin, 1);
    await eventually(() => peer.text === "two", "stream 2 works");
    peer.data("!").about(fin, 2);
    await eventually(() => peer.text === "two!", "stream 2 still works");
    await peer.next(fin);
    peer.terminate();
  });

  test("a RESET of the present stream resets the service, and the next stream works at once", async () => {
    const peer = await tunnel();
    peer.open(1, "held");
    await peer.next(opened);
    await eventually(() => accepted.length === 1, "the service has accepted");
    const end = ending(accepted[0] as Socket);
    peer.about(reset, 1, 0).open(2, "echo").data("next");
    expect(await end).toBe("ECONNRESET");
    await eventually(() => peer.text === "next", "stream 2 works");
    peer.about(reset, 1, 0).about(fin, 1).data("!");
    await eventually(() => peer.text === "next!", "stream 2 still works");
    peer.terminate();
  });

  test("a RESET between OPEN and OPENED stops the dial, and what it brings is not for the next stream", async () => {
    const peer = await tunnel();
    for (let stream = 1; stream < 40; stream += 2) {
      peer.open(stream, "echo").data("gone").about(reset, stream, 0);
      peer
        .open(stream + 1, "echo")
        .data(`${stream}`)
        .about(fin, stream + 1);
      await eventually(
        () => peer.frames.some(({ type, payload }) => type === fin && payload.readUInt32BE() === stream + 1),
        "over",
      );
    }
    expect(peer.text).toBe(Array.from({ length: 20 }, (_, i) => 2 * i + 1).join(""));
    peer.terminate();
  });

  test("what follows a RESET that the service's end has sent is dropped until the next OPEN", async () => {
    const peer = await tunnel();
    peer.open(1, "held");
    await peer.next(opened);
    await eventually(() => accepted.length === 1, "the service has accepted");
    accepted[0]?.resetAndDestroy();
    await peer.next(reset);
    peer.data("of stream 1").about(fin, 1).about(reset, 1, 0).open(2, "echo").data("of stream 2");
    await eventually(() => peer.text === "of stream 2", "stream 2 works");
    peer.terminate();
  });

  test.each([
    ["FIN", fin],
    ["RESET", reset],
  ])("a %s of a later stream closes the tunnel", async (_name, type) => {
    const peer = await tunnel();
    peer.open(1, "held");
    await peer.next(opened);
    await eventually(() => accepted.length === 1, "the service has accepted");
    const end = ending(accepted[0] as Socket);
    peer.about(type, 2, ...(type === reset ? [0] : []));
    await peer.closed();
    expect(await end).toBe("ECONNRESET");
  });

  test("a RESET after both FINs is dropped", async () => {
    const peer = await tunnel();
    peer.open(1, "echo").about(fin, 1);
    await peer.next(fin);
    peer.about(reset, 1, 0).open(2, "echo").data("two");
    await eventually(() => peer.text === "two", "stream 2 works");
    peer.terminate();
  });

  test("a FIN after both FINs closes the tunnel", async () => {
    const peer = await tunnel();
    peer.open(1, "echo").about(fin, 1);
    await peer.next(fin);
    peer.about(fin, 1);
    await peer.closed();
  });
});

describe("an end that no FIN announced resets the service", () => {
  const ends: [string, (peer: RawPeer) => void][] = [
    ["TCP FIN in the middle of a stream", (peer) => peer.end()],
    ["TCP FIN in the middle of a frame", (peer) => peer.send(headerOf(data, 100), Buffer.from("part")).end()],
    ["TCP reset", (peer) => peer.terminate()],
    ["a broken frame", (peer) => peer.frame(0x7f)],
  ];
  test.each(ends)("%s", async (_name, act) => {
    const peer = await tunnel();
    peer.open(1, "held").data("hello");
    await peer.next(opened);
    await eventually(() => accepted.length === 1, "the service has accepted");
    const far = accepted[0] as Socket;
    expect(await next(far)).toBe("hello");
    const end = ending(far);
    act(peer);
    expect(await end).toBe("ECONNRESET");
    await peer.closed();
    peer.terminate();
  });

  test("an end between two frames of an idle tunnel is in good order", async () => {
    const peer = await tunnel();
    peer.end();
    expect(await peer.closed()).not.toBe("ECONNRESET");
  });
});

test("PINGs from a peer that does not read are answered a few times, and then no more", async () => {
  const peer = await tunnel();
  peer.socket?.pause();
  const pings = Buffer.concat(Array.from({ length: 5000 }, () => frameOf(ping, Buffer.alloc(8))));
  for (let i = 0; i < 200 && peer.gone === undefined; i++) {
    peer.send(pings);
    await Bun.sleep(1);
  }
  await eventually(() => peer.gone !== undefined, "the tunnel was torn down");
});

test("labels that every tunnel tells anew are not kept for each of them", async () => {
  const strings = () => {
    Bun.gc(true);
    return heapStats().objectTypeCounts["string"] ?? 0;
  };
  const others = strings();
  const peers: RawPeer[] = [];
  for (let i = 0; i < 40; i++) {
    const labels = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`${at}`, `of tunnel ${i}, ${at}`]));
    const peer = await RawPeer.dial(west.port, credentials);
    peers.push(peer.hello({ labels }));
    await peer.next(hello);
  }
  const tunnels = async () => (await west.report()).tunnels.filter(({ state }) => state === "idle").length;
  await eventually(async () => (await tunnels()) >= peers.length, "all have been heard");
  expect(strings() - others).toBeLessThan(20_000);
  for (const peer of peers) peer.terminate();
});

test("OPENs that are reset in the same breath do not make their service look dead", async () => {
  const peer = await tunnel();
  const openOf = (stream: number) => encodeOpen(stream, "default", "echo", NO_ATTRIBUTES, "");
  const given = Array.from({ length: 100 }, (_, i) => [openOf(i + 1), frameOf(reset, aboutStream(i + 1, 0))]);
  peer.send(Buffer.concat([...given.flat(), openOf(101), frameOf(data, Buffer.from("served"))]));
  await eventually(() => peer.text === "served" || peer.got(refused), "the last one is answered");
  expect(peer.text).toBe("served");
  peer.terminate();
});

test("OPENs from a peer that does not read are refused a few times, and then no more", async () => {
  const peer = await tunnel();
  peer.socket?.pause();
  const name = "nothing".repeat(9);
  for (let stream = 1; stream < 400_000 && peer.gone === undefined; stream += 2000) {
    peer.send(...Array.from({ length: 2000 }, (_, i) => encodeOpen(stream + i, "default", name, NO_ATTRIBUTES, "")));
    await Bun.sleep(1);
  }
  await eventually(() => peer.gone !== undefined, "the tunnel was torn down");
});

describe("a gateway that breaks the rules", () => {
  const east = new Site(credentials);
  let port: number;

  /** @returns an application's connection through `east` to a gateway that acts like this on a stream. */
  async function visit(act: (far: RawPeer) => void, speak = ""): Promise<{ app: Socket; gateway: RawGateway }> {
    const gateway = new RawGateway(await certificatesOf("west"));
    east.tables.peers["west"] = {
      name: "west",
      gateways: [{ host: "127.0.0.1", port: gateway.port }],
      reachable: [true],
    };
    if (port === undefined) port = east.allow().addImport("echo", [source("west", "echo")]);
    await east.publish();
    await eventually(
      async () => (await east.report()).tunnels.filter(({ state }) => state === "idle").length === 2,
      "warm",
    );
    const app = application(port);
    if (speak !== "") app.write(speak);
    await eventually(
      () => gateway.tunnels.some(({ frames }) => frames.some(({ type }) => type === open)),
      "OPEN has come",
    );
    act(gateway.tunnels.find(({ frames }) => frames.some(({ type }) => type === open)) as RawPeer);
    return { app, gateway };
  }

  const breaches: [string, (far: RawPeer) => void][] = [
    ["FIN before OPENED", (far) => far.about(fin, 1)],
    ["OPENED of a later stream", (far) => far.about(opened, 2)],
    ["REFUSED of a later stream", (far) => far.about(refused, 2, 0, 0, 0, 0)],
    ["OPENED twice", (far) => far.about(opened, 1).about(opened, 1)],
    ["REFUSED after OPENED", (far) => far.about(opened, 1).about(refused, 1, 0, 0, 0, 0)],
    ["OPEN from the wrong side", (far) => far.open(2, "echo")],
    ["an unknown type", (far) => far.frame(0x20)],
    ["an oversized frame", (far) => far.send(headerOf(data, MAX_DATA + 1))],
    ["DATA after FIN", (far) => far.about(opened, 1).about(fin, 1).data("x")],
    ["FIN twice", (far) => far.about(opened, 1).about(fin, 1).about(fin, 1)],
    ["an end without FIN", (far) => far.about(opened, 1).data("half of it").end()],
    [
      "an end in the middle of a frame",
      (far) => far.about(opened, 1).send(headerOf(data, 100), Buffer.from("part")).end(),
    ],
    ["a reset of TCP", (far) => far.about(opened, 1).terminate()],
  ];
  test.each(breaches)("resets the application: %s", async (_name, act) => {
    const { app, gateway } = await visit(act, "secret");
    let error = "";
    app.on("error", ({ code }: NodeJS.ErrnoException) => {
      error = code ?? "";
    });
    app.resume();
    await eventually(() => error !== "", "the application was reset");
    // Linux tells of a reset that comes after a FIN as EPIPE.
    expect(["ECONNRESET", "EPIPE"]).toContain(error);
    gateway.stop();
    await eventually(() => east.relay.live.size === 0, "the connection is over");
  });

  test("gets no stream when it says that it opens them itself, and the log says why", async () => {
    const gateway = new RawGateway(await certificatesOf("west"), (far) => far.hello({ opener: "acceptor" }));
    port ??= east.allow().addImport("echo", [source("west", "echo")]);
    await east.addGateways("west", [gateway.port]).publish();
    expect(await ending(application(port))).toBe("ECONNRESET");
    expect(east.records.at(-1)?.reason).toContain("HELLO says that the acceptor opens streams");
    expect(gateway.tunnels.some((far) => far.got(open))).toBe(false);
    gateway.stop();
  });

  test("DATA before OPENED is dropped, and what follows OPENED arrives", async () => {
    const { app, gateway } = await visit((far) => far.data("too early").about(opened, 1).data("in time").about(fin, 1));
    const reply = readAll(app);
    app.end();
    expect(String(await reply)).toBe("in time");
    gateway.stop();
  });

  test("answers to an earlier stream are dropped when the next one is open", async () => {
    const { app, gateway } = await visit((far) => far.about(opened, 1), "one");
    const far = gateway.tunnels.find(({ frames }) => frames.some(({ type }) => type === open)) as RawPeer;
    app.resetAndDestroy();
    await far.next(reset);
    far.frame(pong, (await far.next(ping)).payload);
    await Bun.sleep(20);
    const again = application(port);
    again.write("two");
    await eventually(() => far.frames.filter(({ type }) => type === open).length === 2, "the tunnel is used again");
    far.about(refused, 1, 1, 0, 0, 0).about(reset, 1, 0).about(fin, 1).data("stale").about(opened, 1);
    far.about(opened, 2).about(reset, 1, 0).about(fin, 1).data("fresh").about(fin, 2);
    const reply = readAll(again);
    again.end();
    expect(String(await reply)).toBe("fresh");
    gateway.stop();
  });

  test("a far side that does not read gets no next stream after a RESET: the tunnel goes instead", async () => {
    const { app, gateway } = await visit((far) => far.about(opened, 1), "one");
    const far = gateway.tunnels.find(({ frames }) => frames.some(({ type }) => type === open)) as RawPeer;
    app.resetAndDestroy();
    await far.next(reset);
    await eventually(() => far.gone !== undefined, "the tunnel whose PING got no answer was torn down");
    gateway.stop();
  });
});
