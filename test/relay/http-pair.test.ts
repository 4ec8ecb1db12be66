/** Two of ours that speak HTTP/1.1 to each other lose nothing either: half-closes, large transfers, slow readers, resets. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { certificatesOf, Site, source } from "./fabric.ts";
import { bridge } from "./http-bridge.ts";
import { application, digest, ending, eventually, pour, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const east = new Site(await certificatesOf("east"), { region: "us" });
const west = new Site(await certificatesOf("west"), { region: "eu" });
let accepted: Socket[] = [];
const opened: Socket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await eventually(() => east.relay.live.size + west.relay.live.size === 0, "all connections have ended");
  east.records.length = west.records.length = 0;
});
const held = await service((socket) => accepted.push(socket));
const echo = await service((socket) => socket.pipe(socket));
const greeting = await service((socket) => socket.end("welcome"));
const port = bridge(east.tables.site.self.certificates, west.tables.site.self.certificates, west.port);
east.tables.peers["west"] = { name: "west", gateways: [{ host: "127.0.0.1", port }], reachable: [true] };
east.allow();
west.addExport("echo", echo).addExport("held", held).addExport("greeting", greeting).allow();
const echoPort = east.addImport("echo", [source("west", "echo")]);
const heldPort = east.addImport("held", [source("west", "held")]);
const greetingPort = east.addImport("greeting", [source("west", "greeting")]);
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

test("the two speak HTTP/1.1", async () => {
  await eventually(async () => (await west.report()).tunnels.length > 0, "they are connected");
  expect((await west.report()).peerLabels).toEqual({});
  const app = application(echoPort);
  app.end("x");
  await readAll(app);
  await eventually(() => east.records.length + west.records.length === 2, "the connection is over");
  expect(west.records[0]?.attributes).toEqual({ "peer.clusterlink.net/name": "east" });
});

describe("bytes", () => {
  test("a request and its half-close arrive, and so does the reply to it", async () => {
    const app = application(echoPort);
    app.end("hello");
    expect((await readAll(app)).toString()).toBe("hello");
  });

  test("many at once, each with its FIN at once, keep apart", async () => {
    const replies = Array.from({ length: 40 }, (_, i) => {
      const app = application(echoPort);
      app.end(`at once ${i}`);
      return readAll(app);
    });
    expect((await Promise.all(replies)).map(String)).toEqual(replies.map((_, i) => `at once ${i}`));
  });

  test("a service that speaks first is heard whole", async () => {
    for (let i = 0; i < 20; i++) {
      const app = application(greetingPort);
      expect((await readAll(app)).toString()).toBe("welcome");
      app.end();
    }
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
  }, 20_000);

  test("more than the early data may hold arrives whole", async () => {
    const app = application(echoPort);
    const [sent, got] = await Promise.all([pour(app, 3 * MiB), digest(app)]);
    expect(got).toEqual({ hash: sent, size: 3 * MiB });
  });

  test("a reader that pauses pauses the writer, and gets everything when it goes on", async () => {
    const { app, far } = await pair();
    app.pause();
    const sent = pour(far, 128 * MiB);
    // The kernel holds some MiB for each of the ten sockets on the way, never as much as that.
    expect(await Promise.race([sent, Bun.sleep(300).then(() => "held back")])).toBe("held back");
    const [hash, got] = await Promise.all([sent, digest(app)]);
    expect(got).toEqual({ hash, size: 128 * MiB });
  }, 20_000);
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
});

describe("live judgement", () => {
  test.each([
    ["the importing", east, west],
    ["the exporting", west, east],
  ])("at %s site cuts both ends", async (_name, judge, other) => {
    const { app, far } = await pair();
    const ends = [ending(app), ending(far)];
    delete judge.tables.policies["regular/default/allow-all"];
    await judge.publish();
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    await eventually(() => judge.records.length === 1 && other.records.length === 1, "both have written their lines");
    expect(judge.records).toMatchObject([{ outcome: "cut" }]);
    expect(other.records).toMatchObject([{ outcome: "reset" }]);
    expect(other.records[0]?.trace).toBe(judge.records[0]?.trace as string);
    await judge.allow().publish();
  });

  test("holds for both: what the exporting site denies is refused", async () => {
    west.allow("no-us", {
      action: "deny",
      from: [{ workloadSelector: { matchLabels: { "peer.clusterlink.net/name": "east" } } }],
      to: [{ workloadSelector: {} }],
    });
    await west.publish();
    expect(await ending(application(echoPort))).toBe("ECONNRESET");
    await eventually(() => west.records.length === 1 && east.records.length === 1, "both have written their lines");
    expect(west.records).toMatchObject([{ policy: "default/no-us", outcome: "refused", peer: "east" }]);
    expect(east.records).toMatchObject([{ outcome: "refused", tried: [{ peer: "west", result: "denied" }] }]);
    delete west.tables.policies["regular/default/no-us"];
    await west.publish();
  });
});

test("nothing is left behind on either side", async () => {
  await eventually(
    async () => (await east.report()).tunnels.every(({ state }) => state === "idle"),
    "all connections are idle",
  );
  expect(east.relay.httpStreams.size + west.relay.httpStreams.size).toBe(0);
});
