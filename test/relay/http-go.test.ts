/**
 * Peering with a gateway built on Go's net/http and crypto/tls, in both directions, with the keys that ClusterLink makes
 * (RSA-4096, PKCS#1). It cannot half-close: when one side of it ends, it closes both.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createHash, createPrivateKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { freePort } from "../free-port.ts";
import { requires } from "../requires.ts";
import { certificatesOf, fabric, Site, source } from "./fabric.ts";
import { oldGateway } from "./old-gateway.ts";
import { application, digest, ending, eventually, next, readAll, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

const go = requires("go");
const MiB = 1 << 20;
const SIZE = 64 * MiB;
const block = randomBytes(MiB);

/** @returns certificates with a key as ClusterLink's `create peer-cert` writes it. */
async function clusterlinkCertificates(name: string): Promise<CertificateEntry> {
  const { key, ...rest } = await certificatesOf(name, fabric, { keyType: "rsa-4096" });
  return { ...rest, key: createPrivateKey(key).export({ type: "pkcs1", format: "pem" }).toString() };
}

/** Writes `SIZE` bytes and no FIN. @returns their SHA-256. */
async function send(socket: Socket): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < SIZE; at += MiB) {
    block.writeUInt32LE(at);
    const part = Buffer.from(block);
    hash.update(part);
    if (!socket.write(part)) await once(socket, "drain");
  }
  return hash.digest("hex");
}

/** Reads `SIZE` bytes, without waiting for an end. @returns their SHA-256. */
function take(socket: Socket): Promise<string> {
  const hash = createHash("sha256");
  let size = 0;
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.on("data", (chunk) => {
      hash.update(chunk);
      size += chunk.length;
      if (size === SIZE) resolve(hash.digest("hex"));
    });
  });
}

const accepted: Socket[] = [];
const opened: Socket[] = [];
const uploads: string[] = [];
const downloads: string[] = [];

async function services() {
  const web = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end(`${request.method} ${request.url}`));
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  return {
    web: (web.address() as { port: number }).port,
    held: await service((socket) => accepted.push(socket)),
    greeting: await service((socket) =>
      socket
        .on("end", () => socket.end())
        .resume()
        .write("welcome"),
    ),
    bulk: await service(async (socket) => {
      uploads.push(await take(socket));
      downloads.push(await send(socket));
      socket.end();
    }),
  };
}

