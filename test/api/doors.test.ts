/** The three doors with real sockets and certificates. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Hono } from "hono";
import type { ApiEnv } from "../../src/api/deps.ts";
import { type HttpsDoorOptions, openHttpsDoor } from "../../src/api/https-door.ts";
import { openUnixDoor } from "../../src/api/unix-door.ts";
import { issueFabric, issuePeer } from "./certificates.ts";
import { createApi, imports, openSite } from "./site.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "clusterlink-door-"));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** An app that answers with what it got. */
function echo() {
  const app = new Hono<ApiEnv>();
  app.post("/echo", async (c) => c.body(await c.req.arrayBuffer()));
  app.get("/hello", (c) => c.text("hello"));
  app.get("/slow", async (c) => {
    await Bun.sleep(200);
    return c.text("slow");
  });
  app.get("/large", (c) => c.body(new Uint8Array(20 * 1024 * 1024).fill(7)));
  return app;
}

const ignore = () => undefined;

const fabric = issueFabric({ name: "fabric" });
const peer = async (name: string) => issuePeer({ name }, await fabric);

async function secureEcho(
  options: Pick<HttpsDoorOptions, "maxConnections" | "handshakeTimeout" | "unreadTimeout"> = {},
) {
  const socket = join(await folder(), "api.sock");
  const backend = openUnixDoor(socket, echo());
  cleanups.push(() => backend.close(0));
  const door = openHttpsDoor({ host: "127.0.0.1", port: 0, socket, certificate: await peer("east"), ...options });
  cleanups.push(() => door.close(0));
  const ca = (await fabric).cert;
  return { door, ca, url: `https://127.0.0.1:${door.port}`, tls: { ca, serverName: "east" } };
}

function secureSocket(port: number, ca: string, serverName = "east"): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { port, host: "127.0.0.1", ca, servername: serverName, ALPNProtocols: ["h2", "http/1.1"] },
      () => resolve(socket),
    );
    socket.on("error", reject);
  });
}

describe("the private socket", () => {
  test("has mode 0600 and goes when the door closes", async () => {
    const path = join(await folder(), "api.sock");
    const door = openUnixDoor(path, echo());
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await (await fetch("http://site/hello", { unix: path })).text()).toBe("hello");
    await door.close(0);
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });
  test("leaves the umask as it was", async () => {
    const before = process.umask();
    const door = openUnixDoor(join(await folder(), "api.sock"), echo());
    cleanups.push(() => door.close(0));
    expect(process.umask()).toBe(before);
  });
  test("takes the place of one that a killed process left", async () => {
    const path = join(await folder(), "api.sock");
    const script = `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response("old") }); console.log("up"); process.kill(process.pid, "SIGKILL");`;
    await Bun.spawn([process.execPath, "-e", script], { stdout: "ignore" }).exited;
    expect((await stat(path)).isSocket()).toBe(true);
    const door = openUnixDoor(path, echo());
    cleanups.push(() => door.close(0));
    expect(await (await fetch("http://site/hello", { unix: path })).text()).toBe("hello");
  });
  test("never removes a file that is no socket", async () => {
    const path = join(await folder(), "api.sock");
    await writeFile(path, "precious");
    expect(() => openUnixDoor(path, echo())).toThrow(expect.objectContaining({ code: "NotASocket" }));
    expect(await Bun.file(path).text()).toBe("precious");
  });
  test("with a path of more than 107 bytes is an error that says so", () => {
    const path = `/tmp/${"x".repeat(103)}`;
    expect(() => openUnixDoor(path, echo())).toThrow(`the socket path ${path} has 108 bytes, at most 107 are possible`);
  });
  test("sees a client leave in the middle of its body, which is no defect", async () => {
    const site = await openSite();
    cleanups.push(() => site.close());
    const path = join(site.folder, "door.sock");
    const door = openUnixDoor(path, createApi(site.deps));
    cleanups.push(() => door.close(0));
    const client = connect(path);
    client.write(`POST ${imports} HTTP/1.1\r\nHost: site\r\nContent-Length: 100\r\n\r\n{`);
    await Bun.sleep(50);
    client.destroy();
    await Bun.sleep(50);
    expect((await fetch("http://site/livez", { unix: path })).headers.get("content-type")).toStartWith("text/plain");
    expect(site.logged).toEqual([]);
  });
  test("lets a request that is under way end when it closes", async () => {
    const path = join(await folder(), "api.sock");
    const door = openUnixDoor(path, echo());
    const answer = fetch("http://site/slow", { unix: path });
    await Bun.sleep(50);
    await door.close(2_000);
    expect(await (await answer).text()).toBe("slow");
  });
});

