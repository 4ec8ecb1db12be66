/** TLS sessions that are resumed: half the work, and nobody is anybody else, or any longer, than by its certificate. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { Resumption } from "../../src/relay/resumption.ts";
import type { RelaySocket } from "../../src/relay/socket.ts";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { certificatesOf, Site, source } from "./fabric.ts";
import { authzText, Conversation, HttpGateway } from "./http-conversation.ts";
import { RawGateway, RawPeer } from "./raw-peer.ts";
import { application, eventually, next, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const { issueFabric } = await import("../../src/pki/issue.ts");

const DAY = 86_400_000;
const other = await issueFabric({ name: "other" });
const greeting = await service((socket) => socket.end("welcome"));
const sites: Site[] = [];
const apps: Socket[] = [];
const stops: (() => void)[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) app.destroy();
  for (const stop of stops.splice(0)) stop();
  for (const site of sites.splice(0)) await site.drain(0, 0);
});

/** @returns certificates that end after so many milliseconds, or a little sooner: they count in seconds. */
const endingIn = (name: string, ms: number) => certificatesOf(name, undefined, { days: 1, now: Date.now() - DAY + ms });

const until = async (time: number) => Bun.sleep(Math.max(0, time - Date.now() + 50));

function site(...args: ConstructorParameters<typeof Site>): Site {
  const made = new Site(...args);
  sites.push(made);
  return made;
}

const DIALECTS = [
  ["http/1.1", "http/1.1"],
  ["clusterlink/2", "clusterlink/2"],
] as const;

describe.each(DIALECTS)("who comes in by %s", (_name, alpn) => {
  /** @returns a site that exports something to everybody. */
  async function west(): Promise<Site> {
    const made = site(await certificatesOf("west"))
      .addExport("greeting", greeting)
      .allow();
    await made.publish();
    return made;
  }

  /** Dials, and speaks until an answer has come. @throws when the connection is closed instead. */
  async function dial(to: Site, options: ConstructorParameters<typeof Object>[0]): Promise<RawPeer> {
    const peer = await RawPeer.dial(to.port, { ...options, alpn });
    stops.push(() => peer.terminate());
    if (alpn === "http/1.1") await new Conversation(peer).say(authzText("greeting")).answer();
    else await peer.hello().next(FrameType.hello);
    return peer;
  }

  test("may resume, and is who its certificate named, whatever it shows now", async () => {
    const to = await west();
    const first = await dial(to, await certificatesOf("east"));
    expect(first.resumed).toBe(false);
    const second = await dial(to, { ...(await certificatesOf("north")), session: first.session });
    expect(second.resumed).toBe(true);
    const { tunnels } = await to.report();
    expect(tunnels.map(({ peer }) => peer)).toEqual(["east", "east"]);
  });

  test("is refused once the certificate of the session has expired, though the session has not", async () => {
    const to = await west();
    const short = await endingIn("east", 1500);
    const { session } = await dial(to, short);
    expect((await dial(to, { ...short, session })).resumed).toBe(true);
    await until(short.notAfter);
    const late = await RawPeer.dial(to.port, { ...(await certificatesOf("east")), session, alpn });
    expect(late.resumed).toBe(true);
    await late.closed();
    expect(late.received).toEqual([]);
  });

  test("is refused once its CA is trusted no more", async () => {
    const to = await west();
    const certificates = await certificatesOf("east");
    const { session } = await dial(to, certificates);
    to.tables.site.self.certificates = { ...to.tables.site.self.certificates, ca: other.cert };
    await to.publish();
    const late = await RawPeer.dial(to.port, { ...certificates, session, alpn });
    await late.closed();
    expect(late.received).toEqual([]);
  });
});

