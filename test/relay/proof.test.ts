/**
 * A far gateway whose service is slow has not read the end of a large upload yet. Its tunnel must not carry the next
 * stream, which would wait behind it, nor be torn down, which would lose it, until the far side says that it has read.
 */
import { afterAll, expect, test } from "bun:test";
import { FrameType } from "../../src/wire/frames.ts";
import { certificatesOf, Site, source } from "./fabric.ts";
import { RawGateway, type RawPeer } from "./raw-peer.ts";
import { application, eventually, pour, readAll } from "./sockets.ts";
import { atEnd, tearDown } from "./teardown.ts";

afterAll(tearDown);

const { open, opened, fin, ping, pong } = FrameType;

test("a tunnel is used again only when the far side has proved that it read a large upload", async () => {
  const gateway = new RawGateway(await certificatesOf("west"));
  const answered = new Map<RawPeer, number>();
  // Accepts each stream and finishes its own half at once, like a service that answers before it has read.
  const answer = () => {
    for (const peer of gateway.tunnels) {
      const opens = peer.frames.filter(({ type }) => type === open);
      for (const { payload } of opens.slice(answered.get(peer) ?? 0)) {
        const stream = payload.readUInt32BE();
        peer.about(opened, stream).about(fin, stream);
      }
      answered.set(peer, opens.length);
    }
  };
  const timer = setInterval(answer, 1);
  atEnd(() => clearInterval(timer));
  const east = new Site(await certificatesOf("east")).allow().addGateways("west", [gateway.port]);
  east.tables.site.self.deadlines = { handshake: 200, open: 400, dial: 200, grace: 0 };
  atEnd(() => east.drain(0, 0));
  const port = east.addImport("sink", [source("west", "sink")]);
  await east.publish();
  const idle = async () => (await east.report()).tunnels.filter(({ state }) => state === "idle").length;
  await eventually(async () => (await idle()) >= 2, "two tunnels are idle");

  const upload = application(port);
  await Promise.all([pour(upload, 1 << 20), readAll(upload)]);
  await eventually(() => gateway.tunnels.some((peer) => peer.got(ping)), "proof is asked for");
  const slow = gateway.tunnels.find((peer) => peer.got(ping)) as RawPeer;
  for (let i = 0; i < 8; i++) {
    const other = application(port);
    other.end("small");
    await readAll(other);
    await Bun.sleep(200);
  }
  expect(gateway.alive).toContain(slow);
  expect(answered.get(slow)).toBe(1);

  slow.frame(pong, new Uint8Array(8));
  await eventually(async () => {
    const other = application(port);
    other.end("again");
    await readAll(other);
    return answered.get(slow) === 2;
  }, "it is used again");
}, 20_000);
