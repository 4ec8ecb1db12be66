/** Which frames wait for others, and that none of them waits for long. */
import { afterAll, afterEach, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { FrameType } from "../../src/wire/frames.ts";
import { certificatesOf, Site, source } from "./fabric.ts";
import { RawGateway, RawPeer } from "./raw-peer.ts";
import { application, eventually, next, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const { open, opened, data, fin } = FrameType;
const credentials = await certificatesOf("east");
const west = new Site(await certificatesOf("west")).allow();
const accepted: Socket[] = [];
const echo = await service((socket) => socket.pipe(socket));
const silent = await service((socket) => accepted.push(socket));
west.addExport("echo", echo).addExport("silent", silent);
await west.publish();

const peers: RawPeer[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.terminate();
  for (const socket of accepted.splice(0)) socket.destroy();
});

async function tunnel(): Promise<RawPeer> {
  const peer = await RawPeer.tunnel(west.port, credentials);
  peers.push(peer);
  return peer;
}

/** @returns the types of the frames that came after HELLO, and in how many pieces. */
function after(peer: RawPeer, pieces: number) {
  return { types: peer.frames.slice(1).map(({ type }) => type), pieces: peer.received.length - pieces };
}

test("OPENED comes together with the answer to what came with OPEN", async () => {
  const peer = await tunnel();
  const pieces = peer.received.length;
  peer.open(1, "echo").data("question");
  await peer.next(data);
  expect(after(peer, pieces)).toEqual({ types: [opened, data], pieces: 1 });
});

test("OPENED comes alone when there is no answer", async () => {
  const peer = await tunnel();
  const pieces = peer.received.length;
  peer.open(1, "silent").data("question");
  await peer.next(opened);
  expect(after(peer, pieces)).toEqual({ types: [opened], pieces: 1 });
});

test("OPENED comes at once when nothing came with OPEN, and the answer after it", async () => {
  const peer = await tunnel();
  const pieces = peer.received.length;
  peer.open(1, "echo");
  await peer.next(opened);
  peer.data("question");
  await peer.next(data);
  expect(after(peer, pieces)).toEqual({ types: [opened, data], pieces: 2 });
});

test("OPENED comes before the end of a service that says nothing and closes", async () => {
  const peer = await tunnel();
  peer.open(1, "silent").data("question");
  await eventually(() => accepted.length === 1, "the service has accepted");
  accepted[0]?.end();
  await peer.next(fin);
  expect(after(peer, 0).types).toEqual([opened, fin]);
});

test("the last FIN of a stream comes when no other stream follows", async () => {
  const gateway = new RawGateway(await certificatesOf("west"));
  const east = new Site(credentials).allow().addGateways("west", [gateway.port]);
  const port = east.addImport("echo", [source("west", "echo")]);
  await east.publish();

  const app = application(port);
  app.write("question");
  const used = () => gateway.tunnels.find((peer) => peer.got(data));
  await eventually(() => used() !== undefined, "the question has come");
  const peer = used() as RawPeer;
  peer.about(opened, 1).data("answer").about(fin, 1);
  expect(await next(app)).toBe("answer");
  app.end();
  await peer.next(fin);
  expect(after(peer, 0).types).toEqual([open, data, fin]);
});
