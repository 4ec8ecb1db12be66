/** A gateway that goes away: told first, missed by nobody, and no longer than it must. */
import { afterAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { FrameType } from "../../src/wire/frames.ts";
import { decodeRefused } from "../../src/wire/messages.ts";
import { certificatesOf, Site, source } from "./fabric.ts";
import { RawPeer } from "./raw-peer.ts";
import { application, digest, ending, eventually, next, pour, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

let accepted: Socket[] = [];
const held = await service((socket) => accepted.push(socket));
const echo = await service((socket) => socket.pipe(socket));
const [eastern, western] = [await certificatesOf("east"), await certificatesOf("west")];

interface Pair {
  east: Site;
  west: Site;
  ports: { echo: number; held: number };
}

/** @returns two sites whose tunnels are warm. */
async function pairOfSites(gateways = 1): Promise<Pair & { wests: Site[] }> {
  const east = new Site(eastern);
  const wests = Array.from({ length: gateways }, () => new Site(western));
  for (const west of wests) await west.addExport("echo", echo).addExport("held", held).allow().publish();
  east.tables.peers["west"] = {
    name: "west",
    gateways: wests.map(({ port }) => ({ host: "127.0.0.1", port })),
    reachable: wests.map(() => true),
  };
  const sources = (name: string) => [source("west", name)];
  const ports = { echo: east.addImport("echo", sources("echo")), held: east.addImport("held", sources("held")) };
  await east.allow().publish();
  await eventually(async () => (await idle(east)) === 2 * gateways, "the tunnels are warm");
  return { east, west: wests[0] as Site, wests, ports };
}

async function idle(site: Site): Promise<number> {
  return (await site.report()).tunnels.filter(({ state }) => state === "idle").length;
}

/** @returns both ends of a new connection to the service that is held. */
async function connection(port: number): Promise<{ app: Socket; far: Socket }> {
  accepted = [];
  const app = application(port);
  await eventually(() => accepted.length === 1, "the service has accepted");
  return { app, far: accepted[0] as Socket };
}

async function ask(port: number, text: string): Promise<string> {
  const app = application(port);
  app.end(text);
  return String(await readAll(app));
}

const never = <T>(promise: Promise<T>, ms: number) => Promise.race([promise, Bun.sleep(ms).then(() => "not yet")]);

describe("a relay that is told to end", () => {
  test("ends at once with 0 when nothing is live, however many tunnels are idle", async () => {
    const { west, east } = await pairOfSites();
    const start = performance.now();
    expect(await west.drain(0, 10_000)).toBe(0);
    expect(performance.now() - start).toBeLessThan(900);
    await eventually(async () => (await idle(east)) === 0, "the other side has let go");
  });

  test("ends within moments even when a peer does not let go of its idle tunnel", async () => {
    const { west } = await pairOfSites();
    await RawPeer.tunnel(west.port, eastern);
    expect(await never(west.drain(0, 10_000), 1900)).toBe(0);
  });

  test("lets live connections go on, takes no new ones, and ends with the last", async () => {
    const { west, east, ports } = await pairOfSites();
    const { app, far } = await connection(ports.held);
    const done = west.drain(0, 10_000);
    expect(await never(done, 100)).toBe("not yet");
    far.write("still");
    expect(await next(app)).toBe("still");
    expect(await ending(application(west.port))).toBe("ECONNREFUSED");
    const refused = application(ports.echo);
    refused.end("hello");
    expect(await ending(refused)).toBe("ECONNRESET");
    app.end("bye");
    expect(await next(far)).toBe("bye");
    far.end();
    expect(await done).toBe(0);
    await eventually(() => east.relay.live.size === 0, "nothing is left on the other side");
  });

  test("the importing side does the same for its own connections", async () => {
    const { east, ports } = await pairOfSites();
    const { app, far } = await connection(ports.held);
    const done = east.drain(0, 10_000);
    await Bun.sleep(20);
    expect(await ending(application(ports.held))).toBe("ECONNREFUSED");
    app.end("bye");
    expect(await next(far)).toBe("bye");
    far.end("good bye");
    expect(await next(app)).toBe("good bye");
    expect(await done).toBe(0);
  });

  test("resets at both ends what is still there when the grace period is over", async () => {
    const { west, ports } = await pairOfSites();
    const { app, far } = await connection(ports.held);
    const ends = Promise.all([ending(app), ending(far)]);
    const done = west.drain(0, 200);
    expect(await never(done, 100)).toBe("not yet");
    expect(await ends).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(await done).toBe(0);
    expect(west.records.at(-1)).toMatchObject({ outcome: "cut" });
  });

  test("a second order may shorten the grace period", async () => {
    const { west, ports } = await pairOfSites();
    const { app } = await connection(ports.held);
    const end = ending(app);
    const done = west.drain(0, 60_000);
    await Bun.sleep(20);
    void west.drain(0, 0);
    expect(await never(done, 500)).toBe(0);
    expect(await end).toBe("ECONNRESET");
  });

  test("loses nothing of what a slow reader has not taken yet, although both ends have finished", async () => {
    const { west, ports } = await pairOfSites();
    const { app, far } = await connection(ports.held);
    app.pause();
    app.end("request");
    expect(await next(far)).toBe("request");
    const sent = pour(far, 96 << 20);
    await Bun.sleep(100);
    const done = west.drain(0, 10_000);
    await Bun.sleep(50);
    const got = await digest(app);
    expect(got).toEqual({ hash: await sent, size: 96 << 20 });
    expect(await done).toBe(0);
  });

  test("waits until FIN is on its way, when data before it fills the tunnel", async () => {
    const { west } = await pairOfSites();
    const peer = await RawPeer.tunnel(west.port, eastern);
    accepted = [];
    peer.open(1, "held");
    await eventually(() => accepted.length === 1, "the service has accepted");
    peer.socket?.pause();
    const flood = setInterval(() => accepted[0]?.write(Buffer.alloc(1 << 20)), 1);
    await Bun.sleep(100);
    clearInterval(flood);
    peer.about(FrameType.reset, 1, 0).open(2, "held").data("request").about(FrameType.fin, 2);
    await eventually(() => accepted.length === 2, "the service has accepted again");
    accepted[1]?.end();
    await eventually(() => west.records.length === 1, "the first stream is over");
    await Bun.sleep(50);
    const done = west.drain(0, 10_000);
    expect(await never(done, 100)).toBe("not yet");
    peer.socket?.resume();
    expect((await peer.next(FrameType.fin)).payload.readUInt32BE()).toBe(2);
    peer.end();
    expect(await done).toBe(0);
    expect(west.records.at(-1)).toMatchObject({ outcome: "closed" });
  });
});

describe("the drain delay", () => {
  test("still accepts, is not ready, and a change meanwhile does not make it ready again", async () => {
    const { west, ports } = await pairOfSites();
    expect(west.relay.ready).toBe(true);
    const done = west.drain(300, 1000);
    await Bun.sleep(10);
    expect(west.relay.ready).toBe(false);
    expect(await ask(ports.echo, "new")).toBe("new");
    west.addExport("another", echo);
    await west.publish();
    expect(west.relay.ready).toBe(false);
    const visitor = await RawPeer.tunnel(west.port, eastern);
    visitor.open(1, "echo").data("newer");
    await eventually(() => visitor.text === "newer", "a new tunnel is served");
    visitor.terminate();
    expect(await never(done, 50)).toBe("not yet");
    expect(await done).toBe(0);
  });
});

describe("peers of a gateway that drains", () => {
  test("are told by DRAIN, and an OPEN that crossed it is refused as draining", async () => {
    const { west } = await pairOfSites();
    const peer = await RawPeer.tunnel(west.port, eastern);
    const done = west.drain(0, 5000);
    await peer.next(FrameType.drain);
    peer.open(1, "echo").data("early");
    const refused = decodeRefused((await peer.next(FrameType.refused)).payload);
    expect(refused).toMatchObject({ stream: 1, code: "draining", retry: true });
    peer.end();
    expect(await done).toBe(0);
  });

  test("use the other gateway without a failed connection", async () => {
    const { wests, ports, east } = await pairOfSites(2);
    const [first, second] = wests as [Site, Site];
    let stop = false;
    let count = 0;
    const client = async () => {
      while (!stop) {
        const text = `message ${count++}`;
        expect(await ask(ports.echo, text)).toBe(text);
      }
    };
    const clients = Promise.all([client(), client(), client(), client()]);
    await eventually(() => first.records.length > 20 && second.records.length > 20, "both gateways are used");
    expect(await first.drain(0, 5000)).toBe(0);
    const before = count;
    await eventually(() => count > before + 50, "connections go on");
    stop = true;
    await clients;
    await eventually(() => east.relay.live.size === 0, "all are over");
    expect(east.records.filter(({ outcome }) => outcome !== "closed")).toEqual([]);
  });
});
