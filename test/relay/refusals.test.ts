/** Who gets nothing: a site is what its certificate says, and policy at both sides has the last word. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { FrameType } from "../../src/wire/frames.ts";
import { decodeRefused } from "../../src/wire/messages.ts";
import type { Made, Recipe } from "../pki/authority.ts";
import { ALLOW_ALL, Site, source } from "./fabric.ts";
import { RawGateway, type RawOptions, RawPeer } from "./raw-peer.ts";
import { application, ending, eventually, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

// Loaded after ./fabric.ts has loaded the metadata library, which it needs.
const { clientAuth, DAY, make, makeRoot, makeSite, serverAuth } = await import("../pki/authority.ts");

const present = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
const past = { notBefore: Date.now() - 2 * DAY, notAfter: Date.now() - DAY };
const root = await makeRoot(present);
const foreignRoot = await makeRoot(present);

/** What a site, or somebody who would like to be one, shows: in order, but for what the recipe says. */
const shown = async (name: string, recipe: Recipe = {}, issuer: Made = root) => {
  const { pem, key } = await makeSite(issuer, name, { ...present, ...recipe });
  return { ca: root.pem, cert: pem, key };
};

async function certificates(name: string): Promise<CertificateEntry> {
  return { ...(await shown(name)), name, notAfter: present.notAfter };
}

const west = new Site(await certificates("west"), { region: "eu" });
const east = new Site(await certificates("east"), { region: "us" });
const echo = await service((socket: Socket) => socket.pipe(socket));
west.addExport("echo", echo).allow();
await west.publish();
await east.addPeer(west).allow().publish();
const honest = await shown("east");

/** @returns what becomes of a tunnel of these credentials to the site `west`: whether it is let in. */
async function visit(options: RawOptions): Promise<"let in" | "refused"> {
  const peer = await RawPeer.dial(west.port, options);
  if (peer.gone === undefined) peer.hello();
  await eventually(() => peer.gone !== undefined || peer.ended || peer.frames.length > 0, "the site has answered");
  peer.terminate();
  return peer.frames.length > 0 ? "let in" : "refused";
}

describe("the peer port", () => {
  const inOrder: [string, () => Promise<RawOptions>][] = [
    ["a certificate of this fabric", async () => honest],
    ["another first name than the CN", () => shown("east", { subject: "CN=west", san: ["north"] })],
  ];
  test.each(inOrder)("lets in: %s", async (_name, options) => {
    expect(await visit(await options())).toBe("let in");
  });

  const refused: [string, () => Promise<RawOptions>][] = [
    ["no client certificate", async () => ({ ca: root.pem })],
    ["a certificate of a foreign CA", () => shown("east", {}, foreignRoot)],
    [
      "a certificate that signed itself",
      async () => {
        const { pem, key } = await make({ ...present, subject: "CN=east", san: ["east"], eku: [clientAuth] });
        return { ca: root.pem, cert: pem, key };
      },
    ],
    ["an expired certificate", () => shown("east", past)],
    [
      "a certificate that is not valid yet",
      () => shown("east", { notBefore: Date.now() + DAY, notAfter: Date.now() + 2 * DAY }),
    ],
    ["a certificate without a DNS SAN, whatever its CN", () => shown("east", { san: [] })],
    ["a first DNS SAN that can name no site", () => shown("east", { san: ["*.example"] })],
    ["a certificate for servers only", () => shown("east", { eku: [serverAuth] })],
  ];
  test.each(refused)("refuses: %s", async (_name, options) => {
    expect(await visit(await options())).toBe("refused");
  });

  test("lets in a certificate for clients only: it is a client here", async () => {
    expect(await visit(await shown("east", { eku: [clientAuth] }))).toBe("let in");
  });

  test("keeps nothing of those it refused", async () => {
    await eventually(async () => (await west.report()).tunnels.length === 0, "no tunnel is left");
    expect(west.relay.live.size).toBe(0);
  });
});

describe("a dialler", () => {
  /** @returns how an application's connection to the Import ends when its peer's gateway shows these credentials. */
  async function connectTo(credentials: RawOptions): Promise<{ end: string; opens: number }> {
    const gateway = new RawGateway(credentials);
    const site = new Site(await certificates("south"));
    site.tables.site.self.deadlines.open = 300;
    site.tables.peers["west"] = {
      name: "west",
      gateways: [{ host: "127.0.0.1", port: gateway.port }],
      reachable: [true],
    };
    const port = site.allow().addImport("echo", [source("west", "echo")]);
    await site.publish();
    const end = await ending(
      application(port).on("connect", function (this: Socket) {
        this.write("secret");
      }),
    );
    const opens = gateway.tunnels.filter(({ raw }) => raw.includes("secret")).length;
    await site.drain(0, 0);
    gateway.stop();
    return { end, opens };
  }

  const impostors: [string, () => Promise<RawOptions>][] = [
    ["another site's name", () => shown("mallory")],
    ["the peer's name as CN only", () => shown("west", { san: ["mallory"] })],
    ["the peer's name as its second", () => shown("west", { san: ["mallory", "west"] })],
    ["no name at all", () => shown("west", { san: [] })],
    ["a certificate of a foreign CA", () => shown("west", {}, foreignRoot)],
    ["an expired certificate", () => shown("west", past)],
    ["a certificate for clients only", () => shown("west", { eku: [clientAuth] })],
  ];
  test.each(impostors)("tells nothing to a gateway that shows: %s", async (_name, credentials) => {
    expect(await connectTo(await credentials())).toEqual({ end: "ECONNRESET", opens: 0 });
  });

  test("talks to one that shows the peer's name first", async () => {
    const both = await shown("west", { san: ["west", "mallory"] });
    expect(await connectTo(both)).toEqual({ end: "ECONNRESET", opens: 1 });
  });
});

