/** One connection, several sources: the next is tried within the same connect, and no byte is lost or said twice. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { ImportSource, LbScheme } from "../../src/resources/import.ts";
import type { ImportEntry } from "../../src/snapshot/tables.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { encodeRefused, type RefusalCode } from "../../src/wire/messages.ts";
import { freePort } from "../free-port.ts";
import { certificatesOf, Site, source } from "./fabric.ts";
import { RawGateway, type RawPeer } from "./raw-peer.ts";
import { application, digest, ending, eventually, pour, readAll, service } from "./sockets.ts";
import { atEnd, tearDown } from "./teardown.ts";

afterAll(tearDown);

const { open, opened, fin, data } = FrameType;
const eastern = await certificatesOf("east");
const certificates = { west: await certificatesOf("west"), north: await certificatesOf("north") };
const echo = await service((socket) => socket.pipe(socket));
const accepted: Socket[] = [];
const held = await service((socket) => accepted.push(socket));

/** A site that serves: the honest second source of most tests. */
const north = new Site(certificates.north).addExport("echo", echo).addExport("held", held).allow();
await north.publish();

const started: { drain(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const socket of accepted.splice(0)) socket.destroy();
  await Promise.all(started.splice(0).map((site) => site.drain()));
});

/** @returns an importing site with short deadlines; what it imports is added by the test. */
function importer(): Site {
  const east = new Site(eastern).allow().addPeer(north);
  east.tables.site.self.deadlines = { handshake: 200, open: 400, dial: 200, grace: 1000 };
  started.push({ drain: () => east.drain(0, 0) });
  return east;
}

function gatewayOf(name: keyof typeof certificates, onFrames?: (peer: RawPeer) => void): RawGateway {
  const gateway = new RawGateway(certificates[name]);
  if (onFrames !== undefined) {
    const timer = setInterval(() => gateway.tunnels.forEach(onFrames), 1);
    atEnd(() => clearInterval(timer));
  }
  atEnd(() => gateway.stop());
  return gateway;
}

/** Answers every OPEN, each once, with what `answer` writes. */
function answering(answer: (peer: RawPeer, stream: number) => void): (peer: RawPeer) => void {
  const answered = new Map<RawPeer, number>();
  return (peer) => {
    const opens = peer.frames.filter(({ type }) => type === open);
    for (let i = answered.get(peer) ?? 0; i < opens.length; i++) {
      answered.set(peer, i + 1);
      answer(peer, opens[i]?.payload.readUInt32BE() as number);
    }
  };
}

const refusing = (code: RefusalCode, retry = true) =>
  answering((peer, stream) => peer.send(encodeRefused({ stream, code, retry, reason: "because" })));
const opensOf = (gateway: RawGateway) =>
  gateway.tunnels.reduce((count, peer) => count + peer.frames.filter(({ type }) => type === open).length, 0);

async function ask(port: number, text: string, host?: string): Promise<string> {
  const app = application(port, host);
  app.end(text);
  return readAll(app).then(String, (error: NodeJS.ErrnoException) => error.code ?? error.message);
}

async function warm(site: Site, count: number): Promise<void> {
  const idle = async () => (await site.report()).tunnels.filter(({ state }) => state === "idle").length;
  await eventually(async () => (await idle()) >= count, `${count} tunnels are idle`);
}

const both = [source("west", "echo"), source("north", "echo")];

