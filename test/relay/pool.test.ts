/** Tunnels are there before they are needed, are used again, and go when nobody needs them. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { FrameType } from "../../src/wire/frames.ts";
import { encodeRefused } from "../../src/wire/messages.ts";
import { freePort } from "../free-port.ts";
import { blackHole } from "./black-hole.ts";
import { Clock, certificatesOf, Site, source } from "./fabric.ts";
import { RawGateway, type RawPeer } from "./raw-peer.ts";
import { application, ending, eventually, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const { open, opened, fin, ping, pong } = FrameType;
const [eastern, western] = [await certificatesOf("east"), await certificatesOf("west")];
let accepted: Socket[] = [];
const held = await service((socket) => accepted.push(socket));
const echo = await service((socket) => socket.pipe(socket));

let clock = new Clock();
let sites: Site[] = [];
let gateways: RawGateway[] = [];
afterEach(async () => {
  await Promise.all(sites.map((site) => site.drain(0, 0)));
  for (const gateway of gateways) gateway.stop();
  for (const socket of accepted) socket.destroy();
  sites = [];
  gateways = [];
  accepted = [];
  clock = new Clock();
});

function newSite(certificates = eastern): Site {
  const site = new Site(certificates, {}, clock);
  sites.push(site);
  return site.allow();
}

function newGateway(onTunnel?: (peer: RawPeer) => void): RawGateway {
  const gateway = new RawGateway(western, onTunnel);
  gateways.push(gateway);
  return gateway;
}

/** @returns a site that imports `echo` from these ports, and the Import's port. */
async function importer(ports: number[], reachable?: boolean[]): Promise<{ east: Site; port: number }> {
  const east = newSite().addGateways("west", ports, reachable);
  const port = east.addImport("echo", [source("west", "echo")]);
  await east.publish();
  return { east, port };
}

async function exporter(): Promise<Site> {
  const west = newSite(western).addExport("echo", echo).addExport("held", held);
  await west.publish();
  return west;
}

async function states(site: Site): Promise<string[]> {
  return (await site.report()).tunnels.map(({ state }) => state);
}

async function warm(site: Site, count = 2): Promise<void> {
  const wanted = Array.from({ length: count }, () => "idle").join();
  await eventually(async () => (await states(site)).join() === wanted, `${count} tunnels are idle`);
}

async function ask(port: number, text: string): Promise<string> {
  const app = application(port);
  app.end(text);
  return String(await readAll(app));
}

/** The relays look after their pools, as they do four times a second by themselves. */
async function sweep(): Promise<void> {
  for (const { relay } of sites) relay.pools.sweep();
  await Bun.sleep(30);
}