describe("a peer is judged as itself", () => {
  /** @returns `opened`, or the code of the refusal. */
  async function ask(attributes: Record<string, string>, name = "echo", options: RawOptions = honest): Promise<string> {
    const peer = await RawPeer.tunnel(west.port, options);
    peer.open(1, name, attributes);
    await eventually(
      () => peer.frames.some(({ type }) => type === FrameType.opened || type === FrameType.refused),
      "the OPEN was answered",
    );
    const answer = peer.frames.find(({ type }) => type === FrameType.refused);
    peer.terminate();
    return answer === undefined ? "opened" : decodeRefused(answer.payload).code;
  }

  async function onlyPolicies(...policies: [string, AccessPolicySpec, "privileged"?][]): Promise<void> {
    west.tables.policies = {};
    for (const [name, spec, tier] of policies) {
      if (tier === undefined) west.allow(name, spec);
      else west.tables.policies[`privileged/${name}`] = { tier, name, spec };
    }
    await west.publish();
  }

  const from = (action: "allow" | "deny", matchLabels: Record<string, string>): AccessPolicySpec => ({
    action,
    from: [{ workloadSelector: { matchLabels } }],
    to: [{ workloadSelector: {} }],
  });
  const PEER = "peer.clusterlink.net/name";
  const ROLE = "client.clusterlink.net/labels.role";
  const NAMESPACE = "client.clusterlink.net/namespace";

  test("a name in the attributes of OPEN does not count", async () => {
    await onlyPolicies(["admins", from("allow", { [PEER]: "admin" })]);
    expect(await ask({ [PEER]: "admin" })).toBe("denied");
    expect(await ask({}, "echo", await shown("admin"))).toBe("opened");
  });

  test("nor does it hide the true one", async () => {
    await onlyPolicies(["all", ALLOW_ALL], ["not-east", from("deny", { [PEER]: "east" })]);
    expect(await ask({ [PEER]: "admin" })).toBe("denied");
  });

  test("peer labels in OPEN do not count: those of HELLO do", async () => {
    await onlyPolicies(["eu", from("allow", { "peer.clusterlink.net/labels.region": "eu" })]);
    expect(await ask({ "peer.clusterlink.net/labels.region": "eu" })).toBe("denied");
    const peer = await RawPeer.dial(west.port, honest);
    peer.hello({ labels: { region: "eu" } });
    await peer.next(FrameType.hello);
    peer.open(1, "echo");
    expect((await peer.next(FrameType.opened)).payload).toEqual(Buffer.from([0, 0, 0, 1]));
    peer.terminate();
  });

  test("export attributes in OPEN do not count", async () => {
    const spec: AccessPolicySpec = {
      action: "allow",
      from: [{ workloadSelector: {} }],
      to: [{ workloadSelector: { matchLabels: { "export.clusterlink.net/labels.public": "yes" } } }],
    };
    await onlyPolicies(["public", spec]);
    expect(await ask({ "export.clusterlink.net/labels.public": "yes" })).toBe("denied");
    await onlyPolicies(["from-public", from("allow", { "export.clusterlink.net/labels.public": "yes" })]);
    expect(await ask({ "export.clusterlink.net/labels.public": "yes" })).toBe("denied");
  });

  test("client attributes are its claim about its own clients, and count when the namespace is among them", async () => {
    await onlyPolicies(["web", from("allow", { [ROLE]: "web" })]);
    expect(await ask({ [NAMESPACE]: "shop", [ROLE]: "web" })).toBe("opened");
    expect(await ask({ [NAMESPACE]: "shop", [ROLE]: "batch" })).toBe("denied");
    expect(await ask({ [ROLE]: "web" })).toBe("denied");
  });

  test("an unknown client triggers a deny that it might match, a known one that does not match passes", async () => {
    await onlyPolicies(["all", ALLOW_ALL], ["no-batch", from("deny", { [ROLE]: "batch" })]);
    expect(await ask({})).toBe("denied");
    expect(await ask({ [NAMESPACE]: "shop", [ROLE]: "batch" })).toBe("denied");
    expect(await ask({ [NAMESPACE]: "shop" })).toBe("opened");
  });

  test("without any policy nothing opens", async () => {
    await onlyPolicies();
    expect(await ask({})).toBe("denied");
  });

  test("a deny wins over an allow", async () => {
    await onlyPolicies(["all", ALLOW_ALL], ["nobody", from("deny", {})]);
    expect(await ask({})).toBe("denied");
  });

  test("a privileged policy wins over a regular one, in both directions", async () => {
    await onlyPolicies(["all", ALLOW_ALL], ["lock", from("deny", {}), "privileged"]);
    expect(await ask({})).toBe("denied");
    await onlyPolicies(["nobody", from("deny", {})], ["open", ALLOW_ALL, "privileged"]);
    expect(await ask({})).toBe("opened");
  });

  test("a regular policy of another namespace says nothing here", async () => {
    west.tables.policies = {
      "regular/other/all": { tier: "regular", namespace: "other", name: "all", spec: ALLOW_ALL },
    };
    await west.publish();
    expect(await ask({})).toBe("denied");
  });

  const inherited = ["constructor", "__proto__", "toString"];
  test.each(["nothing", ...inherited])("an unknown export is not found: %s", async (name) => {
    await onlyPolicies(["all", ALLOW_ALL]);
    expect(await ask({}, name)).toBe("not-found");
  });

  test("a refusal names no policy and leaves the tunnel usable", async () => {
    await onlyPolicies(["secret-rule", from("deny", {})]);
    const peer = await RawPeer.tunnel(west.port, honest);
    peer.open(1, "echo").data("early");
    const refused = decodeRefused((await peer.next(FrameType.refused)).payload);
    expect(refused.reason).not.toContain("secret-rule");
    await onlyPolicies(["all", ALLOW_ALL]);
    peer.open(2, "echo").data("hello");
    await eventually(() => peer.text === "hello", "the second stream works");
    peer.terminate();
  });
});

