/** What must get through two gateways: large transfers, slow readers, half-closes, many idle connections. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import type { Socket } from "node:net";
import { freePort } from "../free-port.ts";
import { application, digest, next, pour, readAll, service } from "../relay/sockets.ts";
import { allowAll, exported, type Gateway, imported, peer, residentMemory, until, World } from "./gateway.ts";

let world: World;
let east: Gateway;
let west: Gateway;
const echoPort = freePort();
const heldPort = freePort();
const webPort = freePort();
let accepted: Socket[] = [];
const web = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => new Response(`you asked for ${request.url}`),
});

beforeAll(async () => {
  world = await World.create();
  const echo = await service((socket) => socket.pipe(socket));
  const held = await service((socket) => accepted.push(socket));
  [east, west] = await Promise.all([world.start("east"), world.start("west")]);
  await west.apply(
    peer(east),
    exported("echo", echo),
    exported("held", held),
    exported("web", web.port ?? 0),
    allowAll,
  );
  await east.apply(
    ...[peer(west), imported("echo", echoPort, "west"), imported("held", heldPort, "west")],
    ...[imported("web", webPort, "west"), allowAll],
  );
  await until(async () => (await fetch(`http://127.0.0.1:${webPort}/`).catch(() => undefined))?.ok === true, "ready");
}, 30_000);
afterAll(async () => {
  await web.stop(true);
  await world.remove();
});

async function pair(): Promise<{ app: Socket; far: Socket }> {
  accepted = [];
  const app = application(heldPort);
  await until(() => accepted.length === 1, "the service has accepted");
  return { app, far: accepted[0] as Socket };
}

/** @returns the most memory that any process of the two gateways holds, in MiB. */
function largestProcess(): number {
  const pids = [...east.processes(), ...west.processes()].map(({ pid }) => pid);
  return Math.max(...pids.map(residentMemory)) / 2 ** 20;
}

const GiB = 2 ** 30;

describe("through two gateways", () => {
  test("HTTP requests are answered", async () => {
    const response = await fetch(`http://127.0.0.1:${webPort}/path?query`);
    expect(await response.text()).toContain("/path?query");
  });

  test("1 GiB each way has the same hash at both ends", async () => {
    for (const direction of ["up", "down"] as const) {
      const { app, far } = await pair();
      const [from, to] = direction === "up" ? [app, far] : [far, app];
      const [hash, got] = await Promise.all([pour(from, GiB), digest(to)]);
      expect(got).toEqual({ hash, size: GiB });
      app.destroy();
      far.destroy();
    }
  }, 120_000);

  test("half-closes arrive in both directions", async () => {
    const first = await pair();
    first.app.end("question");
    expect((await readAll(first.far)).toString()).toBe("question");
    first.far.end("answer");
    expect((await readAll(first.app)).toString()).toBe("answer");

    const second = await pair();
    second.far.end("greeting");
    expect((await readAll(second.app)).toString()).toBe("greeting");
    second.app.end("thanks");
    expect((await readAll(second.far)).toString()).toBe("thanks");
  });

  test("a slow reader of 1 GiB holds the writer back, and no process grows above 150 MB", async () => {
    const { app, far } = await pair();
    app.pause();
    const sent = pour(far, GiB);
    let most = 0;
    for (let i = 0; i < 10; i++) {
      await Bun.sleep(100);
      most = Math.max(most, largestProcess());
    }
    expect(far.writableLength).toBeGreaterThan(0);
    const got = digest(app);
    const watch = setInterval(() => {
      most = Math.max(most, largestProcess());
    }, 100);
    const [hash, received] = await Promise.all([sent, got]);
    clearInterval(watch);
    expect(received).toEqual({ hash, size: GiB });
    console.log(`most memory of a process: ${most.toFixed(0)} MiB`);
    expect(most).toBeLessThan(150);
    app.destroy();
    far.destroy();
  }, 120_000);

  test("5,000 idle connections are held, and each of them still works", async () => {
    const apps: Socket[] = [];
    for (let i = 0; i < 50; i++) {
      const batch = Array.from({ length: 100 }, () => application(echoPort));
      await Promise.all(batch.map((app) => once(app, "connect")));
      for (const app of batch) app.write("hello");
      await Promise.all(batch.map(next));
      apps.push(...batch);
    }
    await Bun.sleep(1000);
    const status = (await (await east.request("/status")).json()) as { connections: number };
    expect(status.connections).toBeGreaterThanOrEqual(5000);
    for (const [i, app] of apps.entries()) {
      if (i % 50 !== 0) continue;
      app.write(`still ${i}`);
      expect(await next(app)).toBe(`still ${i}`);
    }
    for (const app of apps) app.destroy();
    await until(async () => {
      const { connections } = (await (await east.request("/status")).json()) as { connections: number };
      return connections === 0;
    }, "all connections have ended");
  }, 60_000);
});
