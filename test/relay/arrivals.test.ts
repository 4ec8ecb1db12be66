/** A pod's first connection may come before anybody has told who the pod is: it waits, a while, instead of being denied. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { Clock, certificatesOf, Site, source } from "./fabric.ts";
import { RawGateway } from "./raw-peer.ts";
import { application, ending, eventually, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const fromApps: AccessPolicySpec = {
  action: "allow",
  from: [{ workloadSelector: { matchLabels: { "client.clusterlink.net/namespace": "apps" } } }],
  to: [{ workloadSelector: {} }],
};

const east = new Site(await certificatesOf("east"));
const west = new Site(await certificatesOf("west"));
const echo = await service((socket) => socket.pipe(socket));
east.addPeer(west).allow("apps", fromApps);
east.tables.site.self.identityWait = 400;
west.addExport("echo", echo).allow();
const port = east.addImport("echo", [source("west", "echo")]);
await west.publish();
await east.publish();

afterEach(async () => {
  east.tables.clients = {};
  await east.publish();
});

function learn(): Promise<void> {
  east.tables.clients["127.0.0.1/32"] = { namespace: "apps", labels: {} };
  return east.publish();
}

describe("a connection of a client that nobody knows", () => {
  test("begins when the client becomes known, with everything it has said meanwhile", async () => {
    const app = application(port);
    app.end("said early");
    await Bun.sleep(100);
    expect(east.records).toHaveLength(0);
    await learn();
    expect((await readAll(app)).toString()).toBe("said early");
    await eventually(() => east.records.length === 1, "it is in the access log");
    expect(east.records.pop()?.attributes["client.clusterlink.net/namespace"]).toBe("apps");
  });

  test("is judged as unidentified when the wait is over", async () => {
    expect(await ending(application(port))).toBe("ECONNRESET");
    expect(east.records.pop()).toMatchObject({ outcome: "refused", policy: "default-deny" });
  });

  test("may give up while it waits", async () => {
    const app = application(port);
    await Bun.sleep(50);
    app.resetAndDestroy();
    await Bun.sleep(50);
    await learn();
    await eventually(() => east.relay.descriptors.used === west.relay.descriptors.used, "only the tunnels are left");
    expect(east.records).toHaveLength(0);
  });

  test("is not read further than any other until its stream is open", async () => {
    const silent = new RawGateway(await certificatesOf("west"));
    east.addGateways("west", [silent.port]);
    await east.publish();
    const app = application(port);
    await once(app, "connect");
    await Bun.sleep(50);
    for (let i = 0; i < 64; i++) app.write(Buffer.alloc(1 << 20));
    await Bun.sleep(100);
    await learn();
    await eventually(() => silent.tunnels.some((peer) => peer.got(FrameType.open)), "OPEN has come");
    await Bun.sleep(200);
    expect((await east.report()).connections[0]?.bytesIn).toBeLessThan(4 << 20);
    app.resetAndDestroy();
    east.addPeer(west);
    await eventually(() => east.relay.live.size === 0, "it is over");
    east.records.length = 0;
  });

  test("does not wait when no policy in force asks who the client is", async () => {
    east.allow("everybody");
    east.tables.policies = Object.fromEntries(
      Object.entries(east.tables.policies).filter(([key]) => !key.includes("apps")),
    );
    await east.publish();
    const started = performance.now();
    const app = application(port);
    app.end("now");
    expect((await readAll(app)).toString()).toBe("now");
    expect(performance.now() - started).toBeLessThan(300);
  });
});

describe("a relay that drains while a client is unknown", () => {
  /** @returns a site of its own, its Import's port, and an application that has connected to it. */
  async function leaving() {
    const south = new Site(await certificatesOf("south")).addPeer(west).allow("apps", fromApps);
    south.tables.site.self.identityWait = 400;
    const port = south.addImport("echo", [source("west", "echo")]);
    await south.publish();
    const app = application(port);
    await once(app, "connect");
    await eventually(() => south.relay.descriptors.used === 3, "two tunnels are warm, and it has been accepted");
    return { south, app };
  }

  test("waits for it, serves it once it is known, and ends with it", async () => {
    const { south, app } = await leaving();
    const done = south.drain(0, 10_000);
    await Bun.sleep(100);
    south.tables.clients["127.0.0.1/32"] = { namespace: "apps", labels: {} };
    await south.publish();
    app.write("accepted before");
    expect(String((await once(app, "data"))[0])).toBe("accepted before");
    app.end();
    expect(await done).toBe(0);
    expect(south.records).toMatchObject([{ outcome: "closed" }]);
  });

  test("resets it when the grace period is over", async () => {
    const { south, app } = await leaving();
    const end = ending(app);
    expect(await south.drain(0, 100)).toBe(0);
    expect(await Promise.race([end, Bun.sleep(100).then(() => "left alone")])).toBe("ECONNRESET");
  });
});

describe("what is known of clients when control is gone", () => {
  test("counts until it is too old, and again as soon as another control has told it", async () => {
    const clock = new Clock();
    const site = new Site(await certificatesOf("east"), {}, clock).addPeer(west).allow("apps", fromApps);
    Object.assign(site.tables.site.self, { identityMaxAge: 60_000 });
    site.tables.clients["127.0.0.1/32"] = { namespace: "apps", labels: {} };
    const entry = site.addImport("echo", [source("west", "echo")]);
    await site.publish();
    const asked = async () => {
      const app = application(entry);
      app.end("hello");
      return readAll(app).then(String, () => "reset");
    };
    expect(await asked()).toBe("hello");
    clock.advance(120_000);
    await Bun.sleep(300);
    expect(await asked()).toBe("hello");

    site.relay.loseControl();
    clock.advance(40_000);
    await Bun.sleep(300);
    expect(await asked()).toBe("hello");
    site.relay.loseControl();
    clock.advance(20_000);
    await Bun.sleep(300);
    expect(await asked()).toBe("reset");
    expect(site.records.at(-1)).toMatchObject({ outcome: "refused", policy: "default-deny" });

    await site.republish();
    expect(await asked()).toBe("hello");
  });
});
