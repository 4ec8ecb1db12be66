/** What a gateway that speaks HTTP/1.1 only gets from ours, byte by byte. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { certificatesOf, Site } from "./fabric.ts";
import { authzText, Conversation, connectText, forgedToken, post, type TokenRecipe } from "./http-conversation.ts";
import { type RawOptions, RawPeer } from "./raw-peer.ts";
import { eventually, next, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const eastCertificates = await certificatesOf("east");
const northCertificates = await certificatesOf("north");
const west = new Site(await certificatesOf("west"), { region: "eu" });
const echo = await service((socket) => socket.pipe(socket));
const accepted: Socket[] = [];
const held = await service((socket) => accepted.push(socket));
const greeting = await service((socket) => socket.end("welcome\n"));
west.addExport("echo", echo).addExport("held", held).addExport("greeting", greeting).allow();
west.addExport("nowhere", 1);
await west.publish();

const opened: Conversation[] = [];
afterEach(async () => {
  for (const { peer } of opened.splice(0)) peer.terminate();
  for (const socket of accepted.splice(0)) socket.destroy();
  await eventually(() => west.relay.live.size === 0, "all connections have ended");
  west.records.length = 0;
});

const dial = async (options: Partial<RawOptions> = {}, port = west.port): Promise<Conversation> => {
  const conversation = await Conversation.dial(port, { ...eastCertificates, ...options });
  opened.push(conversation);
  return conversation;
};

async function tokenFor(name: string, attributes: unknown = null): Promise<string> {
  const { status, fields } = await (await dial()).say(authzText(name, attributes)).answer();
  expect(status).toBe(200);
  return fields["x-access-token"] as string;
}

/** @returns a stream to the export. */
async function connected(name: string): Promise<Conversation> {
  const conversation = (await dial()).say(connectText(await tokenFor(name)));
  expect((await conversation.answer(true)).status).toBe(200);
  return conversation;
}

describe("the dialect", () => {
  test.each([
    ["no ALPN", undefined],
    ["http/1.1", "http/1.1"],
  ])("is spoken with %s", async (_name, alpn) => {
    const answer = await (await dial({ alpn })).say("GET /healthz HTTP/1.1\r\nHost: west\r\n\r\n").answer();
    expect(answer.status).toBe(200);
    const labels = Buffer.from(answer.fields["clusterlinkpeerlabels"] as string, "base64").toString();
    expect(JSON.parse(labels)).toEqual({ region: "eu" });
  });

  test("keeps its connection from one request to the next, pipelined ones too", async () => {
    const health = "GET /healthz HTTP/1.1\r\nHost: west\r\n\r\n";
    const conversation = (await dial()).say(health + authzText("echo") + authzText("none") + health);
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await conversation.answer()).status);
    expect(statuses).toEqual([200, 200, 404, 200]);
    expect((await conversation.say(authzText("echo")).answer()).fields["x-access-token"]).toBeDefined();
  });

  test.each(["west:443", "west", "another.example:1", "[fd00::1]"])(
    "takes a CONNECT to %s: the token decides",
    async (target) => {
      const stream = (await dial()).say(connectText(await tokenFor("echo"), target));
      expect((await stream.answer(true)).status).toBe(200);
      stream.say("hello");
      await stream.heard("hello");
    },
  );

  test("ends a connection whose request says so", async () => {
    const conversation = (await dial()).say("GET /healthz HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n");
    expect((await conversation.answer()).fields["connection"]).toBe("close");
    expect(await conversation.closed()).toBe("ended");
  });

  test("without a certificate has neither /healthz nor /authz nor CONNECT", async () => {
    const requests = ["GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n", authzText("echo"), connectText(await forgedToken())];
    for (const request of requests) {
      const stranger = (await Conversation.dial(west.port, {})).say(request);
      await stranger.closed();
      expect(stranger.rest).toBe("");
    }
  });
});

