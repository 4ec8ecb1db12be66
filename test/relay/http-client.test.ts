/** What ours does towards a gateway that speaks HTTP/1.1 only, byte by byte. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { Clock, certificatesOf, Site, source } from "./fabric.ts";
import { ESTABLISHED, GRANTED, HttpGateway, OK, type Respond, respondBut, respondWell } from "./http-conversation.ts";
import { RawGateway } from "./raw-peer.ts";
import { application, ending, eventually, next, readAll } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const westCertificates = await certificatesOf("west");
const northCertificates = await certificatesOf("north");
/** As it stands in a ClientHello. */
const TLS_1_2 = 0x0303;
const gateways: { stop(): void }[] = [];
const sites: Site[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const gateway of gateways.splice(0)) gateway.stop();
  await eventually(() => sites.every(({ relay }) => relay.live.size === 0), "all connections have ended");
  for (const site of sites.splice(0)) await site.drain();
});

function gateway(respond: Respond = respondWell, credentials = westCertificates): HttpGateway {
  const made = new HttpGateway(credentials, respond);
  gateways.push(made);
  return made;
}

/** @returns a site `east` that imports `echo` from the peers given, in this order, and the port of that import. */
async function importer(peers: Record<string, number>, clock = new Clock()): Promise<{ east: Site; port: number }> {
  const east = new Site(await certificatesOf("east"), { region: "us" }, clock);
  sites.push(east);
  for (const [name, port] of Object.entries(peers)) {
    east.tables.peers[name] = { name, gateways: [{ host: "127.0.0.1", port }], reachable: [true] };
  }
  const port = east.addImport(
    "echo",
    Object.keys(peers).map((name) => source(name, "echo")),
    "static",
  );
  east.tables.clients["127.0.0.1/32"] = { namespace: "default", labels: { app: "web" } };
  await east.allow().publish();
  return { east, port };
}

/** Waits until as many connections are ready for the next stream. */
async function ready(east: Site, count = 2): Promise<void> {
  await eventually(
    async () => (await east.report()).tunnels.filter(({ state }) => state === "idle").length >= count,
    `${count} connections are ready`,
  );
}

function connect(port: number): Socket {
  const socket = application(port);
  sockets.push(socket);
  return socket;
}

