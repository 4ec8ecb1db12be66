/** After FIN no data can come: the tunnel is read on, however slow its reader was, so that a RESET is seen. */
import { afterAll, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { FrameType } from "../../src/wire/frames.ts";
import { certificatesOf, Site } from "./fabric.ts";
import { frameOf, RawPeer } from "./raw-peer.ts";
import { ending, eventually, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const credentials = await certificatesOf("east");
const accepted: Socket[] = [];
const slow = await service((socket) => accepted.push(socket.pause()));
const west = new Site(await certificatesOf("west")).addExport("slow", slow).allow();
await west.publish();

const PART = frameOf(FrameType.data, Buffer.alloc(200_000));

/** @returns a tunnel with a stream to a service that reads nothing, and the service's end. */
async function stream(): Promise<{ peer: RawPeer; far: Socket }> {
  accepted.length = 0;
  const peer = await RawPeer.tunnel(west.port, credentials);
  peer.open(1, "slow");
  await peer.next(FrameType.opened);
  await eventually(() => accepted.length === 1, "the service has accepted");
  return { peer, far: accepted[0] as Socket };
}

async function taken(): Promise<number> {
  await Bun.sleep(20);
  return (await west.report()).connections[0]?.bytesIn ?? 0;
}

/** @returns how many parts the relay reads before the service's socket takes no more. */
async function capacity(): Promise<number> {
  const { peer } = await stream();
  let before = -1;
  let now = 0;
  while (now > before) {
    before = now;
    peer.send(PART);
    now = await taken();
  }
  peer.terminate();
  await eventually(() => west.relay.live.size === 0, "the connection is over");
  return now / 200_000;
}

test("a RESET behind FIN reaches a service that was slow, and the tunnel serves the next stream", async () => {
  const parts = await capacity();
  const { peer, far } = await stream();
  for (let i = 1; i < parts; i++) {
    peer.send(PART);
    await taken();
  }
  // The service's socket does not take all of this, and FIN has come with it.
  peer.send(Buffer.concat([PART, frameOf(FrameType.fin, [0, 0, 0, 1])]));
  expect(await taken()).toBe(parts * 200_000);
  expect(await ending(far)).toBe("end");
  let gone = false;
  far.once("error", () => {
    gone = true;
  });
  peer.about(FrameType.reset, 1, 0).open(2, "slow");
  await eventually(() => gone, "the service was reset");
  await peer.next(FrameType.opened);
});