describe("tunnels", () => {
  test("two are warm before the first connection, to each gateway", async () => {
    const [first, second] = [newGateway(), newGateway()];
    const { east } = await importer([first.port, second.port]);
    await warm(east, 4);
    expect([first.alive.length, second.alive.length]).toEqual([2, 2]);
  });

  test("that have not said HELLO yet are counted, and not dialled again", async () => {
    const gateway = newGateway(() => undefined);
    const { east } = await importer([gateway.port]);
    await eventually(() => gateway.tunnels.filter(({ handshaken }) => handshaken).length === 2, "both are greeted");
    for (let i = 0; i < 5; i++) await sweep();
    expect(gateway.tunnels.length).toBe(2);
    for (const peer of gateway.tunnels) peer.hello();
    await warm(east);
  });

  test("none are dialled to a peer that nothing is imported from", async () => {
    const gateway = newGateway();
    const east = newSite().addGateways("west", [gateway.port]);
    await east.publish();
    await sweep();
    expect(gateway.tunnels.length).toBe(0);
  });

  test("are used again and again", async () => {
    const west = await exporter();
    const { east, port } = await importer([west.port]);
    await warm(east);
    const before = (await west.report()).tunnels.map(({ address }) => address).sort();
    for (let i = 0; i < 20; i++) expect(await ask(port, `${i}`)).toBe(`${i}`);
    await warm(east);
    expect((await west.report()).tunnels.map(({ address }) => address).sort()).toEqual(before);
  });

  test("beyond the demand are kept for a minute, then two are left", async () => {
    const west = await exporter();
    const { east } = await importer([west.port]);
    const port = east.addImport("held", [source("west", "held")]);
    await east.publish();
    await warm(east);
    const apps = Array.from({ length: 10 }, () => application(port));
    await eventually(() => accepted.length === 10, "ten connections are open");
    for (const app of apps) app.end();
    for (const socket of accepted) socket.end();
    await eventually(() => east.relay.live.size === 0, "all are over");
    await eventually(async () => (await states(east)).length >= 10, "the tunnels are kept");
    clock.advance(30_000);
    await sweep();
    expect((await states(east)).length).toBeGreaterThanOrEqual(10);
    clock.advance(31_000);
    await sweep();
    await warm(east);
  });

  test("to a peer that is not imported from any more go after a minute", async () => {
    const gateway = newGateway((peer) => peer.hello());
    const { east } = await importer([gateway.port]);
    await warm(east);
    east.tables.imports = {};
    await east.publish();
    clock.advance(61_000);
    await eventually(() => gateway.alive.length === 0, "both are closed");
    await sweep();
    expect(gateway.tunnels.length).toBe(2);
  });

  test("to all relays of a gateway are sought when HELLO shows that all went to one, but not for ever", async () => {
    const gateway = newGateway((peer) => peer.hello({ relay: 0, relays: 3 }));
    await importer([gateway.port]);
    const all = async () => {
      await sweep();
      return gateway.tunnels.length === 5;
    };
    await eventually(all, "one more for each relay");
    for (let i = 0; i < 5; i++) await sweep();
    expect(gateway.tunnels.length).toBe(5);
  });

  test("that reached several relays are not added to", async () => {
    const gateway = newGateway((peer) => peer.hello({ relay: gateway.tunnels.indexOf(peer) % 2, relays: 2 }));
    await importer([gateway.port]);
    await sweep();
    await sweep();
    expect(gateway.tunnels.length).toBe(2);
  });
});

describe("PING", () => {
  test("finds the dead among the idle, which are replaced", async () => {
    const gateway = newGateway();
    const { east } = await importer([gateway.port]);
    await warm(east);
    const old = [...gateway.tunnels];
    clock.advance(16_000);
    await eventually(() => old.every((peer) => peer.got(ping)), "both are asked");
    clock.advance(5_100);
    await eventually(() => old.every((peer) => peer.gone !== undefined), "both are given up");
    await eventually(() => gateway.alive.length === 2, "both are replaced");
  });

  test("keeps those that answer", async () => {
    const gateway = newGateway();
    const { east } = await importer([gateway.port]);
    await warm(east);
    clock.advance(16_000);
    for (const peer of gateway.tunnels) peer.frame(pong, (await peer.next(ping)).payload);
    await Bun.sleep(20);
    clock.advance(10_000);
    await sweep();
    expect(gateway.tunnels.length).toBe(2);
    await warm(east);
  });
});

describe("a gateway that cannot be reached", () => {
  test("is tried again less and less often, and is warm soon after it is back", async () => {
    const port = freePort();
    const attempts: number[] = [];
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: () => undefined,
        open(socket) {
          attempts.push(clock.now());
          socket.terminate();
        },
      },
    });
    const { east } = await importer([port]);
    for (let seconds = 0; seconds < 60; seconds += 0.5) {
      await Bun.sleep(5);
      clock.advance(500);
      east.relay.pools.sweep();
    }
    const pauses = attempts.slice(1).map((time, i) => time - (attempts[i] as number));
    const long = pauses.filter((pause) => pause > 100);
    expect(long[0]).toBeLessThan(2000);
    expect(long.at(-1)).toBeGreaterThan(4500);
    expect(Math.max(...long)).toBeLessThan(11_000);
    listener.stop(true);
    const site = new Site(western);
    sites.push(site);
    site.tables.site.self.listen.port = port;
    await site.publish();
    const back = async () => {
      clock.advance(100);
      return (await states(east)).join() === "idle,idle";
    };
    await eventually(back, "it is warm");
  });

  test("is not warmed when heartbeats say so, but tried when there is no other", async () => {
    const west = await exporter();
    const { east, port } = await importer([west.port], [false]);
    await sweep();
    expect(await states(east)).toEqual([]);
    expect(await ask(port, "hello")).toBe("hello");
  });
});

