/** A connection through two real gateways, while processes of theirs are killed, replaced or told to end. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { childrenOf, freePort, GatewaySite, until } from "./gateway-process.ts";

const API = "/apis/clusterlink.net/v1alpha1/namespaces";
const ALLOW_ALL = { action: "allow", from: [{ workloadSelector: {} }], to: [{ workloadSelector: {} }] };

let east: GatewaySite;
let west: GatewaySite;
let supervisors: { east: Bun.Subprocess; west: Bun.Subprocess };
let service: Server;
let port: number;
const connections: Connection[] = [];

/** A connection to the imported service, which answers every line with the same line. */
class Connection {
  readonly socket: Socket;
  received = "";
  over = false;
  failed = false;

  constructor() {
    this.socket = createConnection({ host: "127.0.0.1", port });
    this.socket.on("data", (chunk) => {
      this.received += chunk;
    });
    this.socket.on("error", () => {
      this.failed = true;
    });
    this.socket.on("close", () => {
      this.over = true;
    });
    connections.push(this);
  }

  /** @returns whether a line comes back. */
  async answers(line: string): Promise<boolean> {
    this.socket.write(`${line}\n`);
    await until(() => this.over || this.received.includes(`${line}\n`));
    return !this.over;
  }
}

async function create(site: GatewaySite, plural: string, kind: string, name: string, spec: object): Promise<void> {
  const namespace = kind === "Peer" ? "clusterlink-system" : "default";
  const object = { apiVersion: "clusterlink.net/v1alpha1", kind, metadata: { name, namespace }, spec };
  const answer = await site.request("POST", `${API}/${namespace}/${plural}`, object);
  expect(answer.status).toBe(201);
}

function controlOf(supervisor: Bun.Subprocess): number {
  for (const [line, pid] of childrenOf(supervisor.pid)) if (line.startsWith("clusterlink control")) return pid;
  return 0;
}

beforeEach(async () => {
  [east, west] = await Promise.all([GatewaySite.create("east"), GatewaySite.create("west")]);
  const [first, second] = await Promise.all([east.startReady(), west.startReady(["--peer-label", "region=eu"])]);
  supervisors = { east: first, west: second };
  service = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  port = freePort();
  const { port: target } = service.address() as AddressInfo;
  await create(west, "exports", "Export", "echo", { host: "127.0.0.1", port: target });
  await create(west, "accesspolicies", "AccessPolicy", "all", ALLOW_ALL);
  await create(east, "accesspolicies", "AccessPolicy", "all", ALLOW_ALL);
  await create(east, "peers", "Peer", "west", { gateways: [{ host: "127.0.0.1", port: west.port }] });
  const sources = [{ peer: "west", exportName: "echo", exportNamespace: "default" }];
  await create(east, "imports", "Import", "echo", { port, sources });
  await until(async () => {
    const probe = new Connection();
    const answered = await probe.answers("ready");
    probe.socket.destroy();
    return answered;
  });
});

afterEach(async () => {
  for (const { socket } of connections.splice(0)) socket.destroy();
  service.close();
  await Promise.all([east.close(), west.close()]);
});

test("a connection survives the death and the return of both controls, and new ones are made meanwhile", async () => {
  const connection = new Connection();
  expect(await connection.answers("before")).toBe(true);
  const killed = [controlOf(supervisors.east), controlOf(supervisors.west)];
  for (const pid of killed) process.kill(pid, "SIGKILL");
  expect(await new Connection().answers("meanwhile")).toBe(true);
  expect(await connection.answers("during")).toBe(true);
  await until(() => ![0, ...killed].includes(controlOf(supervisors.east)));
  await Promise.all([east.ready(), west.ready()]);
  expect(await connection.answers("after")).toBe(true);
  expect(await new Connection().answers("new")).toBe(true);
});

test.each(["east", "west"] as const)(
  "the deletion of the policy that allows it cuts a connection at %s",
  async (side) => {
    const site = side === "east" ? east : west;
    const connection = new Connection();
    expect(await connection.answers("before")).toBe(true);
    expect((await site.request("DELETE", `${API}/default/accesspolicies/all`)).status).toBe(200);
    await until(() => connection.over);
    expect(await new Connection().answers("denied")).toBe(false);
  },
);

test.each(["east", "west"] as const)("a gateway (%s) that is told to end lets a connection finish", async (side) => {
  const connection = new Connection();
  expect(await connection.answers("before")).toBe(true);
  supervisors[side].kill("SIGTERM");
  await Bun.sleep(150);
  expect(await connection.answers("during")).toBe(true);
  connection.socket.end();
  await until(() => connection.over);
  expect(connection.failed).toBe(false);
  expect(await supervisors[side].exited).toBe(0);
});

test("a gateway that is told to end twice resets what is left", async () => {
  const connection = new Connection();
  expect(await connection.answers("before")).toBe(true);
  supervisors.east.kill("SIGTERM");
  await Bun.sleep(50);
  expect(connection.over).toBe(false);
  supervisors.east.kill("SIGTERM");
  expect(await supervisors.east.exited).toBe(0);
  await until(() => connection.over);
});

test("heartbeats make a peer reachable and bring its labels", async () => {
  await until(async () => (await east.status())?.peers[0]?.reachable);
  expect((await east.status())?.peers[0]).toMatchObject({ name: "west", labels: { region: "eu" } });
});
