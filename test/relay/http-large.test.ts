/**
 * Two of ours, each in a process of its own, that know no dialect but HTTP/1.1: what is large arrives whole both ways at
 * once, and a reader that takes its time costs memory for what is under way only.
 */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { certificatesOf } from "./fabric.ts";
import type { SiteRecipe } from "./relay-process.ts";
import { type SiteProcess, startSite } from "./site-process.ts";
import { application, digest, eventually, pour, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const MiB = 1 << 20;
const GiB = 1 << 30;

/** How much a relay may grow while it carries 2 GiB, in MiB: buffers of both sockets, and garbage until it is collected. */
const GROWTH = 96;

/** MiB that a process has held at most so far. */
const peak = ({ pid }: SiteProcess) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const start = (recipe: SiteRecipe) => startSite(recipe, { preload: "./http-only.ts" });

test("1 GiB each way at once arrives with the same hash, to a reader that stops in between, too", async () => {
  const accepted: Socket[] = [];
  const echo = await service((socket) => accepted.push(socket));
  const west = await start({ certificates: await certificatesOf("west"), echo });
  const east = await start({ certificates: await certificatesOf("east"), peers: { west: [west.peerPort] } });
  const app = application(east.importPort);
  await eventually(() => accepted.length === 1, "the service has accepted");
  const far = accepted[0] as Socket;
  const before = { east: peak(east), west: peak(west) };

  const sent = Promise.all([pour(app, GiB), pour(far, GiB + 17)]);
  const atFar = digest(far);
  const atApp = digest(app);
  await eventually(() => app.bytesRead > 64 * MiB, "it flows");
  app.pause();
  let stalled = -1;
  await eventually(async () => {
    const seen = far.bytesWritten - far.writableLength;
    const still = seen === stalled;
    stalled = seen;
    await Bun.sleep(100);
    return still;
  }, "the reader has stopped the writer");
  // The kernel holds some MiB for each of the six sockets on the way; the relays hold a record or two.
  expect(stalled - app.bytesRead).toBeLessThan(64 * MiB);
  app.resume();

  const [up, down] = await sent;
  expect(await atFar).toEqual({ hash: up, size: GiB });
  expect(await atApp).toEqual({ hash: down, size: GiB + 17 });
  expect(peak(east) - before.east).toBeLessThan(GROWTH);
  expect(peak(west) - before.west).toBeLessThan(GROWTH);
  const { metrics } = await west.report();
  const handshakes = metrics.find(({ name }) => name === "clusterlink_tunnel_handshakes_total")?.values ?? [];
  expect([...new Set(handshakes.map(({ labels }) => labels["result"]))]).toEqual(["http"]);
}, 120_000);
