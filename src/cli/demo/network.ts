/** Free ports, and the request that the demo is about. */
import { createConnection, createServer, type Server } from "node:net";
import { CliError } from "../errors.ts";
import { errorCode } from "../server.ts";

/** How long an import's port may take to appear, and a request to be answered; milliseconds. */
const DEADLINE = 10_000;

/** What came of a request: its answer, or that the connection was cut. */
export type RequestOutcome = { answered: true; status: number; body: string } | { answered: false; reason: string };

/** @returns as many loopback ports as asked for, each free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("a TCP listener without a port");
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function listenAnywhere(): Promise<Server> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => done(server));
  });
}

/** Waits until the port takes connections. Throws past the deadline. */
export async function untilListening(port: number): Promise<void> {
  const end = Date.now() + DEADLINE;
  while (!(await connects(port))) {
    if (Date.now() > end) throw new CliError("failed", `port ${port} of the import takes no connections`);
    await Bun.sleep(20);
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

/** Sends one GET on a connection of its own. */
export async function request(url: string): Promise<RequestOutcome> {
  try {
    const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(DEADLINE) });
    return { answered: true, status: response.status, body: (await response.text()).trimEnd() };
  } catch (error) {
    return { answered: false, reason: errorCode(error) };
  }
}
