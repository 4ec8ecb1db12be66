/** What a live connection rests on may change: it is judged again at once, and goes on only if it still may. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { ExportEntry, ImportEntry } from "../../src/snapshot/tables.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { freePort } from "../free-port.ts";
import { blackHole } from "./black-hole.ts";
import { certificatesOf, fabric, Site, source } from "./fabric.ts";
import { RawGateway, RawPeer } from "./raw-peer.ts";
import { application, ending, eventually, next, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

// Loaded after ./fabric.ts has loaded the metadata library, which it needs.
const { issueFabric } = await import("../../src/pki/issue.ts");

const certificates = { east: await certificatesOf("east"), west: await certificatesOf("west") };
let accepted: Socket[] = [];
const held = await service((socket) => accepted.push(socket));
const deaf = await blackHole();
const echo = await service((socket) => socket.pipe(socket));

let east: Site;
let west: Site;
let port: number;
let app: Socket;
let far: Socket;
let ends: Promise<string[]>;

const only = (matchLabels: Record<string, string>, to: Record<string, string> = {}): AccessPolicySpec => ({
  action: "allow",
  from: [{ workloadSelector: { matchLabels } }],
  to: [{ workloadSelector: { matchLabels: to } }],
});
const denied: AccessPolicySpec = { ...only({}), action: "deny" };

/** Two sites, warm, with one live connection between them whose bytes pass. */
async function connect(own = certificates): Promise<void> {
  accepted = [];
  east = new Site(own.east);
  west = new Site(own.west, { region: "eu" });
  west.addExport("held", held).addExport("echo", echo).allow();
  await west.publish();
  east.addPeer(west).allow();
  east.tables.clients["127.0.0.1/32"] = { namespace: "shop", labels: { role: "web" } };
  port = east.addImport("held", [source("west", "held")]);
  await east.publish();
  await eventually(async () => (await idle(east)) === 2, "the tunnels are warm");
  app = application(port);
  await eventually(() => accepted.length === 1, "the service has accepted");
  far = accepted[0] as Socket;
  app.write("hello");
  expect(await next(far)).toBe("hello");
}

beforeEach(() => connect());

afterEach(async () => {
  app.destroy();
  for (const socket of accepted) socket.destroy();
  await Promise.all([east.drain(0, 0), west.drain(0, 0)]);
});

async function idle(site: Site): Promise<number> {
  return (await site.report()).tunnels.filter(({ state }) => state === "idle").length;
}

/** Applies a change and says what became of the connection at both ends. */
async function after(change: () => Promise<unknown>): Promise<"cut" | "kept"> {
  ends = Promise.all([ending(app), ending(far)]);
  await change();
  const cut = await Promise.race([ends, Bun.sleep(50)]);
  if (cut === undefined) {
    far.removeAllListeners("data");
    app.write("still there");
    expect(await next(far)).toBe("still there");
    far.write("so am I");
    expect(await next(app)).toBe("so am I");
    return "kept";
  }
  expect(cut).toEqual(["ECONNRESET", "ECONNRESET"]);
  await eventually(() => east.relay.live.size + west.relay.live.size === 0, "nothing is left");
  return "cut";
}

/** Both sites take over what has been changed. */
const publish = () => Promise.all([east.publish(), west.publish()]);

function empty(table: Record<string, unknown>): void {
  for (const key of Object.keys(table)) delete table[key];
}

/** `Object.assign`, with its types checked. */
function change<T extends object>(target: T, values: Partial<T>): T {
  return Object.assign(target, values);
}

function elsewhere(): { address: string; port: number } {
  return { address: "127.0.0.1", port: freePort() };
}

const importEntry = () => east.tables.imports["default/held"] as ImportEntry;
const exportEntry = () => west.tables.exports["default/held"] as ExportEntry;