describe("a gateway that is removed", () => {
  test("loses its idle tunnels at once, and the busy one when its stream is over", async () => {
    const gateway = newGateway();
    const { east, port } = await importer([gateway.port, freePort()]);
    await eventually(() => gateway.alive.length === 2, "warm");
    await Bun.sleep(20);
    const app = application(port);
    app.write("hello");
    await eventually(() => gateway.tunnels.some((peer) => peer.got(open)), "a stream is open");
    const busy = gateway.tunnels.find((peer) => peer.got(open)) as RawPeer;
    busy.about(opened, 1);
    await eventually(() => gateway.alive.length >= 2, "another tunnel is warm");
    const { peers } = east.tables;
    peers["west"] = { name: "west", gateways: [{ host: "127.0.0.1", port: freePort() }], reachable: [true] };
    await east.publish();
    await eventually(() => gateway.alive.length === 1, "the idle ones are closed");
    expect(gateway.alive).toEqual([busy]);
    busy.data("bye").about(fin, 1);
    const reply = readAll(app);
    app.end();
    expect(String(await reply)).toBe("bye");
    await eventually(() => gateway.alive.length === 0, "the busy one is closed too");
  });

  test("loses also a tunnel that was being made at that moment", async () => {
    const gateway = newGateway(() => undefined);
    const { east } = await importer([gateway.port]);
    await eventually(() => gateway.alive.length === 2, "the handshakes are done");
    delete east.tables.peers["west"];
    await east.publish();
    for (const peer of gateway.tunnels) peer.hello();
    await eventually(() => gateway.alive.length === 0, "both are closed");
    expect(await states(east)).toEqual([]);
  });
});

describe("the pool of a peer that is deleted", () => {
  test("is forgotten when nothing is left of it", async () => {
    const gateway = newGateway();
    const east = newSite();
    const names = Array.from({ length: 20 }, (_, i) => `peer-${i}`);
    for (const name of names) {
      east.tables.peers[name] = { name, gateways: [{ host: "127.0.0.1", port: gateway.port }], reachable: [true] };
      east.addImport(name, [source(name, "echo")]);
    }
    await east.publish();
    const pools = names.map((name) => new WeakRef(east.relay.pools.of(name)));
    east.tables.peers = {};
    await east.publish();
    const left = () => {
      east.relay.pools.sweep();
      Bun.gc(true);
      return pools.filter((pool) => pool.deref() !== undefined).length;
    };
    // What the collector finds on the stack, or what looks like it, lives a little longer.
    await eventually(() => left() <= 2, "the pools are gone");
  });

  test("is kept while a tunnel is, whose end it has to see", async () => {
    const gateway = newGateway();
    const { east, port } = await importer([gateway.port]);
    await warm(east);
    const app = application(port);
    await eventually(() => gateway.tunnels.some((peer) => peer.got(open)), "a stream is opened");
    const pool = east.relay.pools.of("west");
    delete east.tables.peers["west"];
    await east.publish();
    expect(await ending(app)).toBe("ECONNRESET");
    await sweep();
    expect(east.relay.pools.of("west")).toBe(pool);
    expect(await states(east)).toEqual(["draining"]);
    const far = gateway.tunnels.find((peer) => peer.got(open)) as RawPeer;
    far.frame(pong, (await far.next(ping)).payload);
    await eventually(() => gateway.alive.length === 0, "it is closed");
    await sweep();
    expect(east.relay.pools.of("west")).not.toBe(pool);
  });
});

