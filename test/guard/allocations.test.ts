/** What requests and connections cost the relays in memory and timers: two relays in one process, from source. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { service } from "../relay/sockets.ts";
import { tearDown } from "../relay/teardown.ts";
import { exceeded } from "./bounds.ts";
import { connections, largeMessages, open, requests } from "./loads.ts";
import { CountedRelays } from "./relays.ts";

const relays = new CountedRelays();
let port: number;
let socket: Socket;

beforeAll(async () => {
  const echo = await service((socket) => socket.setNoDelay(true).pipe(socket));
  port = await relays.start(echo);
  await connections(port, 1000);
  socket = await open(port);
  await requests(socket, 2000);
  await largeMessages(socket, 100);
}, 60_000);
afterAll(async () => {
  socket?.destroy();
  await relays.stop();
  await tearDown();
});

const LOADS = [
  {
    operation: "a kept-alive request",
    count: 2000,
    load: (count: number) => requests(socket, count),
    bounds: { bytes: 1500, timers: 0.01, immediates: 0.01, objects: 0.1 },
  },
  {
    operation: "a connection with one request",
    count: 500,
    load: (count: number) => connections(port, count),
    bounds: { bytes: 14_000, timers: 4, immediates: 4, objects: 0.5 },
  },
  {
    operation: "a message of 64 KiB each way",
    count: 200,
    load: (count: number) => largeMessages(socket, count),
    bounds: { bytes: 525_000, timers: 0.05, immediates: 0.05, objects: 0.5 },
  },
];

test.each(LOADS)(
  "$operation allocates, arms and leaves no more than is known",
  async ({ operation, count, load, bounds }) => {
    const cost = await relays.cost(() => load(count));
    expect(cost.bytes).toBeGreaterThan(0);
    expect(exceeded(`${operation} costs both relays`, count, Object.entries(cost), bounds, 0)).toEqual([]);
  },
  60_000,
);