describe("a connection is cut at both ends when", () => {
  const changes: [string, () => unknown][] = [
    ["the policy that allowed it is deleted at the client's site", () => empty(east.tables.policies)],
    ["the policy that allowed it is deleted at the service's site", () => empty(west.tables.policies)],
    ["a deny is added at the client's site", () => east.allow("no", denied)],
    ["a deny is added at the service's site", () => west.allow("no", denied)],
    ["the policy allows others only", () => west.allow("allow-all", only({ "peer.clusterlink.net/name": "south" }))],
    ["its Import is deleted", () => empty(east.tables.imports)],
    ["its Export is deleted", () => empty(west.tables.exports)],
    ["its Peer is deleted", () => empty(east.tables.peers)],
    ["its source is removed from the Import", () => change(importEntry(), { sources: [source("west", "echo")] })],
  ];
  test.each(changes)("%s", async (_name, make) => {
    make();
    expect(await after(publish)).toBe("cut");
  });

  test("labels of the Import make policy decide otherwise", async () => {
    importEntry().labels = { tier: "free" };
    await east.allow("allow-all", only({}, { "export.clusterlink.net/labels.tier": "free" })).publish();
    change(importEntry(), { labels: { tier: "paid" } });
    expect(await after(publish)).toBe("cut");
  });

  test("labels of the Export make policy decide otherwise", async () => {
    exportEntry().labels = { tier: "free" };
    await west.allow("allow-all", only({}, { "export.clusterlink.net/labels.tier": "free" })).publish();
    change(exportEntry(), { labels: { tier: "paid" } });
    expect(await after(publish)).toBe("cut");
  });

  test("the peer tells other labels of itself, and policy decides otherwise", async () => {
    await east.allow("allow-all", only({}, { "peer.clusterlink.net/labels.region": "eu" })).publish();
    // Labels are judged by once a sweep.
    await Bun.sleep(300);
    expect(
      await after(async () => {
        const peer = await RawPeer.dial(east.port, certificates.west);
        peer.hello({ labels: { region: "us" } });
      }),
    ).toBe("cut");
  });

  test("nobody reads, on either side, in either direction", async () => {
    app.pause();
    far.pause();
    const flood = setInterval(() => {
      app.write(Buffer.alloc(1 << 20));
      far.write(Buffer.alloc(1 << 20));
    }, 1);
    await Bun.sleep(150);
    clearInterval(flood);
    const gone = Promise.all([app, far].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    empty(west.tables.policies);
    await west.publish();
    await eventually(() => east.relay.live.size + west.relay.live.size === 0, "both sites have let go");
    app.resume();
    far.resume();
    await gone;
  });

  test("it is still waiting for a tunnel", async () => {
    const gateway = new RawGateway(certificates.west, () => undefined);
    east.addGateways("west", [gateway.port]);
    await east.publish();
    const waiting = application(port);
    const end = ending(waiting);
    await eventually(() => east.relay.live.size === 2, "it waits");
    empty(east.tables.policies);
    await east.publish();
    expect(await end).toBe("ECONNRESET");
    expect(east.records.at(-1)).toMatchObject({ outcome: "cut" });
    gateway.stop();
  });

  test("it is still waiting for the answer", async () => {
    const gateway = new RawGateway(certificates.west);
    east.addGateways("west", [gateway.port]);
    await east.publish();
    const waiting = application(port);
    const end = ending(waiting);
    await eventually(() => gateway.tunnels.some((peer) => peer.got(FrameType.open)), "OPEN has come");
    const asked = gateway.tunnels.find((peer) => peer.got(FrameType.open)) as RawPeer;
    empty(east.tables.policies);
    await east.publish();
    expect(await end).toBe("ECONNRESET");
    await asked.closed();
    gateway.stop();
  });

  test("its service is still being reached", async () => {
    west.addExport("deaf", deaf);
    await west.publish();
    const peer = await RawPeer.tunnel(west.port, certificates.east);
    peer.open(1, "deaf");
    await eventually(() => west.relay.live.size === 2, "it is being dialled");
    empty(west.tables.policies);
    await west.publish();
    await peer.closed();
    expect(west.relay.live.size).toBe(0);
  });
});

describe("a connection is kept when", () => {
  const more = [source("west", "held"), source("south", "held")];
  const changes: [string, () => unknown][] = [
    ["nothing changes", () => undefined],
    ["another policy allows it too", () => east.allow("more")],
    ["another policy allows it instead", () => change(east.tables, { policies: {} }) && east.allow("other")],
    ["the Import listens on another port", () => change(importEntry(), { listen: elsewhere() })],
    ["the Import has no port any more", () => delete importEntry().listen],
    ["the Import's scheme changes", () => change(importEntry(), { lbScheme: "random" })],
    ["the Import has other labels", () => change(importEntry(), { labels: { a: "b" } })],
    ["the Import has one more source", () => change(importEntry(), { sources: more })],
    ["the Export is at another port", () => change(exportEntry(), { port: freePort() })],
    ["the Export is at another host", () => change(exportEntry(), { host: "127.0.0.2" })],
    ["the Export has other labels", () => change(exportEntry(), { labels: { a: "b" } })],
    ["its peer has another gateway", () => east.addGateways("west", [freePort()])],
    ["its peer cannot be reached", () => east.addGateways("west", [west.port], [false])],
    ["the client's address is somebody else's now", () => empty(east.tables.clients)],
  ];
  test.each(changes)("%s", async (_name, make) => {
    make();
    expect(await after(publish)).toBe("kept");
  });

  test("control comes back and publishes everything anew", async () => {
    expect(await after(() => Promise.all([east.republish(), west.republish()]))).toBe("kept");
  });

  test("the exporting site deletes its Peer", async () => {
    await west.addPeer(east).publish();
    empty(west.tables.peers);
    expect(await after(publish)).toBe("kept");
  });

  test("its client's labels change: it is judged with those it had when it came", async () => {
    await east.allow("allow-all", only({ "client.clusterlink.net/labels.role": "web" })).publish();
    await west.allow("allow-all", only({ "client.clusterlink.net/labels.role": "web" })).publish();
    east.tables.clients["127.0.0.1/32"] = { namespace: "shop", labels: { role: "batch" } };
    expect(await after(() => east.publish())).toBe("kept");
    expect(await ending(application(port))).toBe("ECONNRESET");
  });
});

describe("new certificates", () => {
  const addresses = async () =>
    (await west.report()).tunnels.filter(({ state }) => state === "idle").map(({ address }) => address);

  test.each(["east", "west"] as const)("of %s replace idle tunnels and keep live connections", async (name) => {
    await eventually(async () => (await idle(west)) === 2, "two idle tunnels");
    const old = new Set(await addresses());
    const site = name === "east" ? east : west;
    site.tables.site.self.certificates = await certificatesOf(name);
    expect(await after(() => site.publish())).toBe("kept");
    await eventually(
      async () => (await addresses()).length === 2 && (await addresses()).every((address) => !old.has(address)),
      "the idle tunnels are new",
    );
    far.end();
    app.end();
    await eventually(() => east.relay.live.size + west.relay.live.size === 0, "the live one has ended in good order");
    expect(east.records.at(-1)).toMatchObject({ outcome: "closed" });
    const again = application(port);
    await eventually(() => accepted.length === 2, "new connections are served");
    again.destroy();
  });

  test("a CA that is added changes nothing for live connections", async () => {
    const other = await issueFabric({ name: "other" });
    east.tables.site.self.certificates = { ...certificates.east, ca: fabric.cert + other.cert };
    west.tables.site.self.certificates = { ...certificates.west, ca: other.cert + fabric.cert };
    expect(await after(() => Promise.all([east.publish(), west.publish()]))).toBe("kept");
  });

  test.each(["east", "west"] as const)("a foreign CA instead, at %s, cuts them", async (name) => {
    const other = await issueFabric({ name: "other" });
    const site = name === "east" ? east : west;
    site.tables.site.self.certificates = { ...certificates[name], ca: other.cert };
    expect(await after(() => site.publish())).toBe("cut");
  });
});

describe("when a certificate ends", () => {
  const SECOND = 1 / 86_400;
  test.each(["east", "west"] as const)("%s's: live connections are reset, and no new one starts", async (name) => {
    await Promise.all([east.drain(0, 0), west.drain(0, 0)]);
    const short = await certificatesOf(name, fabric, { days: 2 * SECOND });
    await connect({ ...certificates, [name]: short });
    const peer = await RawPeer.tunnel(west.port, name === "east" ? short : certificates.east);
    const end = Promise.all([ending(app), ending(far)]);
    expect(short.notAfter).toBeGreaterThan(Date.now());
    await Bun.sleep(Math.max(0, short.notAfter - Date.now() + 1));
    if (peer.gone === undefined) peer.open(1, "echo").data("too late");
    expect(await end).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(Date.now()).toBeGreaterThanOrEqual(short.notAfter);
    await peer.closed();
    expect(peer.got(FrameType.opened)).toBe(false);
    expect(await readAll(application(port)).then(String, (error: NodeJS.ErrnoException) => error.code)).toBe(
      "ECONNRESET",
    );
    expect(await idle(east)).toBe(0);
  });
});
