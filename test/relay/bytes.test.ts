/** No byte is lost or made up: half-closes, large transfers, slow readers, resets. */
import { afterAll, expect, test } from "bun:test";
import { application, readAll } from "./sockets.ts";
import { tearDown } from "./teardown.ts";
import { describeBytes, TwoSites } from "./two-sites.ts";

afterAll(tearDown);

const sites = await TwoSites.start((east, west) => void east.addPeer(west));

describeBytes(sites);

test("tunnels are reused, and one connection's bytes never reach another", async () => {
  const before = (await sites.east.report()).tunnels.length;
  for (let i = 0; i < 50; i++) {
    const app = application(sites.echo);
    app.end(`message ${i}`);
    expect((await readAll(app)).toString()).toBe(`message ${i}`);
  }
  expect((await sites.east.report()).tunnels.length).toBe(before);
});

test("a report tells of each connection only when it is asked to, and always how many there are", async () => {
  await sites.pair();
  const report = async (connections: boolean) => {
    const { connections: each, connectionCount } = await sites.east.report(connections);
    return [each.length, connectionCount];
  };
  expect(await report(true)).toEqual([1, 1]);
  expect(await report(false)).toEqual([0, 1]);
});
