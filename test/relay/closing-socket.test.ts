/** A socket that is ended says everything first. */
import { afterAll, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { ClosingSocket } from "../../src/relay/closing-socket.ts";
import { Deadlines } from "../../src/relay/deadlines.ts";
import { Descriptors } from "../../src/relay/descriptors.ts";
import { FrameWriter } from "../../src/relay/frame-writer.ts";
import { countedHandlers, NOBODY, type RelaySocket, type SocketUser, socketHandlers } from "../../src/relay/socket.ts";
import { FrameType, frame, HEADER_SIZE } from "../../src/wire/frames.ts";
import { certificatesOf } from "./fabric.ts";
import { RawPeer } from "./raw-peer.ts";
import { eventually, onDefect, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const descriptors = new Descriptors();
const deadlines = new Deadlines();
let far: Socket | undefined;
const port = await service((socket) => {
  far = socket;
});

async function connected(): Promise<[RelaySocket, Socket]> {
  far = undefined;
  descriptors.take();
  const handlers = countedHandlers(descriptors, onDefect);
  const options = { hostname: "127.0.0.1", port, allowHalfOpen: true, data: NOBODY, socket: handlers };
  const socket = await Bun.connect<SocketUser>(options);
  await eventually(() => far !== undefined, "the far end is there");
  return [socket, far as unknown as Socket];
}

test("what waits is written before the end", async () => {
  const [socket, other] = await connected();
  const writer = new FrameWriter(socket);
  let size = 0;
  while (writer.drained) {
    writer.data(Buffer.alloc(1 << 18));
    size += HEADER_SIZE + (1 << 18);
  }
  writer.frame(frame(FrameType.fin, new Uint8Array(4)));
  writer.leave();
  size += HEADER_SIZE + 4;
  new ClosingSocket(socket, deadlines, writer);
  await Bun.sleep(20);
  let got = 0;
  let last = Buffer.alloc(0);
  other.on("data", (chunk: Buffer) => {
    got += chunk.length;
    last = Buffer.concat([last, chunk]).subarray(-8);
  });
  await new Promise((resolve) => other.once("end", resolve));
  expect(got).toBe(size);
  expect([...last]).toEqual([FrameType.fin, 0, 0, 4, 0, 0, 0, 0]);
  other.destroy();
  await eventually(() => descriptors.used === 0, "it is gone");
});

test("over TLS, the other side may not keep it by keeping its half open", async () => {
  const { cert, key } = await certificatesOf("west");
  const clock = { now: 0 };
  const limits = new Deadlines(() => clock.now);
  let closed = 0;
  const listener = Bun.listen<SocketUser>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    data: NOBODY,
    socket: {
      ...socketHandlers(onDefect),
      close: () => void closed++,
      open(raw) {
        const options = { isServer: true, data: NOBODY, tls: { cert, key }, socket: socketHandlers(onDefect) };
        const [, socket] = raw.upgradeTLS<SocketUser>(options);
        socket.data = { ...NOBODY, onData: () => new ClosingSocket(socket, limits) !== undefined };
      },
    },
  });
  const visitor = await RawPeer.dial(listener.port, { alpn: undefined });
  visitor.send(Buffer.from("hello"));
  await eventually(() => visitor.ended, "it has been ended");
  await Bun.sleep(300);
  expect(closed).toBe(0);
  clock.now += 6_000;
  await eventually(() => closed === 1, "it is torn down");
  visitor.terminate();
  listener.stop(true);
});