describe("the next source is tried within the same connect, with all that was said, when the first", () => {
  const codes: RefusalCode[] = ["not-found", "denied", "unreachable", "malformed", "internal"];
  test.each(codes)("answers %s", async (code) => {
    const gateway = gatewayOf("west", refusing(code));
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    expect(await ask(port, "hello")).toBe("hello");
    expect(opensOf(gateway)).toBe(1);
    expect(east.records[0]?.tried?.map(({ peer, result }) => `${peer} ${result}`)[0]).toBe(`west ${code}`);
  });

  test("has nobody that listens", async () => {
    const east = importer().addGateways("west", [freePort()]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    expect(await ask(port, "hello")).toBe("hello");
  });

  test("accepts and says nothing, not even TLS", async () => {
    const silent = await service(() => undefined);
    const east = importer().addGateways("west", [silent]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    expect(await ask(port, "hello")).toBe("hello");
  });

  test("does TLS and never says HELLO", async () => {
    const gateway = new RawGateway(certificates.west, () => undefined);
    atEnd(() => gateway.stop());
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    expect(await ask(port, "hello")).toBe("hello");
  });

  test("has no gateway at all", async () => {
    const east = importer().addGateways("west", []);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    expect(await ask(port, "hello")).toBe("hello");
  });

  test("refuses after it has been sent 64 KiB, of 3 MiB that all arrive", async () => {
    const gateway = gatewayOf("west", (peer) => {
      const sent = peer.frames.reduce((sum, { type, payload }) => sum + (type === data ? payload.length : 0), 0);
      if (sent >= 64 * 1024 && !peer.got(FrameType.reset)) refuse(peer);
    });
    const refuse = refusing("unreachable");
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    const app = application(port);
    const [sent, got] = await Promise.all([pour(app, 3 << 20), digest(app)]);
    expect(got).toEqual({ hash: sent, size: 3 << 20 });
    expect(opensOf(gateway)).toBe(1);
  });

  test("was opened and is reset: then it is too late, and the application is reset", async () => {
    const gateway = gatewayOf(
      "west",
      answering((peer, stream) => peer.about(opened, stream).about(FrameType.reset, stream, 0)),
    );
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    expect(await ask(port, "hello")).toBe("ECONNRESET");
  });
});

describe("no other source is tried", () => {
  test("when the refusal says that none can help", async () => {
    const gateway = gatewayOf("west", refusing("malformed", false));
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    expect(await ask(port, "hello")).toBe("ECONNRESET");
  });

  test("when the one that is next was removed from the Import meanwhile", async () => {
    const gateway = gatewayOf("west");
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    const end = ask(port, "hello");
    await eventually(() => opensOf(gateway) === 1, "OPEN has come");
    (east.tables.imports["default/echo"] as ImportEntry).sources = [source("west", "echo")];
    await east.publish();
    const before = north.records.length;
    for (const peer of gateway.tunnels) refusing("unreachable")(peer);
    expect(await end).toBe("ECONNRESET");
    expect(north.records.length).toBe(before);
  });
});

describe("a tunnel that dies between OPEN and OPENED", () => {
  const dying = answering((peer) => peer.terminate());

  test("resets the application when data was sent on it: it may have been delivered", async () => {
    const gateway = gatewayOf("west", dying);
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    expect(await ask(port, "hello")).toBe("ECONNRESET");
    expect(opensOf(gateway)).toBe(1);
  });

  test("leads to the next source when none was", async () => {
    const gateway = gatewayOf("west", dying);
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("held", [source("west", "held"), source("north", "held")], "static");
    await east.publish();
    await warm(east, 4);
    const app = application(port);
    await eventually(() => accepted.length === 1, "the other source serves");
    accepted[0]?.end("served");
    expect(String(await readAll(app))).toBe("served");
  });

  test("leads to another tunnel of the same source first", async () => {
    let first = true;
    const answer = answering((peer, stream) => {
      if (first) peer.terminate();
      else peer.about(opened, stream).data("served").about(fin, stream);
      first = false;
    });
    const gateway = gatewayOf("west", answer);
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("held", [source("west", "held")]);
    await east.publish();
    await warm(east, 2);
    expect(String(await readAll(application(port)))).toBe("served");
  });
});

describe("no answer to OPEN in time", () => {
  test("leads to the next source when nothing was sent", async () => {
    const gateway = gatewayOf("west");
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("held", [source("west", "held"), source("north", "held")], "static");
    await east.publish();
    await warm(east, 4);
    const app = application(port);
    await eventually(() => accepted.length === 1, "the other source serves");
    accepted[0]?.end("served");
    expect(String(await readAll(app))).toBe("served");
  });

  test("resets the application when something was", async () => {
    const gateway = gatewayOf("west");
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    expect(await ask(port, "hello")).toBe("ECONNRESET");
    expect(east.records[0]?.reason).toStartWith("timeout");
  });
});

describe("an answer that says `not here, not now` leads to the same source elsewhere:", () => {
  const serving = answering((peer, stream) => peer.about(opened, stream).data("served").about(fin, stream));

  test.each(["draining", "overloaded"] as const)("%s, to its other gateway", async (code) => {
    const [full, free] = [gatewayOf("west", refusing(code)), gatewayOf("west", serving)];
    const east = importer().addGateways("west", [full.port, free.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 6);
    const before = north.records.length;
    for (let i = 0; i < 4; i++) expect(await ask(port, "hello")).toBe("served");
    expect(opensOf(full)).toBeGreaterThan(0);
    expect(north.records.length).toBe(before);
  });

  test.each(["draining", "overloaded"] as const)("%s, to another tunnel of the gateway", async (code) => {
    let turnedAway: RawPeer | undefined;
    const refuse = refusing(code);
    const gateway = gatewayOf("west", (peer) => {
      if (!peer.got(open)) return;
      turnedAway ??= peer;
      if (peer === turnedAway) refuse(peer);
      else serving(peer);
    });
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    await warm(east, 2);
    expect(await ask(port, "hello")).toBe("served");
  });

  test("overloaded everywhere, to the next source, and nobody is dialled for that", async () => {
    const gateway = gatewayOf("west", refusing("overloaded"));
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    await warm(east, 4);
    for (let i = 0; i < 3; i++) expect(await ask(port, "hello")).toBe("hello");
    expect(gateway.tunnels.length).toBe(2);
  });

  test("overloaded everywhere and no other source: that is what the access log says", async () => {
    const gateway = gatewayOf("west", refusing("overloaded"));
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    await warm(east, 2);
    expect(await ask(port, "hello")).toBe("ECONNRESET");
    expect(east.records[0]).toMatchObject({ outcome: "refused" });
    expect(east.records[0]?.reason).toStartWith("overloaded");
  });

  test("draining, to a new tunnel when all others drain too", async () => {
    const refuse = refusing("draining");
    const gateway = gatewayOf("west", (peer) => (gateway.tunnels.indexOf(peer) < 2 ? refuse(peer) : serving(peer)));
    const east = importer().addGateways("west", [gateway.port]);
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    await warm(east, 2);
    expect(await ask(port, "hello")).toBe("served");
  });
});

describe("several gateways of a peer", () => {
  const serving = answering((peer, stream) => peer.about(opened, stream).data("served").about(fin, stream));

  test("are used in turn", async () => {
    const gateways = [gatewayOf("west", serving), gatewayOf("west", serving)] as const;
    const ports = gateways.map(({ port }) => port);
    const east = importer().addGateways("west", ports);
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    await warm(east, 4);
    for (let i = 0; i < 10; i++) expect(await ask(port, "hello")).toBe("served");
    expect(gateways.map(opensOf)).toEqual([5, 5]);
  });

  test("stand in for one that is not there", async () => {
    const gateway = gatewayOf("west", serving);
    const east = importer().addGateways("west", [freePort(), gateway.port]);
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    for (let i = 0; i < 6; i++) expect(await ask(port, "hello")).toBe("served");
  });

  test("that heartbeats do not reach come last", async () => {
    const [near, far] = [gatewayOf("west", serving), gatewayOf("west", serving)];
    const east = importer().addGateways("west", [far.port, near.port], [false, true]);
    const port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    await warm(east, 2);
    for (let i = 0; i < 6; i++) expect(await ask(port, "hello")).toBe("served");
    expect([opensOf(near), opensOf(far)]).toEqual([6, 0]);
    near.stop();
    expect(await ask(port, "hello")).toBe("served");
    expect(opensOf(far)).toBe(1);
  });
});

describe("an unreachable peer", () => {
  test.each(["static", "round-robin", "random", "least-connections"] as const)("comes last with %s", async (scheme) => {
    const gateway = gatewayOf("west", refusing("internal"));
    const east = importer().addGateways("west", [gateway.port], [false]);
    const port = east.addImport("echo", both, scheme);
    await east.publish();
    await warm(east, 2);
    for (let i = 0; i < 8; i++) expect(await ask(port, "hello")).toBe("hello");
    expect(opensOf(gateway)).toBe(0);
  });

  test("is tried all the same when no other is left", async () => {
    const west = new Site(certificates.west).addExport("echo", echo).allow();
    await west.publish();
    const east = importer().addGateways("west", [west.port], [false]).addGateways("north", [freePort()]);
    const port = east.addImport("echo", both, "static");
    await east.publish();
    expect(await ask(port, "hello")).toBe("hello");
  });

  test("that does not exist is not tried, and the Import with nothing else resets", async () => {
    const east = importer();
    const port = east.addImport("echo", [source("nobody", "echo")]);
    await east.publish();
    expect(await ask(port, "hello")).toBe("ECONNRESET");
    expect(east.records[0]?.reason).toStartWith("no-source");
  });
});

const names = ["one", "two", "three"];
const services = await Promise.all(names.map((name) => service((socket) => void socket.end(name))));
const stores = await Promise.all(names.map((name) => service((socket) => void socket.write(name))));
const fair = new Site(certificates.west).allow();
for (const [i, name] of names.entries()) {
  fair.addExport(name, services[i] as number).addExport(`${name}-held`, stores[i] as number);
}
await fair.publish();

describe("the scheme spreads connections as it says:", () => {
  async function importOf(scheme: LbScheme, suffix = ""): Promise<number> {
    const east = importer().addPeer(fair);
    const sources: ImportSource[] = names.map((name) => source("west", name + suffix));
    const port = east.addImport("all", sources, scheme);
    await east.publish();
    await warm(east, 2);
    return port;
  }

  async function takenBy(port: number, count: number): Promise<string[]> {
    const taken: string[] = [];
    for (let i = 0; i < count; i++) taken.push(await ask(port, ""));
    return taken;
  }

  test("static takes the first", async () => {
    expect(await takenBy(await importOf("static"), 4)).toEqual(["one", "one", "one", "one"]);
  });

  test("round-robin takes each in turn", async () => {
    expect(await takenBy(await importOf("round-robin"), 6)).toEqual(["one", "two", "three", "one", "two", "three"]);
  });

  test("round-robin begins anew with an Import that was deleted: nothing of it is remembered", async () => {
    const east = importer().addPeer(fair);
    const sources = names.map((name) => source("west", name));
    for (let i = 0; i < 2; i++) {
      const port = east.addImport("all", sources, "round-robin");
      await east.publish();
      expect(await takenBy(port, 1)).toEqual(["one"]);
      delete east.tables.imports["default/all"];
      await east.publish();
    }
  });

  test("random takes every one now and then", async () => {
    const taken = await takenBy(await importOf("random"), 60);
    expect(new Set(taken)).toEqual(new Set(names));
  });

  test("least-connections takes the one with the fewest, and counts those that have ended no more", async () => {
    const port = await importOf("least-connections", "-held");
    const holding: [string, Socket][] = [];
    for (let i = 0; i < 6; i++) {
      const app = application(port);
      app.once("data", (name: Buffer) => holding.push([String(name), app]));
      await eventually(() => holding.length === i + 1, "it was served");
    }
    const count = (wanted: string) => holding.filter(([name]) => name === wanted).length;
    expect(names.map(count)).toEqual([2, 2, 2]);
    for (const [name, app] of holding) if (name === "two") app.resetAndDestroy();
    await Bun.sleep(50);
    for (let i = 0; i < 2; i++) {
      const app = application(port);
      const name = new Promise<string>((resolve) => app.once("data", (chunk: Buffer) => resolve(String(chunk))));
      expect(await name).toBe("two");
    }
  });
});

const ipv6 = existsSync("/proc/net/if_inet6") && readFileSync("/proc/net/if_inet6", "utf8").includes("lo");

describe.skipIf(!ipv6)("IPv6 stands wherever an address does (skipped where the host has none):", () => {
  test("peer port, gateway, import address and export", async () => {
    const server = Bun.listen({
      hostname: "::1",
      port: 0,
      socket: {
        data(socket, chunk) {
          socket.write(chunk);
          socket.end();
        },
      },
    });
    atEnd(() => server.stop(true));
    const west = new Site(certificates.west).addExport("echo", server.port, "::1").allow();
    west.tables.site.self.listen.address = "::1";
    await west.publish();
    const east = importer();
    east.tables.peers["west"] = { name: "west", gateways: [{ host: "::1", port: west.port }], reachable: [true] };
    const port = east.addImport("echo", [source("west", "echo")]);
    const entry = east.tables.imports["default/echo"];
    if (entry?.listen !== undefined) entry.listen.address = "::1";
    east.tables.clients["::1/128"] = { namespace: "shop", labels: {} };
    await east.publish();
    expect(await ask(port, "hello", "::1")).toBe("hello");
    await eventually(() => east.records.length === 1 && west.records.length === 1, "both have logged it");
    expect(east.records[0]?.client).toStartWith("[::1]:");
    expect(west.records[0]?.attributes["client.clusterlink.net/namespace"]).toBe("shop");
    expect((await east.report()).tunnels[0]?.address).toBe(`[::1]:${west.port}`);
    await west.drain(0, 0);
  });

  test("a port on :: takes both families, and an IPv4 client is known by its IPv4 address", async () => {
    const east = importer();
    const port = east.addImport("echo", [source("north", "echo")]);
    const entry = east.tables.imports["default/echo"];
    if (entry?.listen !== undefined) entry.listen.address = "::";
    east.tables.clients["127.0.0.1/32"] = { namespace: "four", labels: {} };
    east.tables.clients["::1/128"] = { namespace: "six", labels: {} };
    await east.publish();
    expect(await ask(port, "hello", "127.0.0.1")).toBe("hello");
    expect(await ask(port, "hello", "::1")).toBe("hello");
    await eventually(() => east.records.length === 2, "both have been logged");
    expect(east.records.map(({ attributes }) => attributes["client.clusterlink.net/namespace"])).toEqual([
      "four",
      "six",
    ]);
    expect(east.records[0]?.client).toStartWith("127.0.0.1:");
  });
});

test("an application that has gone away is not waited for", async () => {
  const gateway = gatewayOf("west");
  const east = importer().addGateways("west", [gateway.port]);
  const port = east.addImport("echo", both, "static");
  await east.publish();
  await warm(east, 4);
  const app = application(port);
  await eventually(() => opensOf(gateway) === 1, "OPEN has come");
  const end = ending(app);
  app.resetAndDestroy();
  await end;
  await eventually(() => east.relay.live.size === 0, "it is over");
  expect(east.records[0]?.reason).toStartWith("reset-by-client");
});
