/** What a kill does: connections go on where they can, nothing is left behind, nothing acknowledged is lost. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import type { Socket } from "node:net";
import { freePort } from "../free-port.ts";
import { application, ending, next, service } from "../relay/sockets.ts";
import {
  allowAll,
  clusterlink,
  exported,
  type Gateway,
  imported,
  isAlive,
  peer,
  signal,
  until,
  World,
} from "./gateway.ts";

let world: World;
let east: Gateway;
let west: Gateway;
const importPort = freePort();

beforeAll(async () => {
  world = await World.create();
  const echo = await service((socket) => socket.pipe(socket));
  [east, west] = await Promise.all([world.start("east"), world.start("west")]);
  await west.apply(peer(east), exported("echo", echo), allowAll);
  await east.apply(peer(west), imported("echo", importPort, "west"), allowAll);
  await answers();
}, 30_000);
afterAll(() => world.remove());

async function answers(port = importPort): Promise<void> {
  await until(async () => {
    const app = application(port);
    const gone = ending(app);
    app.write("?");
    const reply = await Promise.race([once(app, "data").then(String), gone]);
    app.destroy();
    return reply === "?";
  }, `port ${port} answers`);
}

async function open(): Promise<Socket> {
  const app = application(importPort);
  app.write("hello");
  expect(await next(app)).toBe("hello");
  return app;
}

async function stillEchoes(app: Socket): Promise<void> {
  const text = crypto.randomUUID();
  app.write(text);
  expect(await next(app)).toBe(text);
}

describe("ps tells who is who", () => {
  test("a supervisor, a control and two relays", () => {
    expect(
      east
        .processes()
        .map(({ role }) => role)
        .sort(),
    ).toEqual(["control", "gateway", "relay 0", "relay 1"]);
  });
});

describe("kill -9 of control", () => {
  test("leaves old and new connections alone, and the next control applies what changed meanwhile", async () => {
    const app = await open();
    const before = east.pid("control");
    signal(before, "SIGKILL");
    await stillEchoes(app);
    await answers();
    await until(() => !isAlive(before) && east.processes().some(({ role }) => role === "control"), "a new control");
    await east.ready();
    const port = freePort();
    await east.apply(imported("again", port, "west", "echo"));
    await answers(port);
    await stillEchoes(app);
    app.destroy();
  }, 20_000);

  test("cuts no connection when control comes back, again and again", async () => {
    const app = await open();
    const end = ending(app);
    for (let i = 0; i < 3; i++) {
      const before = west.pid("control");
      signal(before, "SIGKILL");
      await until(
        () => west.processes().some(({ pid, role }) => role === "control" && pid !== before),
        "a new control",
      );
      await west.ready();
    }
    await stillEchoes(app);
    app.end();
    expect(await end).toBe("end");
  }, 20_000);
});

describe("kill -9 of a relay", () => {
  test("ends its connections, leaves the other's alone, and it is replaced", async () => {
    const apps = await Promise.all(Array.from({ length: 16 }, open));
    const ends = apps.map((app) => Promise.race([ending(app), Bun.sleep(300).then(() => "alive")]));
    const before = east.pid("relay 0");
    signal(before, "SIGKILL");
    const outcome = await Promise.all(ends);
    expect(outcome.filter((end) => end === "alive").length).toBeGreaterThan(0);
    expect(outcome.filter((end) => end !== "alive").length).toBeGreaterThan(0);
    for (const [i, app] of apps.entries()) if (outcome[i] === "alive") await stillEchoes(app);
    await until(() => east.processes().some(({ pid, role }) => role === "relay 0" && pid !== before), "a new relay 0");
    for (let i = 0; i < 20; i++) await answers();
    for (const app of apps) app.destroy();
  }, 20_000);

  test("on the exporting side is a reset for the application, never an end", async () => {
    const apps = await Promise.all(Array.from({ length: 16 }, open));
    const ends = apps.map((app) => Promise.race([ending(app), Bun.sleep(300).then(() => "alive")]));
    for (const role of ["relay 0", "relay 1"]) signal(west.pid(role), "SIGKILL");
    expect(await Promise.all(ends)).toEqual(apps.map(() => "ECONNRESET"));
    await answers();
  }, 20_000);
});

describe("kill -9 of the supervisor", () => {
  test("leaves no process behind, and the gateway starts again on the same state and ports", async () => {
    const group = east.processes();
    signal(east.child.pid, "SIGKILL");
    await until(() => group.every(({ pid }) => !isAlive(pid)), "all processes are gone");
    await east.start();
    await answers();
  }, 20_000);
});

describe("kill -9 of everything", () => {
  test("right after apply has answered loses no object", async () => {
    for (let i = 0; i < 3; i++) {
      await east.apply(exported(`kept-${i}`, 80));
      await east.kill();
      await east.start();
      const response = await east.request(`/apis/clusterlink.net/v1alpha1/namespaces/default/exports/kept-${i}`);
      expect(response.status).toBe(200);
    }
    await answers();
  }, 30_000);
});

describe("a second gateway on the same state folder", () => {
  test("exits with 2 and says why", async () => {
    const args = ["gateway", "--pki", "fabric/east", "--state", east.state, "--listen", `127.0.0.1:${freePort()}`];
    await expect(clusterlink(world.folder, ...args)).rejects.toThrow(/exited with 2: .*state/s);
  });
});

describe("SIGTERM", () => {
  test("lets live connections end, takes no new ones, and exits with 0 when the last is done", async () => {
    const app = await open();
    east.child.kill("SIGTERM");
    await until(async () => {
      const probe = application(importPort);
      const refused = (await Promise.race([once(probe, "connect").then(() => "open"), ending(probe)])) !== "open";
      probe.destroy();
      return refused;
    }, "new connections are refused");
    await stillEchoes(app);
    const end = ending(app);
    app.end();
    expect(await end).toBe("end");
    expect(await east.child.exited).toBe(0);
    await east.start();
    await answers();
  }, 20_000);

  test("resets what is left when the grace period is over", async () => {
    const app = await open();
    const end = ending(app);
    const started = performance.now();
    expect(await east.stop()).toBe(0);
    expect(await end).toBe("ECONNRESET");
    expect(performance.now() - started).toBeGreaterThan(1900);
    await east.start();
  }, 20_000);
});
