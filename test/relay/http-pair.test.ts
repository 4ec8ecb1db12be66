/** Two of ours that speak HTTP/1.1 to each other lose nothing either, and judge as they do in their own dialect. */
import { afterAll, describe, expect, test } from "bun:test";
import { bridge } from "./http-bridge.ts";
import { application, ending, eventually, readAll } from "./sockets.ts";
import { tearDown } from "./teardown.ts";
import { describeBytes, TwoSites } from "./two-sites.ts";

afterAll(tearDown);

const sites = await TwoSites.start((east, west) => {
  const port = bridge(east.tables.site.self.certificates, west.tables.site.self.certificates, west.port);
  east.addGateways("west", [port]);
});
const { east, west } = sites;

test("the two speak HTTP/1.1", async () => {
  await eventually(async () => (await west.report()).tunnels.length > 0, "they are connected");
  expect((await west.report()).peerLabels).toEqual({});
  const app = application(sites.echo);
  app.end("x");
  await readAll(app);
  await eventually(() => east.records.length + west.records.length === 2, "the connection is over");
  expect(west.records[0]?.attributes).toEqual({ "peer.clusterlink.net/name": "east" });
});

describeBytes(sites);

describe("live judgement", () => {
  test.each([
    ["the importing", east, west],
    ["the exporting", west, east],
  ])("at %s site cuts both ends", async (_name, judge, other) => {
    const { app, far } = await sites.pair();
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
    expect(await ending(application(sites.echo))).toBe("ECONNRESET");
    await eventually(() => west.records.length === 1 && east.records.length === 1, "both have written their lines");
    expect(west.records).toMatchObject([{ policy: "default/no-us", outcome: "refused", peer: "east" }]);
    expect(east.records).toMatchObject([{ outcome: "refused", tried: [{ peer: "west", result: "denied" }] }]);
    delete west.tables.policies["regular/default/no-us"];
    await west.publish();
  });
});