describe("a connection that waits for a tunnel", () => {
  /** Two connections, each with a dial under way for it. */
  async function twoThatWait() {
    const gateway = newGateway(() => undefined);
    const { port } = await importer([gateway.port], [false]);
    const first = application(port);
    await eventually(() => gateway.alive.length === 1, "a dial for the first");
    const second = application(port);
    await eventually(() => gateway.alive.length === 2, "a dial for the second");
    const [forFirst, forSecond] = gateway.tunnels as [RawPeer, RawPeer];
    return { gateway, first, second, forFirst, forSecond };
  }

  test("gets the one dialled for it, and another one's failure is not its own", async () => {
    const { first, second, forFirst: one, forSecond: other } = await twoThatWait();
    other.hello();
    await other.next(open);
    other.about(opened, 1).data("served").about(fin, 1);
    one.terminate();
    const ends = [readAll(first), readAll(second)].map((end) => end.then(String, () => "reset"));
    const inTime = Promise.race([Promise.all(ends), Bun.sleep(1000).then(() => "one of them hangs")]);
    expect(await inTime).toEqual(["reset", "served"]);
  });

  test("is not given up for what was dialled for it before it had another one", async () => {
    const { gateway, first, second, forFirst: late, forSecond: used } = await twoThatWait();
    used.hello();
    await used.next(open);
    second.end();
    await used.next(fin);
    // What the second leaves is the first's, and refuses: another one is dialled.
    used.about(opened, 1).about(fin, 1);
    await used.next(open);
    used.send(encodeRefused({ stream: 2, code: "draining", retry: true, reason: "going away" }));
    await eventually(() => gateway.tunnels.length === 3, "another dial for the first");
    late.terminate();
    const end = readAll(first).then(String, () => "reset");
    const newest = gateway.tunnels[2] as RawPeer;
    await eventually(() => newest.handshaken, "the handshake is done");
    newest.hello();
    await newest.next(open);
    newest.about(opened, 1).data("served").about(fin, 1);
    expect(await end).toBe("served");
  });

  test("has time for the next gateway when the first does not answer", async () => {
    const west = await exporter();
    const east = newSite().addGateways("west", [await blackHole(), west.port], [false, false]);
    east.tables.site.self.deadlines = { handshake: 5000, open: 4000, dial: 500, grace: 1000 };
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    expect(await ask(port, "hello")).toBe("hello");
  });

  test("is dialled for again when certificates change before the tunnel is ready", async () => {
    const gateway = newGateway(() => undefined);
    const { east, port } = await importer([gateway.port], [false]);
    const app = application(port);
    await eventually(() => gateway.alive.length === 1, "a dial");
    east.tables.site.self.certificates = await certificatesOf("east");
    await east.publish();
    const [old] = gateway.tunnels as [RawPeer];
    old.hello();
    await eventually(() => gateway.tunnels.length === 2, "another dial");
    const renewed = gateway.tunnels[1] as RawPeer;
    await eventually(() => renewed.handshaken, "the handshake is done");
    renewed.hello();
    await renewed.next(open);
    renewed.about(opened, 1).data("served").about(fin, 1);
    expect(String(await readAll(app))).toBe("served");
    expect(old.got(open)).toBe(false);
  });

  test("is reset when the peer loses its last gateway", async () => {
    const gateway = newGateway(() => undefined);
    const { east, port } = await importer([gateway.port], [false]);
    const app = application(port);
    await eventually(() => gateway.alive.length === 1, "a dial");
    east.tables.peers["west"] = { name: "west", gateways: [], reachable: [] };
    await east.publish();
    const [peer] = gateway.tunnels as [RawPeer];
    peer.hello();
    expect(await Promise.race([ending(app), Bun.sleep(1000).then(() => "it hangs")])).toBe("ECONNRESET");
  });

  test("that goes away leaves its tunnel to others", async () => {
    const gateway = newGateway(() => undefined);
    const { east, port } = await importer([gateway.port], [false]);
    const app = application(port);
    await eventually(() => gateway.alive.length === 1, "a dial");
    app.resetAndDestroy();
    await eventually(() => east.relay.live.size === 0, "the connection is over");
    const [peer] = gateway.tunnels as [RawPeer];
    peer.hello();
    await warm(east, 1);
    expect(peer.got(open)).toBe(false);
  });
});