describe.skipIf(go.skip)(`a gateway written in Go ${go.reason}`, () => {
  const ports = { old: freePort(), web: freePort(), held: freePort(), greeting: freePort(), bulk: freePort() };
  let east: Site;
  let stop = async () => {};
  let imported: Record<keyof Awaited<ReturnType<typeof services>>, number>;
  const exported: Record<keyof Awaited<ReturnType<typeof services>>, number> = ports;

  beforeAll(async () => {
    const [ours, theirs] = await Promise.all([clusterlinkCertificates("east"), clusterlinkCertificates("old")]);
    const all = await services();
    east = new Site(ours, { region: "us" });
    east.tables.peers["old"] = { name: "old", gateways: [{ host: "127.0.0.1", port: ports.old }], reachable: [true] };
    const names = Object.keys(all) as (keyof typeof all)[];
    const imports: Record<number, { peer: string; port: number; export: string }> = {};
    for (const name of names) {
      east.addExport(name, all[name]);
      imports[ports[name]] = { peer: "east", port: east.port, export: name };
    }
    imported = {
      web: east.addImport("web", [source("old", "web")]),
      held: east.addImport("held", [source("old", "held")]),
      greeting: east.addImport("greeting", [source("old", "greeting")]),
      bulk: east.addImport("bulk", [source("old", "bulk")]),
    };
    stop = await oldGateway({ certificates: theirs, port: ports.old, exports: all, imports, denied: "bad" });
    await east.allow().publish();
  }, 180_000);

  afterAll(() => stop());

  afterEach(async () => {
    for (const socket of [...opened.splice(0), ...accepted.splice(0)]) socket.destroy();
    await eventually(() => east.relay.live.size === 0, "all connections have ended");
    east.records.length = uploads.length = downloads.length = 0;
  });

  function connect(port: number): Socket {
    const socket = application(port);
    opened.push(socket);
    return socket;
  }

  async function pair(port: number): Promise<{ app: Socket; far: Socket }> {
    const app = connect(port);
    await eventually(() => accepted.length === 1, "the service has accepted");
    return { app, far: accepted[0] as Socket };
  }

  describe.each([
    ["as exporter", () => imported],
    ["as importer", () => exported],
  ])("%s", (_name, through) => {
    test("carries HTTP, kept alive and not", async () => {
      for (let i = 0; i < 10; i++) {
        const response = await fetch(`http://127.0.0.1:${through().web}/${i}`, { method: "POST", body: "x".repeat(i) });
        expect(await response.text()).toBe(`POST /${i}`);
      }
      const closing = await fetch(`http://127.0.0.1:${through().web}/`, { headers: { connection: "close" } });
      expect(await closing.text()).toBe("GET /");
    });

    test("carries 64 MiB each way with equal hashes, and its close is an end", async () => {
      const app = connect(through().bulk);
      const got = digest(app);
      const sent = await send(app);
      expect(await got).toEqual({ hash: expect.any(String), size: SIZE });
      expect(uploads).toEqual([sent]);
      expect(downloads).toEqual([(await got).hash]);
    }, 30_000);

    test("brings a slow reader all that was sent before it closed", async () => {
      const { app, far } = await pair(through().held);
      app.write("request");
      expect(await next(far)).toBe("request");
      app.pause();
      const sent = send(far).then((hash) => {
        far.end();
        return hash;
      });
      await Bun.sleep(300);
      expect(await digest(app)).toEqual({ hash: await sent, size: SIZE });
    }, 30_000);

    test("loses nothing of a service that speaks first, nor of an application that does", async () => {
      for (let i = 0; i < 30; i++) {
        const app = connect(through().greeting);
        expect(await next(app)).toBe("welcome");
        app.destroy();
      }
      for (let i = 0; i < 10; i++) {
        const headers = { connection: "close" };
        const response = await fetch(`http://127.0.0.1:${through().web}/${i}`, { headers });
        expect(response.status).toBe(200);
      }
    });

    test("ends when the application finishes: nothing hangs", async () => {
      const { app, far } = await pair(through().held);
      const ends = [ending(app), ending(far)];
      app.end("last words");
      const [, there] = await Promise.all(ends);
      expect(there).toBe("end");
      far.destroy();
    });

    test("ends when the service finishes", async () => {
      const { app, far } = await pair(through().held);
      const reply = readAll(app);
      far.end("bye");
      expect((await reply).toString()).toBe("bye");
      app.destroy();
    });

    test("is cut when policy does not allow it any more", async () => {
      const { app, far } = await pair(through().held);
      const ends = [ending(app), ending(far)];
      delete east.tables.policies["regular/default/allow-all"];
      await east.publish();
      await Promise.all(ends);
      expect(east.records).toMatchObject([{ outcome: "cut", peer: "old" }]);
      await east.allow().publish();
    });
  });

  test("is asked with what we know of the client, and its refusal is final for it", async () => {
    east.tables.clients["127.0.0.1/32"] = { namespace: "default", labels: { app: "bad" } };
    await east.publish();
    expect(await ending(connect(imported.greeting))).toBe("ECONNRESET");
    await eventually(() => east.records.length === 1, "the connection is over");
    expect(east.records).toMatchObject([{ outcome: "refused", tried: [{ peer: "old", result: "denied" }] }]);
    east.tables.clients = {};
    await east.publish();
  });

  test("is judged as the site that its certificate names, with its clients as it claims them", async () => {
    const app = connect(exported.greeting);
    await next(app);
    expect(east.relay.live.reports()).toMatchObject([
      {
        peer: "old",
        export: "default/greeting",
        attributes: {
          "peer.clusterlink.net/name": "old",
          "peer.clusterlink.net/labels.region": "old",
          "client.clusterlink.net/labels.app": "web",
        },
      },
    ]);
  });

  test("keeps the connections that are ready for longer than it waits for a first request", async () => {
    const idle = async () => (await east.report()).tunnels.filter(({ state }) => state === "idle");
    await eventually(async () => (await idle()).length >= 2, "connections are ready");
    const before = (await idle()).length;
    await Bun.sleep(2500);
    expect((await idle()).length).toBeGreaterThanOrEqual(Math.min(before, 2));
    const app = connect(imported.greeting);
    expect(await next(app)).toBe("welcome");
    app.destroy();
    await eventually(() => east.records.length === 1, "the connection is over");
    expect(east.records[0]?.tried).toBeUndefined();
  });
});
