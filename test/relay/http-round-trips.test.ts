/**
 * The first byte over HTTP/1.1 is three round trips away: `/authz`, CONNECT, and the application's own. They are counted
 * here, not timed: a handshake, or any other request in front of these, would be one more.
 */
import { afterAll, afterEach, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { Clock, certificatesOf, Site, source } from "./fabric.ts";
import { type Asked, type GatewayConnection, HttpGateway } from "./http-conversation.ts";
import { application, eventually, next } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

/** How long a connection is kept before it brings a request by itself, and a little more, in milliseconds. */
const REST = 1_100;

const clock = new Clock();
const west = new HttpGateway(await certificatesOf("west"));
const east = new Site(await certificatesOf("east"), {}, clock).addGateways("west", [west.port]).allow();
const port = east.addImport("echo", [source("west", "echo")]);
await east.publish();

const apps: Socket[] = [];
afterEach(() => {
  for (const app of apps.splice(0)) app.destroy();
});
afterAll(() => west.stop());

/** Waits until at least two connections are ready, and all of them at both ends. */
async function ready(): Promise<void> {
  await eventually(async () => {
    const idle = (await east.report()).tunnels.filter(({ state }) => state === "idle").length;
    return idle >= 2 && west.idle.length === idle;
  }, "two connections are ready");
}

/** Waits until each connection that is ready has brought the request that keeps it: then none comes by itself. */
async function rested(): Promise<void> {
  await ready();
  clock.advance(REST);
  const kept = () => west.idle.every(({ index }) => west.asked.some(({ connection }) => connection === index));
  await eventually(() => west.idle.length >= 2 && kept(), "each has brought a request");
  await ready();
}

/** @returns the connections that are ready, and the requests so far. */
const before = () => ({ ready: west.idle.map(({ index }) => index), asked: west.asked.length });

/** Sends a request of an application. @returns it, and the connection at the gateway that the request came on. */
async function send(request: string): Promise<{ app: Socket; connection: GatewayConnection }> {
  const app = application(port);
  apps.push(app);
  app.write(request);
  let connection: GatewayConnection | undefined;
  await eventually(() => {
    connection = west.connections.find(({ stream }) => stream === request);
    return connection !== undefined;
  }, "the request has arrived");
  return { app, connection: connection as GatewayConnection };
}

const linesOn = (connection: GatewayConnection, asked: Asked[]) =>
  asked.filter((each) => each.connection === connection.index).map(({ line }) => line);

const TWO = ["POST /authz HTTP/1.1", "CONNECT west:443 HTTP/1.1"];

test.each([
  ["a connection that has brought no request yet", ready],
  ["a connection that has", rested],
  ["one that was made ready after another had been used", rested],
])("two requests, on %s, and then the application's own", async (_name, prepare) => {
  await prepare();
  const { ready: there, asked } = before();
  const { app, connection } = await send(`request ${asked}`);
  expect(west.asked.slice(asked).map(({ line }) => line)).toEqual(TWO);
  expect(linesOn(connection, west.asked.slice(asked))).toEqual(TWO);
  expect(there).toContain(connection.index);
  connection.say("reply");
  expect(await next(app)).toBe("reply");
});

test("two at once have a connection each that was there before", async () => {
  await rested();
  const { ready: there, asked } = before();
  const both = await Promise.all([send("one"), send("other")]);
  expect(west.asked).toHaveLength(asked + 4);
  for (const { connection } of both) {
    expect(linesOn(connection, west.asked.slice(asked))).toEqual(TWO);
    expect(there).toContain(connection.index);
  }
  expect(both[0].connection).not.toBe(both[1].connection);
});