describe("the client's side decides too", () => {
  let port: number;
  beforeAll(async () => {
    west.tables.policies = {};
    await west.allow().publish();
    port = east.addImport("echo", [source("west", "echo")]);
    await east.publish();
    await eventually(async () => (await east.report()).tunnels.some(({ state }) => state === "idle"), "warm");
  });

  async function connect(): Promise<string> {
    const app = application(port);
    app.end("ping");
    return readAll(app).then(String, (error: NodeJS.ErrnoException) => error.code ?? error.message);
  }

  test("allowed on both sides, it goes through", async () => {
    expect(await connect()).toBe("ping");
  });

  test("denied here, it is reset, nobody is asked, and the access log names the policy", async () => {
    const before = west.records.length;
    east.tables.policies = {};
    await east.publish();
    expect(await connect()).toBe("ECONNRESET");
    await Bun.sleep(20);
    expect(west.records.length).toBe(before);
    expect(east.records.at(-1)).toMatchObject({ outcome: "refused", decision: "deny", policy: "default-deny" });
  });

  test("denied there, it is reset", async () => {
    await east.allow().publish();
    west.tables.policies = {};
    await west.publish();
    expect(await connect()).toBe("ECONNRESET");
    expect(west.records.at(-1)).toMatchObject({ outcome: "refused", decision: "deny", policy: "default-deny" });
  });

  test("the attributes that go out are those of the client table, and decide there", async () => {
    east.tables.clients["127.0.0.1/32"] = { namespace: "shop", labels: { role: "web" } };
    const spec: AccessPolicySpec = {
      action: "allow",
      from: [{ workloadSelector: { matchLabels: { "client.clusterlink.net/labels.role": "web" } } }],
      to: [{ workloadSelector: {} }],
    };
    await east.publish();
    await west.allow("web", spec).publish();
    expect(await connect()).toBe("ping");
    east.tables.site.self.clientsFresh = false;
    await east.publish();
    expect(await connect()).toBe("ECONNRESET");
  });
});

describe("an HTTP visitor without a certificate", () => {
  async function request(head: string): Promise<string> {
    const peer = await RawPeer.dial(west.port, { ca: root.pem, alpn: "http/1.1" });
    peer.send(Buffer.from(`${head}\r\nHost: west\r\n\r\n`));
    await eventually(() => peer.raw.length > 0 || peer.gone !== undefined || peer.ended, "the site has answered");
    peer.terminate();
    return peer.raw.split("\r\n")[0] ?? "";
  }

  test.each(["/livez", "/readyz"])("is answered %s", async (path) => {
    expect(await request(`GET ${path} HTTP/1.1`)).toBe("HTTP/1.1 200 OK");
  });

  const rest = [
    "GET / HTTP/1.1",
    "GET /healthz HTTP/1.1",
    "GET /metrics HTTP/1.1",
    "POST /livez HTTP/1.1",
    "POST /authz HTTP/1.1",
    "CONNECT west:443 HTTP/1.1",
    "GET /apis HTTP/1.1",
    "nonsense",
  ];
  test.each(rest)("is not answered: %s", async (head) => {
    expect(await request(head)).toBe("");
  });
});
