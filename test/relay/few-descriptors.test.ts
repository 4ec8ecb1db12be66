/** What a relay keeps ready, and what one peer may take of it, are shares of the files that it may open. */
import { afterAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { certificatesOf, Site } from "./fabric.ts";
import { Conversation } from "./http-conversation.ts";
import { RawGateway, RawPeer } from "./raw-peer.ts";
import { type SiteProcess, startSite } from "./site-process.ts";
import { application, eventually, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const LIMIT = 256;

const certificates = {
  east: await certificatesOf("east"),
  west: await certificatesOf("west"),
  north: await certificatesOf("north"),
};

async function states(site: SiteProcess, wanted: string): Promise<number> {
  return (await site.report()).tunnels.filter(({ state }) => state === wanted).length;
}

async function handshakes(site: SiteProcess, role: "opener" | "acceptor", result: string): Promise<number> {
  const { metrics } = await site.report();
  const family = metrics.find(({ name }) => name === "clusterlink_tunnel_handshakes_total");
  return family?.values.find(({ labels }) => labels["role"] === role && labels["result"] === result)?.value ?? 0;
}

describe("idle tunnels are at most a quarter of the descriptors,", () => {
  const QUARTER = LIMIT / 4;

  test("those to all gateways of all peers together", async () => {
    const gatewaysOf = (own: CertificateEntry) => Array.from({ length: 20 }, () => new RawGateway(own));
    const [west, north] = [gatewaysOf(certificates.west), gatewaysOf(certificates.north)];
    const peers = { west: west.map(({ port }) => port), north: north.map(({ port }) => port) };
    const site = await startSite({ certificates: certificates.east, peers }, { limit: LIMIT });
    const alive = () => [...west, ...north].reduce((sum, gateway) => sum + gateway.alive.length, 0);
    await eventually(async () => (await states(site, "idle")) === QUARTER && alive() === QUARTER, "as many are idle");
    // The pools are looked after four times a second: none of those that are missing is dialled.
    const dialled = () => [...west, ...north].reduce((sum, gateway) => sum + gateway.tunnels.length, 0);
    const before = dialled();
    await Bun.sleep(600);
    expect(await states(site, "idle")).toBe(QUARTER);
    expect(dialled()).toBe(before);
    site.stop();
  });

  test("however many connections have just ended, and the next one uses one of them", async () => {
    const accepted: Socket[] = [];
    const held = await service((socket) => accepted.push(socket));
    const west = new Site(certificates.west).addExport("echo", held).allow();
    await west.publish();
    const peers = { west: [west.port] };
    const site = await startSite({ certificates: certificates.east, peers }, { limit: LIMIT });
    const apps = Array.from({ length: QUARTER + 20 }, () => application(site.importPort));
    await eventually(() => accepted.length === apps.length, "all are connected");
    expect(await states(site, "busy")).toBe(apps.length);
    for (const socket of [...apps, ...accepted]) socket.end();
    await eventually(async () => (await site.report()).connectionCount === 0, "all are over");
    await eventually(async () => (await states(site, "idle")) === QUARTER, "a quarter is kept");
    const app = application(site.importPort);
    await eventually(() => accepted.length === apps.length + 1, "another one is connected");
    expect([await states(site, "busy"), await states(site, "idle")]).toEqual([1, QUARTER - 1]);
    accepted.at(-1)?.end("bye");
    expect(String(await readAll(app))).toBe("bye");
    app.end();
    site.stop();
  });
});

test("busy tunnels are no idle ones: however many there are, those that others have left are used again", async () => {
  const accepted: Socket[] = [];
  const held = await service((socket) => accepted.push(socket));
  const west = new Site(certificates.west).addExport("echo", held).allow();
  await west.publish();
  const site = await startSite({ certificates: certificates.east, peers: { west: [west.port] } }, { limit: LIMIT });
  const connect = async (count: number) => {
    const apps = Array.from({ length: count }, () => application(site.importPort));
    const before = accepted.length;
    await eventually(() => accepted.length === before + count, "all are connected");
    return [...apps, ...accepted.slice(before)];
  };
  const busy = LIMIT / 4 + 6;
  await connect(busy);
  for (const socket of await connect(10)) socket.end();
  await eventually(async () => (await states(site, "busy")) === busy, "ten are over");
  const idle = await states(site, "idle");
  expect(idle).toBeGreaterThanOrEqual(10);
  const dialled = await handshakes(site, "opener", "tunnel");
  await connect(10);
  expect(await handshakes(site, "opener", "tunnel")).toBe(dialled);
  expect(await states(site, "idle")).toBe(idle - 10);
  site.stop();
});

describe("the connections of one peer", () => {
  const HALF = LIMIT / 2;

  async function visitor(port: number): Promise<RawPeer> {
    const { peer } = await healthy(await Conversation.dial(port, certificates.east));
    return peer;
  }

  async function healthy(conversation: Conversation): Promise<Conversation> {
    expect((await conversation.say("GET /healthz HTTP/1.1\r\nHost: west\r\n\r\n").answer()).status).toBe(200);
    return conversation;
  }

  test("are at most half of the descriptors, in both dialects together, and leave room for other peers", async () => {
    const echo = await service((socket) => socket.pipe(socket));
    const site = await startSite({ certificates: certificates.west, echo }, { limit: LIMIT });
    const { peerPort: port } = site;
    const peers: RawPeer[] = [];
    while (peers.length < HALF) peers.push(await RawPeer.tunnel(port, certificates.east), await visitor(port));
    expect(await handshakes(site, "acceptor", "too-many")).toBe(0);
    for (const alpn of ["clusterlink/2", "http/1.1"]) {
      const late = await RawPeer.dial(port, { ...certificates.east, alpn });
      await late.closed();
      expect(late.received).toEqual([]);
    }
    expect(await handshakes(site, "acceptor", "too-many")).toBe(2);

    const other = await RawPeer.tunnel(port, certificates.north);
    other.open(1, "echo").data("hello");
    await eventually(() => other.text === "hello", "another peer is served");
    other.terminate();

    for (const left of peers.slice(0, 2)) left.terminate();
    await eventually(async () => (await site.report()).tunnels.length === HALF - 2, "two have left");
    peers.push(await RawPeer.tunnel(port, certificates.east), await visitor(port));
    expect(await handshakes(site, "acceptor", "too-many")).toBe(2);
    for (const peer of peers) peer.terminate();
    site.stop();
  }, 20_000);
});
