/** The kernel watches over the local hosts of connections that last. */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { certificatesOf, Site, source } from "./fabric.ts";
import { application, next, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const ESTABLISHED = "01";
/** proc(5), `tcp`: a timer that is neither a retransmission nor a probe of a window; keep-alive, here. */
const KEEP_ALIVE = "02";

/** @returns whether the kernel has a keep-alive timer for the connection between those ports, at the first one's end. */
function isWatched(local: number, remote: number): boolean {
  const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/self/net/tcp", "utf8").split("\n");
  const fields = rows.map((row) => row.trim().split(/\s+/));
  const row = fields.find(([, from, to, state]) => {
    return from?.endsWith(hex(local)) && to?.endsWith(hex(remote)) && state === ESTABLISHED;
  });
  if (row === undefined) throw new Error(`there is no connection from port ${local} to port ${remote}`);
  return row[5]?.startsWith(KEEP_ALIVE) ?? false;
}

test("both ends of a connection that has lasted for seconds have a keep-alive timer", async () => {
  const east = new Site(await certificatesOf("east")).allow();
  const west = new Site(await certificatesOf("west")).allow();
  const ends: Socket[] = [];
  const echo = await service((socket) => ends.push(socket.pipe(socket) as Socket));
  west.addExport("echo", echo);
  const port = east.addPeer(west).addImport("echo", [source("west", "echo")]);
  await west.publish();
  await east.publish();
  const app = application(port);
  app.write("hello");
  expect(await next(app)).toBe("hello");

  const watched = () => [isWatched(port, app.localPort ?? 0), isWatched(ends[0]?.remotePort ?? 0, echo)];
  expect(watched()).toEqual([false, false]);
  for (const deadline = Date.now() + 50_000; Date.now() < deadline && watched().includes(false); ) await Bun.sleep(100);
  expect(watched()).toEqual([true, true]);
  app.destroy();
}, 60_000);
