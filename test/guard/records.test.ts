/** What requests and connections cost between the gateways, in TLS records and bytes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { tearDown } from "../relay/teardown.ts";
import { exceeded } from "./bounds.ts";
import { connections, LARGE, largeMessages, open, requests } from "./loads.ts";
import { CountingWay } from "./records.ts";
import { startTwoSites, type TwoSites } from "./two-sites.ts";

let sites: TwoSites;
let way: CountingWay;

beforeAll(async () => {
  sites = await startTwoSites((to) => {
    way = new CountingWay(freePort(), to);
    return way.port;
  });
}, 30_000);
afterAll(async () => {
  await sites?.remove();
  await tearDown();
});

/** What both directions have carried while `load` ran. */
async function carried(load: () => Promise<void>): Promise<[kind: string, count: number][]> {
  const counts = () => [way.there.records, way.back.records, way.there.bytes, way.back.bytes];
  await way.rest();
  const before = counts();
  await load();
  const kinds = ["records there", "records back", "bytes there", "bytes back"];
  return counts().map((count, at) => [kinds[at] ?? "", count - (before[at] ?? 0)]);
}

const COUNT = 100;

test("a kept-alive request is one record each way", async () => {
  const socket = await open(sites.port);
  const counts = await carried(() => requests(socket, COUNT));
  socket.destroy();
  for (const [, count] of counts) expect(count).toBeGreaterThanOrEqual(COUNT);
  // 100 bytes of its own, a frame's header of 4 and a record's 22; a PING of some other tunnel may pass meanwhile.
  const bounds = { "records there": 1.2, "records back": 1.2, "bytes there": 140, "bytes back": 140 };
  expect(exceeded("a kept-alive request costs", COUNT, counts, bounds, 0)).toEqual([]);
});

test("a connection with one request is a few small records each way", async () => {
  const counts = await carried(() => connections(sites.port, COUNT));
  for (const [, count] of counts) expect(count).toBeGreaterThanOrEqual(COUNT);
  const bounds = { "records there": 3.5, "records back": 3.5, "bytes there": 450, "bytes back": 350 };
  expect(exceeded("a connection with one request costs", COUNT, counts, bounds, 0)).toEqual([]);
});

test("a message of 64 KiB is cut into as few records as there can be", async () => {
  const socket = await open(sites.port);
  const counts = await carried(() => largeMessages(socket, COUNT));
  socket.destroy();
  for (const [kind, count] of counts) expect(count).toBeGreaterThan(kind.startsWith("bytes") ? COUNT * LARGE : COUNT);
  const most = LARGE * 1.01;
  const bounds = { "records there": 8, "records back": 8, "bytes there": most, "bytes back": most };
  expect(exceeded("a message of 64 KiB costs", COUNT, counts, bounds, 0)).toEqual([]);
});
