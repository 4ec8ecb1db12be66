/**
 * A reset that a write runs into. The write uses the news up: Bun then reports an end in good order, or, on a paused
 * socket, nothing at all; a truncated stream would look complete, and a connection would stay for ever.
 */
import { afterAll, describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { Deadlines } from "../../src/relay/deadlines.ts";
import { Descriptors } from "../../src/relay/descriptors.ts";
import { Dial } from "../../src/relay/dial.ts";
import type { Endpoint, Sink } from "../../src/relay/endpoint.ts";
import { countedHandlers, type RelaySocket } from "../../src/relay/socket.ts";
import { TcpEndpoint } from "../../src/relay/tcp-endpoint.ts";
import { Tunnel } from "../../src/relay/tunnel.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { encodeAttributes, encodeHello, encodeOpen, encodeStreamFrame } from "../../src/wire/messages.ts";
import { certificatesOf } from "./fabric.ts";
import { HELLO } from "./raw-peer.ts";
import { eventually, onDefect } from "./sockets.ts";

const descriptors = new Descriptors();
const context = { deadlines: new Deadlines(), descriptors, handlers: countedHandlers(descriptors, onDefect) };
const { ca, cert, key } = await certificatesOf("west");
const tls = { ca, cert, key, requestCert: true, rejectUnauthorized: false };

let far: Socket<undefined> | undefined;
function arrive(socket: Socket<undefined>): void {
  far = socket;
}
const plain = Bun.listen<undefined>({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: () => undefined, open: arrive },
});
const secure = Bun.listen<undefined>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data: () => undefined,
    open(socket) {
      const options = { isServer: true, data: undefined, tls, socket: { data: () => undefined, handshake: arrive } };
      socket.upgradeTLS<undefined>(options);
    },
  },
});
afterAll(() => {
  plain.stop(true);
  secure.stop(true);
});

/** @returns a socket of the relay, and the far end of it. */
async function connected(target: { port: number; tls?: typeof tls }): Promise<[RelaySocket, Socket<undefined>]> {
  far = undefined;
  const options =
    target.tls === undefined ? {} : { tls: { ...target.tls, serverName: "west", ALPNProtocols: "\x05other" } };
  const socket = await new Promise<RelaySocket>((onDialled, onDialFailed) => {
    new Dial({ host: "127.0.0.1", port: target.port, ...options }, 1000, { onDialled, onDialFailed }, context);
  });
  await eventually(() => far !== undefined, "the far end is there");
  return [socket, far as unknown as Socket<undefined>];
}

describe.each([
  ["reads", false],
  ["is paused", true],
])("an endpoint that %s", (_name, paused) => {
  test("tells that it was reset, finishes nothing, and gives its descriptor back", async () => {
    const before = descriptors.used;
    const [socket, other] = await connected({ port: plain.port });
    const told: string[] = [];
    const sink: Sink = { write: () => true, finish: () => void told.push("finish"), resume: () => undefined };
    const owner = {
      onFinished: () => void told.push("finished"),
      onReset: (_endpoint: Endpoint) => void told.push("reset"),
    };
    const endpoint = new TcpEndpoint(socket, sink, owner);
    if (paused) endpoint.pause();
    other.terminate();
    endpoint.write(Buffer.from("into the reset"));
    await eventually(() => told.length > 0 && descriptors.used === before, "the end was told");
    await Bun.sleep(20);
    expect(told).toEqual(["reset"]);
  });
});

test("a tunnel that is paused, with data waiting on both sides, tells that it is gone", async () => {
  const before = descriptors.used;
  const [socket, other] = await connected({ port: secure.port, tls });
  const told: string[] = [];
  const owner = {
    onReady: () => undefined,
    onOpen: () => undefined,
    onIdle: () => undefined,
    onClosed: (_tunnel: Tunnel, reason: string) => void told.push(reason),
  };
  const identity = { name: "west", notBefore: 0, notAfter: 0, chain: [] };
  const tunnel = new Tunnel(socket, identity, "west", "opener", owner, context.deadlines);
  tunnel.pause();
  for (let i = 0; i < 20; i++) other.write(Buffer.alloc(1 << 20));
  await Bun.sleep(50);
  other.terminate();
  tunnel.start(HELLO, 60_000);
  await eventually(() => told.length > 0 && descriptors.used === before, "the end was told");
  expect(told).toEqual(["lost: the connection was reset"]);
});

test("a tunnel whose peer opens a stream before it can have read the last one's FIN is torn down, and both are told", async () => {
  const before = descriptors.used;
  const [socket, other] = await connected({ port: secure.port, tls });
  const told: string[] = [];
  const owner = {
    onReady: () => undefined,
    onOpen: (tunnel: Tunnel) => {
      tunnel.stream = {
        onOpened: () => undefined,
        onRefused: () => undefined,
        onFinished: () => void told.push("finished"),
        onReset: () => void told.push("reset"),
      };
      tunnel.accept();
    },
    onIdle: () => undefined,
    onClosed: (_tunnel: Tunnel, reason: string) => void told.push(reason),
  };
  const identity = { name: "east", notBefore: 0, notAfter: 0, chain: [] };
  const tunnel = new Tunnel(socket, identity, "east", "acceptor", owner, context.deadlines);
  tunnel.start(HELLO, 60_000);
  const open = (stream: number) => encodeOpen(stream, "default", "echo", encodeAttributes({}), "");
  other.write(Buffer.concat([encodeHello(HELLO), open(1)]));
  await eventually(() => tunnel.stream !== undefined, "the stream is open");
  other.pause();
  while (tunnel.write(Buffer.alloc(1 << 20)));
  tunnel.finish();
  other.write(Buffer.concat([encodeStreamFrame(FrameType.fin, 1), open(2)]));
  await eventually(() => told.length > 1 && descriptors.used === before, "the end was told");
  expect(told).toEqual(["protocol error: OPEN before the FIN of the stream before was read", "reset"]);
  other.terminate();
});
