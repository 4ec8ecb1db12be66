/** What somebody can hold who proves nothing: a bounded number of connections, for a bounded time, and no processor. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_HANDOVERS } from "../../src/relay/api-handovers.ts";
import { MAX_UNAUTHENTICATED } from "../../src/relay/peer-port.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { Clock, certificatesOf, Site } from "./fabric.ts";
import { RawPeer } from "./raw-peer.ts";
import { startSite } from "./site-process.ts";
import { application, ending, eventually, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

/** Long enough for a slow machine: the clock is put forward where it is to be over. */
const HANDSHAKE = 60_000;

const clock = new Clock();
const certificates = { east: await certificatesOf("east"), west: await certificatesOf("west") };
const echo = await service((socket) => socket.pipe(socket));
const west = new Site(certificates.west, {}, clock).addExport("echo", echo).allow();
west.tables.site.self.deadlines.handshake = HANDSHAKE;
await west.publish();
const base = west.relay.descriptors.used;

const peer = () => RawPeer.tunnel(west.port, certificates.east);

async function isServed(): Promise<boolean> {
  const visitor = await peer();
  visitor.open(1, "echo").data("hello");
  await eventually(() => visitor.text === "hello", "a peer is served");
  visitor.terminate();
  return true;
}

async function counted(reason: string): Promise<number> {
  const { metrics } = await west.report();
  const family = metrics.find(({ name }) => name === "clusterlink_accepts_refused_total");
  return family?.values.find(({ labels }) => labels["reason"] === reason)?.value ?? 0;
}

afterEach(async () => {
  await eventually(() => west.relay.descriptors.used === base, "every descriptor is back");
});

/** A ClientHello as it goes over the wire, recorded from a client that dials a listener of ours. */
async function clientHello(): Promise<Buffer> {
  const first = Promise.withResolvers<Buffer>();
  const port = await service((socket) => socket.once("data", first.resolve));
  Bun.connect({ hostname: "127.0.0.1", port, tls: true, socket: { data: () => undefined } }).catch(() => undefined);
  return first.promise;
}

describe("a stranger that is slow is let go in time:", () => {
  /** Lets a deadline pass: first almost, then wholly. @returns whether the stranger was there until then. */
  async function waitOut(deadline: number, isGone: () => boolean): Promise<boolean> {
    await Bun.sleep(50);
    clock.advance(deadline - 1000);
    await Bun.sleep(150);
    const there = !isGone();
    clock.advance(1100);
    await eventually(isGone, "the stranger is let go");
    return there;
  }

  function stranger(...bytes: Buffer[]): () => boolean {
    const socket = application(west.port);
    let gone = false;
    ending(socket).then(() => {
      gone = true;
    });
    for (const chunk of bytes) socket.write(chunk);
    return () => gone;
  }

  test("it connects and says nothing", async () => {
    expect(await waitOut(HANDSHAKE, stranger())).toBe(true);
  });

  test("it sends half a ClientHello", async () => {
    const hello = await clientHello();
    expect(await waitOut(HANDSHAKE, stranger(hello.subarray(0, hello.length / 2)))).toBe(true);
  });

  test("it sends its ClientHello byte by byte", async () => {
    const socket = application(west.port);
    const hello = await clientHello();
    let at = 0;
    let gone = false;
    ending(socket).then(() => {
      gone = true;
    });
    const timer = setInterval(() => socket.write(hello.subarray(at, ++at)), 10);
    expect(await waitOut(HANDSHAKE, () => gone)).toBe(true);
    clearInterval(timer);
    expect(at).toBeLessThan(hello.length);
  });

  const isGone = (visitor: RawPeer) => () => visitor.ended || visitor.gone !== undefined;

  test("its handshake is done, but it says no HELLO", async () => {
    const silent = await RawPeer.dial(west.port, certificates.east);
    expect(await waitOut(HANDSHAKE, isGone(silent))).toBe(true);
    expect(silent.got(FrameType.hello)).toBe(true);
  });

  test("it sends half a HELLO", async () => {
    const silent = await RawPeer.dial(west.port, certificates.east);
    silent.send(Buffer.from([FrameType.hello, 0, 0, 100, 123]));
    expect(await waitOut(HANDSHAKE, isGone(silent))).toBe(true);
  });

  const http = { ca: certificates.west.ca, alpn: "http/1.1" };

  test("it sends half an HTTP head, and goes on byte by byte", async () => {
    const visitor = await RawPeer.dial(west.port, http);
    visitor.send(Buffer.from("GET /livez HTTP/1.1\r\nHost: w"));
    for (let seconds = 0; seconds < 6; seconds++) {
      await Bun.sleep(20);
      clock.advance(1000);
      visitor.send(Buffer.from("e"));
    }
    await visitor.closed();
    expect(visitor.raw).toBe("");
    visitor.terminate();
  });

  test("it says nothing for long, and then begins its first HTTP head", async () => {
    const visitor = await RawPeer.dial(west.port, http);
    clock.advance(3000);
    await Bun.sleep(150);
    visitor.send(Buffer.from("GET /livez HTTP/1.1\r\nHost: w"));
    await Bun.sleep(50);
    clock.advance(3000);
    await Bun.sleep(400);
    expect(isGone(visitor)()).toBe(true);
    visitor.terminate();
  });

  test("it was answered, and asks nothing more", async () => {
    const visitor = await RawPeer.dial(west.port, http);
    visitor.send(Buffer.from("GET /livez HTTP/1.1\r\nHost: west\r\n\r\n"));
    await eventually(() => visitor.raw.startsWith("HTTP/1.1 200"), "it is answered");
    expect(await waitOut(10_000, isGone(visitor))).toBe(true);
    visitor.terminate();
  });

  test("it was refused by the control API, and does not close its half", async () => {
    const folder = mkdtempSync(join(tmpdir(), "strangers-"));
    const path = join(folder, "api.sock");
    const refusal = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    const api = createServer({ allowHalfOpen: true }, (socket) => socket.once("data", () => socket.end(refusal)));
    await once(api.listen(path), "listening");
    west.tables.site.self.exposedApi = path;
    await west.publish();
    const visitor = await RawPeer.dial(west.port, http);
    visitor.send(Buffer.from("GET /apis HTTP/1.1\r\nHost: west\r\n\r\n"));
    await eventually(() => visitor.ended, "the API has ended the connection");
    expect(visitor.raw).toBe(refusal);
    expect(await waitOut(5_000, () => west.relay.descriptors.used === base)).toBe(true);
    visitor.terminate();
    delete west.tables.site.self.exposedApi;
    await west.publish();
    api.close();
    rmSync(folder, { recursive: true });
  });

  test("it does not read the answers", async () => {
    const visitor = await RawPeer.dial(west.port, http);
    visitor.socket?.pause();
    const requests = Buffer.from("GET /livez HTTP/1.1\r\nHost: west\r\n\r\n".repeat(20_000));
    for (let i = 0; i < 10; i++) visitor.send(requests);
    await Bun.sleep(100);
    expect(await isServed()).toBe(true);
    clock.advance(11_000);
    await eventually(() => west.relay.descriptors.used === base, "it is gone");
    visitor.terminate();
  });
});