describe("/authz", () => {
  test("gives a token for an export that policy allows, which is used once the connection is made", async () => {
    const stream = await connected("echo");
    stream.say("hello");
    await stream.heard("hello");
  });

  const bodies: [string, string, number][] = [
    ["SrcAttributes null", '{"ServiceName":"echo","ServiceNamespace":"default","SrcAttributes":null}', 200],
    ["SrcAttributes {}", '{"ServiceName":"echo","ServiceNamespace":"default","SrcAttributes":{}}', 200],
    ["no SrcAttributes", '{"ServiceName":"echo","ServiceNamespace":"default"}', 200],
    ["unknown fields", '{"ServiceName":"echo","ServiceNamespace":"default","Extra":[{}]}', 200],
    ["an unknown export", '{"ServiceName":"none","ServiceNamespace":"default"}', 404],
    ["an export of another namespace", '{"ServiceName":"echo","ServiceNamespace":"other"}', 404],
    ["a name that every object inherits", '{"ServiceName":"constructor","ServiceNamespace":"__proto__"}', 404],
    ["no ServiceName", '{"ServiceNamespace":"default"}', 400],
    ["a name longer than any", JSON.stringify({ ServiceName: "x".repeat(254), ServiceNamespace: "default" }), 400],
    [
      "attributes that are no strings",
      '{"ServiceName":"echo","ServiceNamespace":"default","SrcAttributes":{"a":1}}',
      400,
    ],
    ["no JSON", "{", 400],
    ["nothing", "", 400],
    ["a body of more than 64 KiB", " ".repeat(65_537), 413],
  ];
  test.each(bodies)("with %s", async (_name, body, status) => {
    expect((await (await dial()).say(post(body)).answer()).status).toBe(status);
  });

  test("in chunks, split anywhere", async () => {
    const body = '{"ServiceName":"echo","ServiceNamespace":"default"}';
    const chunks = [body.slice(0, 7), body.slice(7)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
    const text = `POST /authz HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`;
    const conversation = await dial();
    for (const character of text) {
      conversation.say(character);
      if (Math.random() < 0.1) await Bun.sleep(1);
    }
    expect((await conversation.answer()).status).toBe(200);
  });

  test("with Expect: 100-continue is told to go on before the body", async () => {
    const [head, body] = authzText("echo").split("\r\n\r\n") as [string, string];
    const conversation = (await dial()).say(`${head}\r\nExpect: 100-continue\r\n\r\n`);
    expect((await conversation.answer()).status).toBe(100);
    expect((await conversation.say(body).answer()).status).toBe(200);
  });

  test("is answered when the peer has finished after its request", async () => {
    const conversation = (await dial()).say(authzText("echo"));
    conversation.peer.end();
    expect((await conversation.answer()).status).toBe(200);
    await conversation.closed();
  });

  test("writes a line for what it refuses, and none for what it grants", async () => {
    await tokenFor("echo");
    await (await dial()).say(authzText("none")).answer();
    expect(west.records).toMatchObject([{ side: "server", peer: "east", export: "default/none", outcome: "refused" }]);
  });
});

describe("CONNECT", () => {
  test("is answered with the shortest head there is: what follows is the service's", async () => {
    const conversation = (await dial()).say(connectText(await tokenFor("greeting")));
    await eventually(() => conversation.rest.endsWith("welcome\n"), "the greeting has come");
    expect(conversation.rest).toBe("HTTP/1.1 200 OK\r\n\r\nwelcome\n");
  });

  test("in the spelling of Envoy, on a connection that has served /authz", async () => {
    const conversation = (await dial()).say(authzText("echo"));
    const token = (await conversation.answer()).fields["x-access-token"];
    conversation.say(
      `CONNECT remote-peer-west:443 HTTP/1.1\r\nhost: remote-peer-west:443\r\nx-forwarded-proto: https\r\n` +
        `x-request-id: 7e5a\r\nauthorization: bearer ${token}\r\ncontent-length: 0\r\n\r\n`,
    );
    expect((await conversation.answer(true)).status).toBe(200);
    conversation.say("raw");
    await conversation.heard("raw");
  });

  test("takes bytes that come with its head as the stream's first, whatever they look like", async () => {
    const first = "GET /healthz HTTP/1.1\r\nHost: west\r\n\r\n";
    const conversation = (await dial()).say(connectText(await tokenFor("echo")) + first);
    expect((await conversation.answer(true)).status).toBe(200);
    conversation.say("more");
    await conversation.heard(`${first}more`);
  });

  test("takes the peer's FIN with its head, too", async () => {
    const conversation = (await dial()).say(`${connectText(await tokenFor("echo"))}all of it`);
    conversation.peer.end();
    expect((await conversation.answer(true)).status).toBe(200);
    await eventually(() => conversation.peer.ended, "the service has finished");
    await conversation.heard("all of it");
  });

  test("split anywhere, and slowly", async () => {
    const conversation = await dial();
    const text = connectText(await tokenFor("echo"));
    for (let at = 0; at < text.length; at += 7) {
      conversation.say(text.slice(at, at + 7));
      await Bun.sleep(1);
    }
    expect((await conversation.answer(true)).status).toBe(200);
  });

  test("with more pipelined bytes than are held while the service is reached", async () => {
    const bytes = "x".repeat(300_000);
    const conversation = (await dial()).say(connectText(await tokenFor("echo")) + bytes);
    expect((await conversation.answer(true)).status).toBe(200);
    await conversation.heard(bytes);
  });

  test("without authorization is malformed", async () => {
    expect((await (await dial()).say(connectText(undefined)).answer()).status).toBe(400);
  });

  const tokens: [string, TokenRecipe][] = [
    ["an expired token", { expires: -1 }],
    ["a token signed with another key", { key: Buffer.alloc(32, 8) }],
    ["a token of another algorithm", { alg: "HS512", key: Buffer.alloc(64, 7) }],
    ["a token without a caller, as ClusterLink makes it", { claims: { caller: undefined } }],
    ["a token that another member has taken", { claims: { caller: "north" } }],
    ["a token without attributes", { claims: { source: undefined } }],
    ["a token without an export", { claims: { export_name: undefined } }],
  ];
  test.each(tokens)("with %s is forbidden", async (_name, recipe) => {
    const conversation = (await dial()).say(connectText(await forgedToken(recipe)));
    expect((await conversation.answer()).status).toBe(403);
    expect(west.records).toMatchObject([{ side: "server", peer: "east", outcome: "refused" }]);
    await conversation.closed();
  });

  test.each([
    ["no token at all", "Bearer x.y.z", 403],
    ["another scheme", "Basic ZWFzdDp3ZXN0", 400],
    ["two tokens", "Bearer a b", 400],
  ])("with %s", async (_name, authorization, status) => {
    const request = `CONNECT w:443 HTTP/1.1\r\nHost: w:443\r\nAuthorization: ${authorization}\r\n\r\n`;
    expect((await (await dial()).say(request).answer()).status).toBe(status);
  });

  test("with a token that another member has taken from /authz is forbidden", async () => {
    const token = await tokenFor("echo");
    const thief = (await dial(northCertificates)).say(connectText(token));
    expect((await thief.answer()).status).toBe(403);
    const rightful = (await dial()).say(connectText(token));
    expect((await rightful.answer(true)).status).toBe(200);
  });

  test("to an export that is gone meanwhile is 404, and what was pipelined is never read as a request", async () => {
    const token = await forgedToken({ claims: { export_name: "gone" } });
    const conversation = (await dial()).say(`${connectText(token)}GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n`);
    expect((await conversation.answer()).status).toBe(404);
    await conversation.closed();
    expect(conversation.rest).toBe("");
  });

  test("to a service that cannot be reached is 502", async () => {
    const conversation = (await dial()).say(connectText(await tokenFor("nowhere")));
    expect((await conversation.answer()).status).toBe(502);
    expect(west.records.at(-1)).toMatchObject({ export: "default/nowhere", outcome: "failed" });
  });
});

describe("a stream", () => {
  test("half-closes both ways", async () => {
    const stream = await connected("held");
    await eventually(() => accepted.length === 1, "the service has accepted");
    const [far] = accepted as [Socket];
    stream.say("request");
    stream.peer.end();
    expect((await readAll(far)).toString()).toBe("request");
    far.write("late ");
    await Bun.sleep(20);
    far.end("reply");
    await eventually(() => stream.peer.ended || stream.peer.gone !== undefined, "the service has finished");
    await stream.heard("late reply");
    await eventually(() => west.records.length === 1, "the connection is over");
    expect(west.records).toMatchObject([{ outcome: "closed", bytesIn: 7, bytesOut: 10, peer: "east" }]);
  });

  test("that the service finishes first goes on in the other direction", async () => {
    const stream = await connected("held");
    await eventually(() => accepted.length === 1, "the service has accepted");
    const [far] = accepted as [Socket];
    far.end("bye");
    await eventually(() => stream.peer.ended, "the service has finished");
    stream.say("still here");
    expect(await next(far)).toBe("still here");
    stream.peer.end();
  });

  test("that the peer resets resets the service", async () => {
    const stream = await connected("held");
    await eventually(() => accepted.length === 1, "the service has accepted");
    const [far] = accepted as [Socket];
    far.resume();
    const gone = new Promise((resolve) => far.once("error", (error: NodeJS.ErrnoException) => resolve(error.code)));
    stream.peer.terminate();
    expect(await gone).toBe("ECONNRESET");
    await eventually(() => west.records.length === 1, "the connection is over");
    expect(west.records[0]).toMatchObject({ outcome: "reset" });
  });

  test("that the service resets is reset", async () => {
    const stream = await connected("held");
    await eventually(() => accepted.length === 1, "the service has accepted");
    (accepted[0] as Socket).resetAndDestroy();
    await eventually(() => stream.peer.gone !== undefined, "the stream is gone");
    expect(stream.peer.gone).toBe("ECONNRESET");
  });
});

describe("what breaks the rules of HTTP", () => {
  const head = (...lines: string[]) => `${lines.join("\r\n")}\r\n\r\n`;
  const authzHead = "POST /authz HTTP/1.1";
  const messages: [string, string, number][] = [
    [
      "Content-Length with Transfer-Encoding",
      head(authzHead, "Host: w", "Content-Length: 5", "Transfer-Encoding: chunked"),
      400,
    ],
    ["two Content-Lengths", head(authzHead, "Host: w", "Content-Length: 5", "Content-Length: 6"), 400],
    ["a coding behind chunked", head(authzHead, "Host: w", "Transfer-Encoding: chunked, identity"), 400],
    ["a bare LF", "GET /healthz HTTP/1.1\nHost: w\n\n", 400],
    ["obs-fold", head("GET /healthz HTTP/1.1", "Host: w", "X: a", " b"), 400],
    ["two Hosts", head("GET /healthz HTTP/1.1", "Host: w", "Host: v"), 400],
    ["no Host", head("GET /healthz HTTP/1.1"), 400],
    [
      "two authorizations",
      head("CONNECT w:443 HTTP/1.1", "Host: w", "Authorization: Bearer a", "Authorization: Bearer b"),
      400,
    ],
    ["a space before the colon", head("GET /healthz HTTP/1.1", "Host : w"), 400],
    ["a CONNECT with a body", head("CONNECT w:443 HTTP/1.1", "Host: w", "Content-Length: 3"), 400],
    ["HTTP/2's preface", head("PRI * HTTP/2.0"), 505],
    ["a chunk without a size", `${head(authzHead, "Host: w", "Transfer-Encoding: chunked")}zz\r\n`, 400],
    ["a head of more than 64 KiB", `GET /healthz HTTP/1.1\r\nHost: w\r\nX: ${"x".repeat(65_536)}`, 431],
  ];
  test.each(messages)("%s is refused, and nothing more is read", async (_name, text, status) => {
    const conversation = (await dial()).say(`${text}${head("GET /healthz HTTP/1.1", "Host: w")}`);
    const answer = await conversation.answer();
    expect([answer.status, answer.fields["connection"]]).toEqual([status, "close"]);
    await conversation.closed();
    expect(conversation.rest).toBe("");
  });
});

describe("identity", () => {
  test("a member that claims another's name or attributes is judged as itself", async () => {
    const onlyNorth = { "peer.clusterlink.net/name": "north" };
    const site = new Site(await certificatesOf("south"));
    site.addExport("echo", echo).allow("north", {
      action: "allow",
      from: [{ workloadSelector: { matchLabels: onlyNorth } }],
      to: [{ workloadSelector: {} }],
    });
    await site.publish();
    const ask = async (certificates: object, attributes: unknown) => {
      const conversation = await dial({ ...certificates, serverName: "south" }, site.port);
      return (await conversation.say(authzText("echo", attributes)).answer()).status;
    };
    const claims = { ...onlyNorth, "export.clusterlink.net/name": "x", "client.clusterlink.net/namespace": "default" };
    expect(await ask(northCertificates, claims)).toBe(200);
    expect(await ask(northCertificates, { "peer.clusterlink.net/name": "east" })).toBe(200);
    expect(await ask(eastCertificates, claims)).toBe(403);
    expect(site.records).toMatchObject([{ peer: "east", outcome: "refused", policy: "default-deny" }]);
    expect(site.records[0]?.attributes).toEqual({
      "peer.clusterlink.net/name": "east",
      "client.clusterlink.net/namespace": "default",
    });
  });

  test.each([
    ["null", null],
    ["empty", {}],
    ["without a namespace", { "client.clusterlink.net/labels.app": "web" }],
  ])("a client whose attributes are %s is unidentified: any deny about clients concerns it", async (_name, claims) => {
    const selector = (app: string) => ({ matchLabels: { "client.clusterlink.net/labels.app": app } });
    west.allow("deny-bad", {
      action: "deny",
      from: [{ workloadSelector: selector("bad") }],
      to: [{ workloadSelector: {} }],
    });
    await west.publish();
    const status = async (attributes: unknown) =>
      (await (await dial()).say(authzText("echo", attributes)).answer()).status;
    expect(await status(claims)).toBe(403);
    expect(
      await status({ "client.clusterlink.net/namespace": "default", "client.clusterlink.net/labels.app": "web" }),
    ).toBe(200);
    delete west.tables.policies["regular/default/deny-bad"];
    await west.publish();
  });
});

describe("live judgement", () => {
  test("decides again at CONNECT", async () => {
    const token = await tokenFor("echo");
    delete west.tables.policies["regular/default/allow-all"];
    await west.publish();
    expect((await (await dial()).say(connectText(token)).answer()).status).toBe(403);
    await west.allow().publish();
    const again = (await dial()).say(connectText(token));
    expect((await again.answer(true)).status).toBe(200);
  });

  test("cuts a stream that policy does not allow any more, by the attributes it had at /authz", async () => {
    const web = { "client.clusterlink.net/namespace": "default", "client.clusterlink.net/labels.app": "web" };
    const stream = (await dial()).say(connectText(await tokenFor("held", web)));
    expect((await stream.answer(true)).status).toBe(200);
    const other = await connected("echo");
    await eventually(() => accepted.length === 1, "the service has accepted");
    expect(west.relay.live.reports().map(({ export: name, peer }) => [name, peer])).toContainEqual([
      "default/held",
      "east",
    ]);
    west.allow("no-web", {
      action: "deny",
      from: [{ workloadSelector: { matchLabels: { "client.clusterlink.net/labels.app": "web" } } }],
      to: [{ workloadSelector: { matchLabels: { "export.clusterlink.net/name": "held" } } }],
    });
    await west.publish();
    await eventually(() => stream.peer.gone !== undefined, "the stream is cut");
    expect(stream.peer.gone).toBe("ECONNRESET");
    expect(west.records).toMatchObject([{ outcome: "cut", export: "default/held" }]);
    other.say("on");
    await other.heard("on");
    delete west.tables.policies["regular/default/no-web"];
    await west.publish();
  });

  test("cuts a stream whose export is deleted", async () => {
    const entry = west.tables.exports["default/held"]!;
    const stream = await connected("held");
    delete west.tables.exports["default/held"];
    await west.publish();
    await eventually(() => stream.peer.gone !== undefined, "the stream is cut");
    west.tables.exports["default/held"] = entry;
    await west.publish();
  });

  test("ends the connections of a peer whose CA is trusted no more, kept ones and streams", async () => {
    const site = new Site(await certificatesOf("south"));
    await site.addExport("echo", echo).allow().publish();
    const kept = await dial({ serverName: "south" }, site.port);
    const { fields } = await kept.say(authzText("echo")).answer();
    const stream = await dial({ serverName: "south" }, site.port);
    expect((await stream.say(connectText(fields["x-access-token"])).answer(true)).status).toBe(200);
    const { issueFabric } = await import("../../src/pki/issue.ts");
    const other = await issueFabric({ name: "other" });
    site.tables.site.self.certificates = { ...(await certificatesOf("south", other)), ca: other.cert };
    await site.publish();
    await eventually(() => stream.peer.gone !== undefined && kept.peer.gone !== undefined, "both are gone");
  });
});

test("a peer gets no answer once its certificate has ended, on a connection from before either", async () => {
  const day = 86_400_000;
  const short = await certificatesOf("east", undefined, { days: 1, now: Date.now() - day + 2000 });
  const conversation = await dial(short);
  expect((await conversation.say(authzText("echo")).answer()).status).toBe(200);
  await Bun.sleep(short.notAfter - Date.now() + 2);
  await conversation.say(authzText("echo")).closed();
  expect(conversation.rest).toBe("");
});

describe("a gateway that goes away", () => {
  test("ends idle connections, keeps streams, and answers 503 to what comes in between", async () => {
    const site = new Site(await certificatesOf("south"));
    await site.addExport("echo", echo).allow().publish();
    const dialSouth = () => dial({ serverName: "south" }, site.port);
    const idle = await dialSouth();
    const token = (await idle.say(authzText("echo")).answer()).fields["x-access-token"];
    const stream = (await dialSouth()).say(connectText(token));
    expect((await stream.answer(true)).status).toBe(200);
    const halfway = (await dialSouth()).say("POST /authz HTTP/1.1\r\n");
    const probing = (await dialSouth()).say("GET /healthz HTTP/1.1\r\n");
    await Bun.sleep(20);
    const drained = site.drain();
    await idle.closed();
    const refused = await halfway.say(authzText("echo").slice("POST /authz HTTP/1.1\r\n".length)).answer();
    expect([refused.status, refused.fields["connection"]]).toEqual([503, "close"]);
    const last = await probing.say("Host: south\r\n\r\n").answer();
    expect([last.status, last.fields["connection"]]).toEqual([200, "close"]);
    stream.say("last words");
    await stream.heard("last words");
    stream.peer.end();
    expect(await drained).toBe(0);
  });
});

describe("a gateway that cannot", () => {
  test("hold more connections answers 503 to peers that are here", async () => {
    const site = new Site(await certificatesOf("south"));
    await site.addExport("echo", echo).allow().publish();
    const { descriptors } = site.relay;
    const dialSouth = () => dial({ serverName: "south" }, site.port);
    const kept = await dialSouth();
    const token = (await kept.say(authzText("echo")).answer()).fields["x-access-token"];
    const other = await dialSouth();
    const taken = descriptors.limit;
    for (let i = 0; i < taken; i++) descriptors.take();
    expect((await kept.say(authzText("echo")).answer()).status).toBe(503);
    expect((await other.say(connectText(token)).answer()).status).toBe(503);
    for (let i = 0; i < taken; i++) descriptors.give();
    expect((await kept.say(authzText("echo")).answer()).status).toBe(200);
  });

  test("sign tokens, because its key is too short, answers 503 and goes on", async () => {
    const site = new Site(await certificatesOf("south"));
    site.tables.site.self.authzKey = Buffer.alloc(16).toString("base64");
    await site.addExport("echo", echo).allow().publish();
    const kept = await dial({ serverName: "south" }, site.port);
    expect((await kept.say(authzText("echo")).answer()).status).toBe(503);
    expect((await kept.say("GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n").answer()).status).toBe(200);
    expect((await kept.say(connectText(await forgedToken())).answer()).status).toBe(503);
  });
});

test("while a key is being replaced, tokens of either are good, and afterwards those of the new one only", async () => {
  const site = new Site(await certificatesOf("south"));
  const [old, next] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const { self } = site.tables.site;
  await site.addExport("echo", echo).allow().publish();
  const statuses = async () => {
    const tokens = await Promise.all([old, next].map((key) => forgedToken({ key })));
    const conversations = await Promise.all(tokens.map(() => dial({ serverName: "south" }, site.port)));
    const answers = tokens.map((token, index) => conversations[index]?.say(connectText(token)).answer(true));
    return (await Promise.all(answers)).map((answer) => answer?.status);
  };
  const [first, second] = [old, next].map((key) => key.toString("base64")) as [string, string];
  site.tables.site.self = { ...self, authzKey: first, acceptedAuthzKeys: [second] };
  await site.publish();
  expect(await statuses()).toEqual([200, 200]);
  site.tables.site.self = { ...self, authzKey: second, acceptedAuthzKeys: [first] };
  await site.publish();
  expect(await statuses()).toEqual([200, 200]);
  site.tables.site.self = { ...self, authzKey: second };
  await site.publish();
  expect(await statuses()).toEqual([403, 200]);
});

test("a connection that says nothing is ended", async () => {
  const peer = await RawPeer.dial(west.port, { ...eastCertificates, alpn: undefined });
  peer.send(Buffer.from("GET /healthz HTTP/1.1\r\n"));
  const deadline = performance.now() + 7000;
  while (!peer.ended && peer.gone === undefined && performance.now() < deadline) await Bun.sleep(50);
  expect(peer.ended || peer.gone !== undefined).toBe(true);
}, 10_000);
