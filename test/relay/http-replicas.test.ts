/** Replicas of one gateway: `/authz` may be answered by one of them, and its token comes to any other. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { SiteEntry } from "../../src/snapshot/tables.ts";
import { ALLOW_ALL, certificatesOf, Site } from "./fabric.ts";
import { authzText, Conversation, connectText } from "./http-conversation.ts";
import { eventually, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const eastern = await certificatesOf("east");
const western = await certificatesOf("west");
const echo = await service((socket) => socket.pipe(socket));
const OTHER_KEY = Buffer.alloc(32, 9).toString("base64");

/** @returns a replica of the gateway of west; all have the same certificate and, unless `self` says otherwise, key. */
async function replica(self: Partial<SiteEntry> = {}, policy: AccessPolicySpec = ALLOW_ALL): Promise<Site> {
  const site = new Site(western).addExport("echo", echo).allow("policy", policy);
  Object.assign(site.tables.site.self, self);
  await site.publish();
  return site;
}

const opened: Conversation[] = [];
afterEach(() => {
  for (const { peer } of opened.splice(0)) peer.terminate();
});

async function dial({ port }: Site): Promise<Conversation> {
  const conversation = await Conversation.dial(port, eastern);
  opened.push(conversation);
  return conversation;
}

async function tokenFrom(site: Site, attributes: Record<string, string> | null = null): Promise<string> {
  const { status, fields } = await (await dial(site)).say(authzText("echo", attributes)).answer();
  expect(status).toBe(200);
  return fields["x-access-token"] as string;
}

/** Shows the token to a replica. @returns its status, and the connection. */
async function redeem(site: Site, token: string): Promise<{ status: number; stream: Conversation }> {
  const stream = (await dial(site)).say(connectText(token));
  return { status: (await stream.answer(true)).status, stream };
}

const first = await replica();

describe("a token that one replica has given", () => {
  test("opens a stream at another", async () => {
    const second = await replica();
    const { status, stream } = await redeem(second, await tokenFrom(first));
    expect(status).toBe(200);
    await stream.say("hello").heard("hello");
    expect(first.relay.live.size).toBe(0);
    expect(second.relay.live.size).toBe(1);
  });

  test("is refused at one that has another key", async () => {
    const stranger = await replica({ authzKey: OTHER_KEY });
    expect((await redeem(stranger, await tokenFrom(first))).status).toBe(403);
    expect(stranger.records).toMatchObject([
      { side: "server", peer: "east", outcome: "refused", reason: expect.stringContaining("not of this site") },
    ]);
  });

  test("is good at one that has a newer key and still accepts the older one", async () => {
    const older = first.tables.site.self.authzKey;
    const renewed = await replica({ authzKey: OTHER_KEY, acceptedAuthzKeys: [older] });
    expect((await redeem(renewed, await tokenFrom(first))).status).toBe(200);
    const dropped = await replica({ authzKey: OTHER_KEY, acceptedAuthzKeys: [] });
    expect((await redeem(dropped, await tokenFrom(first))).status).toBe(403);
  });

  test("is decided about again by the other, with the attributes that the first was told, for as long as it lives", async () => {
    const matchLabels = { "client.clusterlink.net/labels.app": "web" };
    const second = await replica({}, { ...ALLOW_ALL, from: [{ workloadSelector: { matchLabels } }] });
    const client = (app: string) => ({
      "client.clusterlink.net/namespace": "default",
      "client.clusterlink.net/labels.app": app,
    });
    expect((await redeem(second, await tokenFrom(first, client("other")))).status).toBe(403);
    const { status, stream } = await redeem(second, await tokenFrom(first, client("web")));
    expect(status).toBe(200);
    await stream.say("hello").heard("hello");
    second.allow("policy", { ...ALLOW_ALL, from: [{ workloadSelector: { matchLabels: { ...client("other") } } }] });
    await second.publish();
    await eventually(() => stream.peer.gone === "ECONNRESET", "the stream is cut");
    expect(second.records.at(-1)).toMatchObject({ outcome: "cut", peer: "east" });
  });
});