describe("strangers that are many", () => {
  test("hold at most so many connections: the oldest goes for a new one, and peers are not hindered", async () => {
    const witness = await peer();
    witness.open(1, "echo");
    await witness.next(FrameType.opened);
    const before = await counted("unauthenticated");
    const strangers = Array.from({ length: MAX_UNAUTHENTICATED }, () => application(west.port));
    await eventually(() => west.relay.descriptors.used >= base + MAX_UNAUTHENTICATED, "all places are taken");
    const turnedAway = Promise.race(strangers.map(ending));
    expect(await isServed()).toBe(true);
    expect(await turnedAway).toBe("ECONNRESET");
    expect(await counted("unauthenticated")).toBeGreaterThan(before);
    expect(west.relay.descriptors.used).toBeLessThanOrEqual(base + MAX_UNAUTHENTICATED + 3);
    witness.data("still there");
    await eventually(() => witness.text === "still there", "the peer is served");
    for (const socket of strangers) socket.destroy();
    await eventually(() => west.relay.descriptors.used <= base + 3, "the places are free");
    expect(await isServed()).toBe(true);
    witness.terminate();
  });

  test("hold no more by not closing what was closed to them", async () => {
    const http = { ca: certificates.west.ca, alpn: "http/1.1" };
    const visitors: RawPeer[] = [];
    const before = await counted("unauthenticated");
    for (let round = 0; round < 6; round++) {
      const more = await Promise.allSettled(Array.from({ length: 60 }, () => RawPeer.dial(west.port, http)));
      for (const result of more) {
        if (result.status === "rejected") continue;
        visitors.push(result.value.send(Buffer.from("GET /nothing HTTP/1.1\r\nHost: west\r\n\r\n")));
      }
    }
    await eventually(() => visitors.every(({ ended, gone }) => ended || gone !== undefined), "all are closed to them");
    expect(west.relay.descriptors.used).toBeLessThanOrEqual(base + MAX_UNAUTHENTICATED);
    expect(await counted("unauthenticated")).toBeGreaterThan(before);
    for (const visitor of visitors) visitor.terminate();
  });
});