describe("opening a stream", () => {
  test("asks /authz, then connects with the token, on one connection, and with the source as it was identified", async () => {
    const west = gateway();
    const { port } = await importer({ west: west.port });
    const app = connect(port);
    app.write("hello");
    await eventually(() => west.connections.some(({ stream }) => stream === "hello"), "the stream has arrived");
    const [authz, established] = west.asked.filter(({ line }) => !line.startsWith("GET"));
    expect(authz).toMatchObject({
      line: "POST /authz HTTP/1.1",
      fields: { host: `127.0.0.1:${west.port}`, "content-type": "application/json" },
    });
    expect(JSON.parse(authz?.body as string)).toEqual({
      ServiceName: "echo",
      ServiceNamespace: "default",
      SrcAttributes: {
        "peer.clusterlink.net/name": "east",
        "peer.clusterlink.net/labels.region": "us",
        "client.clusterlink.net/namespace": "default",
        "client.clusterlink.net/labels.app": "web",
      },
    });
    expect(established).toMatchObject({
      connection: authz?.connection as number,
      line: "CONNECT west:443 HTTP/1.1",
      fields: { host: "west:443", authorization: "Bearer a.b.c" },
      body: "",
    });
  });

  test("claims nothing of a client that is not identified", async () => {
    const west = gateway();
    const { east, port } = await importer({ west: west.port });
    east.tables.clients = {};
    await east.publish();
    connect(port);
    await eventually(() => west.asked.some(({ line }) => line.startsWith("POST")), "it has asked");
    expect(JSON.parse(west.asked.find(({ line }) => line.startsWith("POST"))?.body as string).SrcAttributes).toBeNull();
  });

  test("sends nothing of the application before the 200", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const west = gateway((asked, connection) =>
      asked.line.startsWith("CONNECT") ? promise : respondWell(asked, connection),
    );
    const { port } = await importer({ west: west.port });
    const app = connect(port);
    const said = "x".repeat(200_000);
    app.end(said);
    await eventually(() => west.asked.some(({ line }) => line.startsWith("CONNECT")), "it has connected");
    await Bun.sleep(50);
    const connection =
      west.connections[west.asked.find(({ line }) => line.startsWith("CONNECT"))?.connection as number];
    expect(connection?.stream).toBe("");
    resolve(ESTABLISHED);
    await eventually(() => connection?.peer.ended === true, "the application's FIN has come");
    expect(connection?.stream).toBe(said);
  });

  const heads: [string, string][] = [
    ["the shortest head", "HTTP/1.1 200 OK\r\n\r\n"],
    ["further header fields", "HTTP/1.1 200 OK\r\nserver: envoy\r\ndate: now\r\nX-Anything: 1\r\n\r\n"],
    ["a length that means nothing here", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"],
    ["an interim answer before it", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
  ];
  test.each(heads)("takes bytes that follow %s as the stream's first", async (_name, head) => {
    const west = gateway(respondBut({ connect: `${head}welcome` }));
    const { port } = await importer({ west: west.port });
    expect(await next(connect(port))).toBe("welcome");
  });

  test("reads answers that come byte by byte", async () => {
    const slowly: Respond = async (asked, connection) => {
      for (const character of respondWell(asked, connection) as string) {
        connection.say(character);
        await Bun.sleep(0);
      }
      if (asked.line.startsWith("CONNECT")) connection.say("welcome");
      return undefined;
    };
    const west = gateway(slowly);
    const { port } = await importer({ west: west.port });
    expect(await next(connect(port))).toBe("welcome");
  });
});

test("a gateway that knows no newer TLS than 1.2 is spoken to", async () => {
  const old = { ...westCertificates, maxVersion: TLS_1_2 };
  const west = gateway(respondBut({ connect: `${ESTABLISHED}welcome` }), old);
  const { port } = await importer({ west: west.port });
  expect(await next(connect(port))).toBe("welcome");
  expect(west.connections[0]?.peer.socket?.getTLSVersion()).toBe("TLSv1.2");
});

describe("kept connections", () => {
  test("are ready before anybody needs them, bring a first request after a second, and are replaced when used", async () => {
    const west = gateway();
    const { east, port } = await importer({ west: west.port });
    await ready(east);
    expect(west.asked).toEqual([]);
    await eventually(() => west.asked.length === 2, "both have brought a request");
    expect(west.asked.map(({ line }) => line)).toEqual(["GET /healthz HTTP/1.1", "GET /healthz HTTP/1.1"]);
    await ready(east);
    connect(port).write("hello");
    await eventually(() => west.connections.some(({ stream }) => stream === "hello"), "the stream has arrived");
    expect(west.asked.find(({ line }) => line.startsWith("POST"))?.connection).toBeLessThan(2);
    await ready(east);
  });

  test("are made again when they are gone, however often they have been asked whether they live", async () => {
    const clock = new Clock();
    const west = gateway();
    const { east } = await importer({ west: west.port }, clock);
    await ready(east);
    for (let health = 2; health <= 12; health += 2) {
      await eventually(() => west.asked.length >= health, "both have brought a request");
      clock.advance(16_000);
    }
    const before = west.connections.length;
    for (const { peer } of west.idle) peer.terminate();
    await eventually(() => west.connections.length >= before + 2, "two others are there");
    await ready(east);
  });

  test("serve /authz again after a refusal", async () => {
    const west = gateway(respondBut({ authz: "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno!\r\n" }));
    const { east, port } = await importer({ west: west.port });
    await ready(east);
    for (let i = 0; i < 5; i++) await ending(connect(port));
    const used = west.asked.filter(({ line }) => line.startsWith("POST")).map(({ connection }) => connection);
    expect(used).toHaveLength(5);
    expect(new Set(used).size).toBeLessThan(5);
  });

  test("that are gone when they are used do no harm", async () => {
    const west = gateway(async (asked, connection) => {
      if (asked.line.startsWith("POST") && asked.connection < 2) {
        connection.peer.terminate();
        return undefined;
      }
      return respondBut({ connect: `${ESTABLISHED}welcome` })(asked, connection);
    });
    const { east, port } = await importer({ west: west.port });
    await eventually(() => west.asked.length === 2, "both have brought a request");
    await ready(east);
    expect(await next(connect(port))).toBe("welcome");
  });

  test("that the gateway ends after the answer do no harm", async () => {
    let ends = 1;
    const west = gateway((asked, connection) => {
      if (asked.line.startsWith("POST") && ends-- > 0) return GRANTED.replace("OK\r\n", "OK\r\nConnection: close\r\n");
      return respondBut({ connect: `${ESTABLISHED}welcome` })(asked, connection);
    });
    const { port } = await importer({ west: west.port });
    expect(await next(connect(port))).toBe("welcome");
  });

  test("are closed when the gateway speaks out of turn", async () => {
    const west = gateway();
    const { east } = await importer({ west: west.port });
    await ready(east);
    // A client has finished the handshake before the server has.
    await eventually(() => west.connections.length > 0, "the gateway has a connection");
    const talker = west.connections[0];
    talker?.say(OK);
    await eventually(() => talker?.peer.gone !== undefined, "it is closed");
    expect((await east.report()).connections).toEqual([]);
  });
});

test.each(["http/1.1", "clusterlink/2"])(
  "a gateway that closes as soon as the handshake is done is tried less and less often (%s)",
  async (alpn) => {
    const clock = new Clock();
    const attempts: number[] = [];
    const closing = new RawGateway(
      westCertificates,
      (peer) => {
        attempts.push(clock.now());
        peer.terminate();
      },
      alpn,
    );
    gateways.push(closing);
    const east = new Site(await certificatesOf("east"), {}, clock).addGateways("west", [closing.port]).allow();
    sites.push(east);
    east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    for (let seconds = 0; seconds < 60; seconds += 0.5) {
      await Bun.sleep(10);
      clock.advance(500);
      east.relay.pools.sweep();
    }
    const pauses = attempts.slice(1).map((time, i) => time - (attempts[i] as number));
    expect(Math.max(...pauses)).toBeGreaterThan(4500);
    expect(attempts.length).toBeLessThan(40);
  },
  20_000,
);

describe("the next source is tried when", () => {
  const failures: [string, Parameters<typeof respondBut>[0], string][] = [
    ["/authz is denied", { authz: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" }, "denied"],
    ["/authz is unauthorized", { authz: "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n" }, "denied"],
    ["/authz finds nothing", { authz: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" }, "not-found"],
    ["/authz fails", { authz: "HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nno\n" }, "unreachable"],
    ["/authz gives no token", { authz: OK }, "unreachable"],
    ["the answer ends with its connection", { authz: "HTTP/1.1 500 Oh\r\n\r\nno" }, "unreachable"],
    ["the answer is no HTTP", { authz: "220 smtp ready\r\n" }, "unreachable"],
    ["the answer is folded", { authz: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n" }, "unreachable"],
    ["the answer's head never ends", { authz: `HTTP/1.1 200 OK\r\nA: ${"x".repeat(70_000)}` }, "unreachable"],
    ["the token comes twice", { authz: GRANTED.replace("\r\n\r\n", "\r\nx-access-token: d\r\n\r\n") }, "unreachable"],
    ["CONNECT is denied", { connect: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" }, "denied"],
    ["the service is not there", { connect: "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n" }, "unreachable"],
    ["CONNECT is answered by another 2xx", { connect: "HTTP/1.1 204 No Content\r\n\r\n" }, "unreachable"],
  ];
  test.each(failures)("%s, with all that the application has said", async (_name, answers, result) => {
    const west = gateway(respondBut(answers));
    const north = gateway(respondWell, northCertificates);
    const { east, port } = await importer({ west: west.port, north: north.port });
    const app = connect(port);
    app.end("all of it");
    await eventually(() => north.connections.some(({ peer }) => peer.ended), "the other source has it");
    expect(north.connections.find(({ stream }) => stream !== "")?.stream).toBe("all of it");
    expect(west.connections.every(({ stream }) => stream === "")).toBe(true);
    for (const { peer } of north.connections) peer.end();
    await eventually(() => east.records.length === 1, "the connection is over");
    const { tried } = east.records[0] as { tried?: readonly { peer: string; result: string }[] };
    expect(tried?.[0]).toMatchObject({ peer: "west", result });
  });

  test("nothing is answered in time", async () => {
    const west = gateway((asked, connection) =>
      asked.line.startsWith("POST") ? undefined : respondWell(asked, connection),
    );
    const north = gateway(respondBut({ connect: `${ESTABLISHED}welcome` }), northCertificates);
    const { east, port } = await importer({ west: west.port, north: north.port });
    east.tables.site.self.deadlines.open = 200;
    await east.publish();
    const app = connect(port);
    app.write("hello");
    expect(await next(app)).toBe("welcome");
  });

  test("the gateway is another site's", async () => {
    const impostor = gateway(respondWell, northCertificates);
    const north = gateway(respondBut({ connect: `${ESTABLISHED}welcome` }), northCertificates);
    const { port } = await importer({ west: impostor.port, north: north.port });
    expect(await next(connect(port))).toBe("welcome");
    expect(impostor.asked).toEqual([]);
  });
});

describe("a stream", () => {
  test("whose gateway closes brings the application all that was sent before, then its end", async () => {
    const sent = "x".repeat(3_000_000);
    const west = gateway((asked, connection) => {
      if (!asked.line.startsWith("CONNECT")) return respondWell(asked, connection);
      setTimeout(() => connection.peer.end(), 20);
      return `${ESTABLISHED}${sent}`;
    });
    const { port } = await importer({ west: west.port });
    const app = connect(port);
    app.write("request");
    const reply = await readAll(app);
    expect(reply.length).toBe(sent.length);
    app.end();
  });

  test("that the gateway resets is reset", async () => {
    const west = gateway(respondBut({ connect: `${ESTABLISHED}welcome` }));
    const { port } = await importer({ west: west.port });
    const app = connect(port);
    await next(app);
    const end = ending(app);
    for (const { peer } of west.connections) peer.terminate();
    expect(await end).toBe("ECONNRESET");
  });

  test("is cut on both sides when policy does not allow it any more", async () => {
    const west = gateway(respondBut({ connect: `${ESTABLISHED}welcome` }));
    const { east, port } = await importer({ west: west.port });
    const app = connect(port);
    await next(app);
    const end = ending(app);
    const used = west.asked.find(({ line }) => line.startsWith("CONNECT"))?.connection as number;
    delete east.tables.policies["regular/default/allow-all"];
    await east.publish();
    expect(await end).toBe("ECONNRESET");
    await eventually(() => west.connections[used]?.peer.gone === "ECONNRESET", "the gateway has seen a reset");
    expect(east.records).toMatchObject([{ outcome: "cut", peer: "west", bytesOut: 7 }]);
  });

  test("is cut when the peer's object is deleted, and while it is being opened too", async () => {
    const west = gateway(({ line }) => (line.startsWith("POST") ? undefined : OK));
    const { east, port } = await importer({ west: west.port });
    const end = ending(connect(port));
    await eventually(() => west.asked.some(({ line }) => line.startsWith("POST")), "it has asked");
    delete east.tables.peers["west"];
    await east.publish();
    expect(await end).toBe("ECONNRESET");
  });
});

test("a gateway that is upgraded is spoken to natively from the next connection on", async () => {
  const old = gateway(respondBut({ connect: `${ESTABLISHED}old` }));
  const { east, port } = await importer({ west: old.port });
  expect(await next(connect(port))).toBe("old");
  const upgraded = new RawGateway(westCertificates);
  gateways.push(upgraded);
  east.tables.peers["west"] = {
    name: "west",
    gateways: [{ host: "127.0.0.1", port: upgraded.port }],
    reachable: [true],
  };
  await east.publish();
  await eventually(() => upgraded.tunnels.length > 0, "tunnels are made");
  connect(port).write("hello");
  await eventually(() => upgraded.tunnels.some(({ text }) => text === "hello"), "the stream came natively");
});