describe("towards a gateway", () => {
  /** @returns a site that imports something from the peer `west` at that port, and the port of the import. */
  async function importer(port: number, certificates = certificatesOf("east")): Promise<{ east: Site; entry: number }> {
    const east = site(await certificates)
      .addGateways("west", [port])
      .allow();
    const entry = east.addImport("greeting", [source("west", "greeting")]);
    await east.publish();
    return { east, entry };
  }

  /** Opens a stream and waits until it is there. */
  async function open(entry: number, gateway: HttpGateway): Promise<void> {
    const before = gateway.asked.filter(({ line }) => line.startsWith("CONNECT")).length;
    const app = application(entry);
    apps.push(app);
    await eventually(
      () => gateway.asked.filter(({ line }) => line.startsWith("CONNECT")).length > before,
      "a stream has been opened",
    );
  }

  const idle = async (east: Site) => (await east.report()).tunnels.filter(({ state }) => state === "idle").length;

  /** @returns a gateway that speaks HTTP/1.1, with one stream open: every later handshake may resume a session. */
  async function settled(certificates = certificatesOf("west")) {
    const gateway = new HttpGateway(await certificates);
    stops.push(() => gateway.stop());
    const { east, entry } = await importer(gateway.port);
    await open(entry, gateway);
    await open(entry, gateway);
    await eventually(async () => (await idle(east)) >= 2, "connections are ready");
    return { gateway, east, entry, count: gateway.connections.length };
  }

  const resumed = ({ connections }: HttpGateway, from: number) =>
    connections.slice(from).map(({ peer }) => peer.resumed);

  test("the first handshakes are full ones, those after the first stream resume", async () => {
    const { gateway, entry, count } = await settled();
    expect(resumed(gateway, 0)[0]).toBe(false);
    await open(entry, gateway);
    await eventually(() => gateway.connections.length > count, "another connection has been dialled");
    expect(resumed(gateway, count)).not.toContain(false);
  });

  test("tunnels resume, too", async () => {
    const gateway = new RawGateway(await certificatesOf("west"), (peer) => void peer.hello());
    stops.push(() => gateway.stop());
    const { entry } = await importer(gateway.port);
    await eventually(() => gateway.tunnels.filter((peer) => peer.got(FrameType.hello)).length === 2, "two are warm");
    for (let i = 0; i < 3; i++) apps.push(application(entry));
    await eventually(() => gateway.tunnels.length > 2, "a third has been dialled");
    await eventually(() => gateway.tunnels.at(-1)?.handshaken === true, "its handshake is over");
    expect(gateway.tunnels.at(-1)?.resumed).toBe(true);
  });

  test("a new certificate of ours is shown at once", async () => {
    const { gateway, east, entry } = await settled();
    const renewed = await certificatesOf("east");
    east.tables.site.self.certificates = renewed;
    await east.publish();
    const digest = (der: Uint8Array) => createHash("sha256").update(der).digest("hex");
    const wanted = digest(new X509Certificate(renewed.cert).raw);
    const showing = () =>
      gateway.connections.filter(({ peer }) => {
        const shown = peer.socket?.getPeerX509Certificate()?.raw;
        return shown !== undefined && digest(shown) === wanted;
      });
    await open(entry, gateway);
    await eventually(() => showing().length > 0, "the new certificate has been shown");
    expect(showing()[0]?.peer.resumed).toBe(false);
  });

  test("no session outlives the certificate that it was made with", async () => {
    const short = await endingIn("west", 2000);
    const { gateway, east, entry, count } = await settled(Promise.resolve(short));
    await until(short.notAfter);
    const app = application(entry);
    apps.push(app);
    app.on("data", () => undefined);
    await eventually(() => east.records.some(({ tried }) => tried !== undefined), "it has been refused");
    expect(resumed(gateway, count)).not.toContain(true);
  });

  test("a gateway that cannot take its own sessions back is dialled anew", async () => {
    let refusing = false;
    const gateway = new RawGateway(await certificatesOf("west"), (peer) => {
      if (refusing && peer.resumed) peer.terminate();
      else peer.hello();
    });
    stops.push(() => gateway.stop());
    const { east } = await importer(gateway.port);
    await eventually(async () => (await idle(east)) === 2, "two tunnels are warm");
    refusing = true;
    for (const tunnel of gateway.alive) tunnel.terminate();
    await eventually(async () => gateway.alive.length >= 1 && (await idle(east)) >= 1, "tunnels are warm again");
    expect(gateway.tunnels.slice(2).map((tunnel) => tunnel.resumed)).toContain(true);
    expect(gateway.alive.every((tunnel) => !tunnel.resumed)).toBe(true);
  });
});

describe("a session", () => {
  const NOW = Date.now();

  /** @returns what keeps a session, and with which certificates it was made. */
  async function kept() {
    const to = site(await certificatesOf("west"));
    await to.publish();
    const certificates = await certificatesOf("east");
    const peer = await RawPeer.tunnel(to.port, certificates);
    const resumption = new Resumption();
    const identity = { name: "west", notBefore: 0, notAfter: NOW + 1000, chain: [] };
    const { socket } = peer as unknown as { socket: RelaySocket };
    resumption.keep(socket, certificates, identity);
    return { resumption, certificates, identity, to, peer };
  }

  test("is offered again and again", async () => {
    const { resumption, certificates, peer } = await kept();
    const session = resumption.offer(certificates, NOW);
    expect(session).toBeDefined();
    expect(resumption.offer({ ...certificates }, NOW)).toBe(session as Uint8Array);
    peer.terminate();
  });

  const changes: [string, Partial<CertificateEntry>][] = [
    ["our certificate", { cert: "another" }],
    ["our key", { key: "another" }],
    ["the CAs", { ca: other.cert }],
  ];
  test.each(changes)("is offered no more when %s changed, nor when that is undone", async (_name, change) => {
    const { resumption, certificates } = await kept();
    expect(resumption.offer({ ...certificates, ...change }, NOW)).toBeUndefined();
    expect(resumption.offer(certificates, NOW)).toBeUndefined();
  });

  test("is offered no more once the other side's certificate has expired", async () => {
    const { resumption, certificates } = await kept();
    expect(resumption.offer(certificates, NOW + 999)).toBeDefined();
    expect(resumption.offer(certificates, NOW + 1000)).toBeUndefined();
  });

  test("is offered no more after something went wrong", async () => {
    const { resumption, certificates } = await kept();
    resumption.forget();
    expect(resumption.offer(certificates, NOW)).toBeUndefined();
  });

  test("that was resumed is not kept again: it is as old as the first", async () => {
    const { resumption, certificates, identity, to } = await kept();
    const session = resumption.offer(certificates, NOW) as Uint8Array;
    const again = await RawPeer.dial(to.port, { ...certificates, session });
    await again.hello().next(FrameType.hello);
    expect(again.resumed).toBe(true);
    resumption.keep(again.socket as unknown as RelaySocket, certificates, identity);
    expect(resumption.offer(certificates, NOW)).toBe(session);
  });
});

test("two of ours carry streams over resumed sessions", async () => {
  const west = site(await certificatesOf("west"))
    .addExport("greeting", greeting)
    .allow();
  const east = site(await certificatesOf("east"))
    .allow()
    .addPeer(west);
  const entry = east.addImport("greeting", [source("west", "greeting")]);
  await west.publish();
  await east.publish();
  for (let i = 0; i < 8; i++) apps.push(application(entry));
  expect(await Promise.all(apps.map(next))).toEqual(apps.map(() => "welcome"));
});