describe("the HTTPS door", () => {
  test("shows the site's certificate and speaks HTTP/1.1, whatever else is offered", async () => {
    const { door, ca } = await secureEcho();
    const socket = await secureSocket(door.port, ca);
    expect([socket.authorized, socket.alpnProtocol, socket.getPeerCertificate().subjectaltname]).toEqual([
      true,
      "http/1.1",
      "DNS:east",
    ]);
    socket.destroy();
  });
  test("carries large bodies whole in both directions", async () => {
    const { url, tls } = await secureEcho();
    const sent = crypto.getRandomValues(new Uint8Array(65_536));
    const body = Buffer.concat(Array.from({ length: 60 }, () => sent));
    const answer = await fetch(`${url}/echo`, { method: "POST", body, tls });
    expect(Bun.hash(await answer.arrayBuffer())).toBe(Bun.hash(body));
    expect((await (await fetch(`${url}/large`, { tls })).arrayBuffer()).byteLength).toBe(20 * 1024 * 1024);
  });
  test("waits for a slow reader and loses nothing", async () => {
    const { door, ca } = await secureEcho();
    const socket = await secureSocket(door.port, ca);
    socket.write("GET /large HTTP/1.1\r\nHost: east\r\nConnection: close\r\n\r\n");
    socket.pause();
    await Bun.sleep(200);
    let bytes = 0;
    await new Promise<void>((resolve) => {
      socket.on("data", (data) => {
        bytes += data.length;
      });
      socket.on("end", resolve);
      socket.on("close", () => resolve());
      socket.resume();
    });
    expect(bytes).toBeGreaterThan(20 * 1024 * 1024);
    socket.destroy();
  });
  test("answers who has finished speaking", async () => {
    const { door, ca } = await secureEcho();
    const socket = await secureSocket(door.port, ca);
    let said = "";
    socket.on("data", (data) => {
      said += data.toString();
    });
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.end("GET /slow HTTP/1.1\r\nHost: east\r\nConnection: close\r\n\r\n");
    await closed;
    expect(said).toEndWith("slow");
  });
  test("shows a new certificate to new connections, and the old ones go on", async () => {
    const { door, ca } = await secureEcho();
    const old = await secureSocket(door.port, ca);
    door.replaceCertificate(await peer("renamed"));
    const next = await secureSocket(door.port, ca, "renamed");
    expect(next.getPeerCertificate().subjectaltname).toBe("DNS:renamed");
    const answer = new Promise<string>((resolve) => old.once("data", (data) => resolve(data.toString())));
    old.write("GET /hello HTTP/1.1\r\nHost: east\r\n\r\n");
    expect(await answer).toStartWith("HTTP/1.1 200 OK");
    old.destroy();
    next.destroy();
  });
  test("gives a handshake only so much time, and allows only so many connections", async () => {
    const { door, url, tls } = await secureEcho({ maxConnections: 2, handshakeTimeout: 300 });
    const closed: Promise<void>[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      closed.push(promise);
      await Bun.connect({
        hostname: "127.0.0.1",
        port: door.port,
        socket: { data: ignore, close: () => resolve(), error: () => resolve() },
      });
    }
    await closed[2];
    await expect(fetch(`${url}/hello`, { tls })).rejects.toThrow();
    await Promise.all(closed);
    expect(await (await fetch(`${url}/hello`, { tls })).text()).toBe("hello");
  });
  test("is not kept by a client that does not close its side", async () => {
    const { door, ca } = await secureEcho({ unreadTimeout: 300 });
    const [ended, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
    let answer = "";
    await Bun.connect({
      hostname: "127.0.0.1",
      port: door.port,
      allowHalfOpen: true,
      tls: { ca, serverName: "east" },
      socket: {
        handshake: (socket) => void socket.write("GET /hello HTTP/1.1\r\nHost: east\r\nConnection: close\r\n\r\n"),
        data: (_, chunk) => {
          answer += chunk;
        },
        end: () => ended.resolve(),
        close: (_, error) => gone.resolve(String(error)),
      },
    });
    await ended.promise;
    expect(answer).toEndWith("hello");
    expect(await Promise.race([gone.promise, Bun.sleep(3_000).then(() => "kept")])).not.toBe("kept");
  });

  test("outlives garbage instead of a handshake", async () => {
    const { door, url, tls } = await secureEcho();
    const { promise, resolve } = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port: door.port,
      socket: {
        open: (socket) => void socket.write("GET / HTTP/1.1\r\n\r\n"),
        data: ignore,
        close: () => resolve(),
        error: () => resolve(),
      },
    });
    await promise;
    expect(await (await fetch(`${url}/hello`, { tls })).text()).toBe("hello");
  });
  test("that cannot be bound names address and flag", async () => {
    const { door } = await secureEcho();
    const certificate = await peer("east");
    expect(() => openHttpsDoor({ host: "127.0.0.1", port: door.port, socket: "/nowhere", certificate })).toThrow(
      /cannot listen on 127.0.0.1 port \d+.*--api-listen/,
    );
  });
  test("needs a token for everything, and a stranger's connection is closed", async () => {
    const site = await openSite();
    cleanups.push(() => site.close());
    const socket = join(site.folder, "token.sock");
    const backend = openUnixDoor(socket, createApi({ ...site.deps, auth: "token" }));
    cleanups.push(() => backend.close(0));
    const door = openHttpsDoor({ host: "127.0.0.1", port: 0, socket, certificate: await peer("east") });
    cleanups.push(() => door.close(0));
    const { cert: ca } = await fabric;

    const stranger = await secureSocket(door.port, ca);
    let said = "";
    const closed = new Promise<void>((resolve) => stranger.on("close", () => resolve()));
    stranger.on("data", (data) => {
      said += data.toString();
    });
    stranger.write(`POST ${imports} HTTP/1.1\r\nHost: east\r\nContent-Length: 100000\r\n\r\nabc`);
    await closed;
    expect(said).toStartWith("HTTP/1.1 401");

    const { token } = await site.deps.tokens.issue("read", 60);
    const answer = await fetch(`https://127.0.0.1:${door.port}/status`, {
      tls: { ca, serverName: "east" },
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(200);
  });
});