describe("the exposed API", () => {
  const folder = mkdtempSync(join(tmpdir(), "strangers-"));
  const http = { ca: certificates.west.ca, alpn: "http/1.1" };

  async function expose(exposedApi: string | undefined): Promise<void> {
    if (exposedApi === undefined) delete west.tables.site.self.exposedApi;
    else west.tables.site.self.exposedApi = exposedApi;
    await west.publish();
  }

  afterEach(() => expose(undefined));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("is asked by a bounded number at a time, who keep no peer out", async () => {
    const path = join(folder, "silent.sock");
    const asked: Socket[] = [];
    const api = createServer((socket) => asked.push(socket));
    await once(api.listen(path), "listening");
    await expose(path);
    const visitors: RawPeer[] = [];
    for (let i = 0; i < MAX_HANDOVERS + 20; i++) {
      visitors.push(
        (await RawPeer.dial(west.port, http)).send(Buffer.from("GET /apis HTTP/1.1\r\nHost: west\r\n\r\n")),
      );
    }
    const refused = () => visitors.filter(({ raw }) => raw.startsWith("HTTP/1.1 503")).length;
    await eventually(() => refused() === 20, "who comes too late is refused");
    expect(asked.length).toBe(MAX_HANDOVERS);
    const others = MAX_UNAUTHENTICATED - MAX_HANDOVERS;
    const strangers = Array.from({ length: others }, () => application(west.port));
    const taken = base + 2 * MAX_HANDOVERS + others;
    await eventually(() => west.relay.descriptors.used >= taken, "all other places are taken");
    expect(await isServed()).toBe(true);

    // Who has its last answer and stays makes room for the next.
    asked[0]?.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    await eventually(() => visitors[0]?.ended === true, "the first is answered");
    visitors.push((await RawPeer.dial(west.port, http)).send(Buffer.from("GET /apis HTTP/1.1\r\nHost: west\r\n\r\n")));
    await eventually(() => asked.length === MAX_HANDOVERS + 1, "the next has its place");
    for (const socket of strangers) socket.destroy();
    for (const visitor of visitors) visitor.terminate();
    api.close();
  }, 20_000);

  test("that is not there is said so, and whoever asked counts until it leaves", async () => {
    await expose(join(folder, "nowhere.sock"));
    const ask = async () =>
      (await RawPeer.dial(west.port, http)).send(Buffer.from("GET /apis HTTP/1.1\r\nHost: west\r\n\r\n"));
    const [stays, leaves] = [await ask(), await ask()];
    await eventually(() => stays.ended && leaves.ended, "both are answered");
    expect(stays.raw).toStartWith("HTTP/1.1 503");
    expect(west.relay.handovers.size).toBe(2);
    leaves.end();
    await eventually(() => west.relay.handovers.size === 1, "one has left");
    await Bun.sleep(150);
    clock.advance(5_000);
    await eventually(() => west.relay.handovers.size === 0, "the other is let go");
    stays.terminate();
  });

  test("answers who has finished speaking, and is done with whoever has its answer", async () => {
    const path = join(folder, "late.sock");
    const api = Bun.serve({ unix: path, fetch: () => Bun.sleep(100).then(() => new Response("late")) });
    await expose(path);
    const visitor = await RawPeer.dial(west.port, http);
    visitor.send(Buffer.from("GET /apis HTTP/1.1\r\nHost: west\r\nConnection: close\r\n\r\n")).end();
    await eventually(() => visitor.ended || visitor.gone !== undefined, "it is answered");
    expect(visitor.raw).toEndWith("late");
    await eventually(() => west.relay.descriptors.used === base, "nothing is left");
    await api.stop(true);
  });
});

describe("more connections than there are descriptors", () => {
  /** Processor time of a process so far, in ticks of 10 ms. */
  function ticks(pid: number): number {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  }

  async function ask(port: number, text: string): Promise<string> {
    const app = application(port);
    app.end(text);
    return readAll(app).then(String, () => "reset");
  }

  test.each([
    // So many that more are accepted than can be dialled for at a time.
    ["import port", 1024],
    ["peer port", 256],
  ])(
    "at the %s: no spinning, those that are there go on, the rest is turned away and counted",
    async (where, limit) => {
      const site = await startSite({ certificates: certificates.east, peers: { west: [west.port] } }, { limit });
      const port = where === "import port" ? site.importPort : site.peerPort;
      const held = application(site.importPort);
      const echoed = () =>
        new Promise<string>((resolve) => held.once("data", (chunk: Buffer) => resolve(String(chunk))));
      held.write("hello");
      expect(await echoed()).toBe("hello");

      let gone = 0;
      const flood: Socket[] = Array.from({ length: 2 * limit }, () =>
        application(port).on("close", () => {
          gone += 1;
        }),
      );
      await eventually(() => gone > limit / 2, "many were turned away");
      // Who was let in has a tunnel each: their handshakes take as long as the machine needs. Spinning would not end.
      const quiet = async () => {
        const before = ticks(site.pid);
        await Bun.sleep(500);
        return ticks(site.pid) - before < 10;
      };
      let waited = 0;
      while (!(await quiet())) expect(++waited).toBeLessThan(20);

      held.write("still there");
      expect(await echoed()).toBe("still there");
      const { metrics, descriptors } = await site.report();
      const refused = metrics.find(({ name }) => name === "clusterlink_accepts_refused_total");
      expect(refused?.values.find(({ labels }) => labels["reason"] === "descriptors")?.value).toBeGreaterThan(0);
      expect(descriptors).toBeLessThan(limit * 0.95);

      for (const socket of flood) socket.destroy();
      await eventually(async () => (await site.report()).connections.length === 1, "the flood is over");
      expect(await ask(site.importPort, "new")).toBe("new");
      held.destroy();
      site.stop();
    },
    30_000,
  );
});
