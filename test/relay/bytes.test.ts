/** No byte is lost or made up: half-closes, large transfers, slow readers, resets. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { certificatesOf, Site, source } from "./fabric.ts";
import { application, digest, ending, eventually, next, pour, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const east = new Site(await certificatesOf("east"));
const west = new Site(await certificatesOf("west"));
let accepted: Socket[] = [];
const opened: Socket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await eventually(() => east.relay.live.size + west.relay.live.size === 0, "all connections have ended");
});
const held = await service((socket) => accepted.push(socket));
const echo = await service((socket) => socket.pipe(socket));
east.addPeer(west).allow();
west.addExport("echo", echo).addExport("held", held).allow();
const echoPort = east.addImport("echo", [source("west", "echo")]);
const heldPort = east.addImport("held", [source("west", "held")]);
await west.publish();
await east.publish();

/** @returns both ends of a new connection through the two sites. */
async function pair(): Promise<{ app: Socket; far: Socket }> {
  accepted = [];
  const app = application(heldPort);
  await eventually(() => accepted.length === 1, "the service has accepted");
  opened.push(app, accepted[0] as Socket);
  return { app, far: accepted[0] as Socket };
}

const MiB = 1 << 20;

describe("bytes", () => {
  test("a request and its half-close arrive, and so does the reply to it", async () => {
    const app = application(echoPort);
    app.end("hello");
    expect((await readAll(app)).toString()).toBe("hello");
  });

  test("what the application says at once, with its FIN, arrives even before the stream is open", async () => {
    const replies = Array.from({ length: 20 }, (_, i) => {
      const app = application(echoPort);
      app.end(`at once ${i}`);
      return readAll(app);
    });
    expect((await Promise.all(replies)).map(String)).toEqual(replies.map((_, i) => `at once ${i}`));
  });

  test("the service may finish first and go on reading", async () => {
    const { app, far } = await pair();
    far.end("bye");
    expect((await readAll(app)).toString()).toBe("bye");
    app.end("still here");
    expect((await readAll(far)).toString()).toBe("still here");
  });

  test("64 MiB each way at the same time arrive with the same hash", async () => {
    const { app, far } = await pair();
    const [up, down, atFar, atApp] = await Promise.all([
      pour(app, 64 * MiB),
      pour(far, 64 * MiB + 17),
      digest(far),
      digest(app),
    ]);
    expect(atFar).toEqual({ hash: up, size: 64 * MiB });
    expect(atApp).toEqual({ hash: down, size: 64 * MiB + 17 });
  });

  test("more than the early data may hold arrives whole when the stream opens late", async () => {
    const app = application(echoPort);
    const [sent, got] = await Promise.all([pour(app, 3 * MiB), digest(app)]);
    expect(got).toEqual({ hash: sent, size: 3 * MiB });
  });

  test("a reader that pauses pauses the writer, and gets everything when it goes on", async () => {
    const { app, far } = await pair();
    app.pause();
    const sent = pour(far, 96 * MiB);
    // The kernel holds some MiB for each of the six sockets on the way, never as much as that.
    expect(await Promise.race([sent, Bun.sleep(300).then(() => "held back")])).toBe("held back");
    const [hash, got] = await Promise.all([sent, digest(app)]);
    expect(got).toEqual({ hash, size: 96 * MiB });
  });

  test("one half finished and the other paused loses nothing", async () => {
    const { app, far } = await pair();
    app.end("request");
    expect(await next(far)).toBe("request");
    app.pause();
    const sent = pour(far, 8 * MiB);
    await Bun.sleep(200);
    const [hash, got] = await Promise.all([sent, digest(app)]);
    expect(got).toEqual({ hash, size: 8 * MiB });
  });

  test("tunnels are reused, and one connection's bytes never reach another", async () => {
    const before = (await east.report()).tunnels.length;
    for (let i = 0; i < 50; i++) {
      const app = application(echoPort);
      app.end(`message ${i}`);
      expect((await readAll(app)).toString()).toBe(`message ${i}`);
    }
    expect((await east.report()).tunnels.length).toBe(before);
  });
});

describe("a reset", () => {
  test("of the application reaches the service as a reset", async () => {
    const { app, far } = await pair();
    const end = ending(far);
    app.resetAndDestroy();
    expect(await end).toBe("ECONNRESET");
  });

  test("of the service reaches the application as a reset", async () => {
    const { app, far } = await pair();
    const end = ending(app);
    far.resetAndDestroy();
    expect(await end).toBe("ECONNRESET");
  });

  test("of the application reaches a service that has stopped reading, within moments", async () => {
    const { app, far } = await pair();
    far.pause();
    const flood = setInterval(() => app.write(Buffer.alloc(MiB)), 1);
    await Bun.sleep(200);
    clearInterval(flood);
    const gone = new Promise<string>((resolve) => far.once("error", (error) => resolve(String(error))));
    app.resetAndDestroy();
    await eventually(() => west.relay.live.size === 0, "the exporting side has let go");
    far.resume();
    expect(await gone).toContain("ECONNRESET");
  });

  test("leaves the tunnel usable for the next connection", async () => {
    for (let i = 0; i < 10; i++) {
      const { app } = await pair();
      app.resetAndDestroy();
    }
    const app = application(echoPort);
    app.end("after");
    expect((await readAll(app)).toString()).toBe("after");
  });
});

test("nothing is left behind on either side", async () => {
  await eventually(
    async () => (await east.report()).tunnels.every(({ state }) => state === "idle"),
    "all tunnels are idle",
  );
});
