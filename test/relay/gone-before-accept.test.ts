/** Whoever connects and resets at once may be gone before the relay has accepted: nothing is left to ask, not even whose it was. */
import { afterAll, describe, expect, test } from "bun:test";
import { certificatesOf, Site, source } from "./fabric.ts";
import { application, eventually, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const echo = await service((socket) => socket.pipe(socket));
const west = new Site(await certificatesOf("west")).addExport("echo", echo).allow();
await west.publish();
const east = new Site(await certificatesOf("east")).addPeer(west).allow();
const port = east.addImport("echo", [source("west", "echo")]);
await east.publish();
const used = () => [east.relay.descriptors.used, west.relay.descriptors.used].join();
await eventually(async () => (await east.report()).tunnels.length === 2 && used() === "2,2", "the tunnels are warm");

/** Connects and resets so often. No event of this process happens meanwhile. */
function knock(at: number, times: number): void {
  const knocker = `
    const { connect } = require("node:net");
    let left = ${times};
    const again = () => {
      if (left-- === 0) process.exit();
      const socket = connect(${at}, "127.0.0.1", () => socket.resetAndDestroy());
      socket.once("close", again);
    };
    again();`;
  Bun.spawnSync([process.execPath, "-e", knocker]);
}

describe("a connection that was reset before it was accepted is forgotten, and others are served, at", () => {
  test.each([
    ["the port of an Import", () => port],
    ["the peer port", () => west.port],
  ])("%s", async (_name, at) => {
    knock(at(), 20);
    await Bun.sleep(50);
    const app = application(port);
    app.end("hello");
    expect(String(await readAll(app))).toBe("hello");
    await eventually(() => used() === "2,2", "no descriptor is left behind");
    expect(east.relay.live.size).toBe(0);
  });
});
