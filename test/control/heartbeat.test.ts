import { afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { HeartbeatConnection } from "../../src/control/heartbeat/connection.ts";
import { HeartbeatMonitor } from "../../src/control/heartbeat/monitor.ts";
import { Streak } from "../../src/control/heartbeat/streak.ts";
import { peerChain, peerIdentity } from "../../src/pki/identity.ts";
import { issueFabric } from "../../src/pki/issue.ts";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { encodeResponse } from "../../src/wire/http/encode.ts";
import { encodePeerLabels } from "../../src/wire/http/peer-labels.ts";
import { RequestParser } from "../../src/wire/http/request.ts";
import { certificatesOf, fabric } from "./certificates.ts";
import { until } from "./follower.ts";

const east = await certificatesOf("east");
const west = await certificatesOf("west");
const stranger = await certificatesOf("east", await issueFabric({ name: "other" }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function ignore(): void {
  // Bytes that no test looks at.
}

interface Gateway {
  port: number;
  /** The path and the client's name of each request. */
  requests: string[];
  connections: number;
  /** Closes what is open. */
  drop(): void;
  /** Closes what is open and accepts no more. */
  close(): void;
}

/** A TLS server in the place of a gateway: it wants a certificate of the fabric and answers with `labels`. */
async function gateway(own: CertificateEntry, labels: string | undefined, status = 200): Promise<Gateway> {
  const open = new Set<Socket<RequestParser>>();
  const listener = Bun.listen<RequestParser>({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: own.cert, key: own.key, ca: fabric.cert, requestCert: true, rejectUnauthorized: true },
    socket: {
      open: (socket) => {
        socket.data = new RequestParser();
      },
      handshake(socket) {
        if (!socket.authorized) return void socket.terminate();
        seen.connections++;
        open.add(socket);
      },
      data(socket, chunk) {
        if (!socket.authorized) return;
        const { head } = socket.data.push(chunk);
        if (!head) return;
        seen.requests.push(`${head.path} ${peerIdentity(peerChain(socket)).name}`);
        const fields: Record<string, string> = labels === undefined ? {} : { ClusterLinkPeerLabels: labels };
        socket.write(encodeResponse({ status, fields, body: Buffer.from("ok") }));
      },
      close: (socket) => void open.delete(socket),
    },
  });
  const seen: Gateway = {
    port: listener.port,
    requests: [],
    connections: 0,
    drop: () => {
      for (const socket of open) socket.end();
    },
    close: () => listener.stop(true),
  };
  cleanups.push(seen.close);
  return seen;
}

function connection(port: number, own = east, peer = "west"): HeartbeatConnection {
  const made = new HeartbeatConnection(peer, { host: "127.0.0.1", port }, () => own);
  cleanups.push(() => made.close());
  return made;
}

describe("a heartbeat", () => {
  test("asks /healthz with the site's certificate and learns the peer's labels", async () => {
    const there = await gateway(west, encodePeerLabels({ region: "eu" }));
    expect(await connection(there.port).beat(2000)).toEqual({ region: "eu" });
    expect(there.requests).toEqual(["/healthz east"]);
  });

  test("goes over the same connection as the one before", async () => {
    const there = await gateway(west, undefined);
    const beats = connection(there.port);
    for (let i = 0; i < 3; i++) await beats.beat(2000);
    expect(there.requests).toHaveLength(3);
    expect(there.connections).toBe(1);
  });

  test("makes a new connection after the peer has closed it", async () => {
    const there = await gateway(west, undefined);
    const beats = connection(there.port);
    await beats.beat(2000);
    there.drop();
    await Bun.sleep(30);
    await beats.beat(2000);
    expect(there.connections).toBe(2);
  });

  test("of a peer without labels learns that it has none; labels that cannot be read stay unknown", async () => {
    expect(await connection((await gateway(west, undefined)).port).beat(2000)).toEqual({});
    expect(await connection((await gateway(west, "no base64!")).port).beat(2000)).toBeUndefined();
  });

  test("drops labels that no status could hold", async () => {
    const there = await gateway(west, encodePeerLabels({ region: "eu", "not a key": "x", bad: "not a value" }));
    expect(await connection(there.port).beat(2000)).toEqual({ region: "eu" });
  });

  test("fails when the gateway's certificate names another site", async () => {
    const there = await gateway(await certificatesOf("north"), undefined);
    await expect(connection(there.port).beat(2000)).rejects.toThrow(/certificate|north/);
    await Bun.sleep(50);
    expect(there.requests).toEqual([]);
  });

  test("fails when the gateway's certificate is of another fabric", async () => {
    const there = await gateway({ ...stranger, name: "west" }, undefined);
    await expect(connection(there.port, east, "east").beat(2000)).rejects.toThrow(/certificate/);
  });

  test("fails when the gateway does not accept our certificate", async () => {
    const there = await gateway(west, undefined);
    await expect(connection(there.port, stranger).beat(2000)).rejects.toThrow();
    await Bun.sleep(50);
    expect(there.requests).toEqual([]);
  });

  test("fails on any status but 200, and says which", async () => {
    const there = await gateway(west, undefined, 503);
    await expect(connection(there.port).beat(2000)).rejects.toThrow("503");
  });

  test("fails when nobody listens", async () => {
    const there = await gateway(west, undefined);
    there.close();
    await Bun.sleep(10);
    await expect(connection(there.port).beat(2000)).rejects.toThrow();
  });

  test("fails in time when somebody accepts and says nothing", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: ignore } });
    cleanups.push(() => silent.stop(true));
    await expect(connection(silent.port).beat(80)).rejects.toThrow("no answer within 80ms");
  });
});

describe("reachability", () => {
  const table: [rule: string, results: string, reachable: boolean | undefined][] = [
    ["is unknown at first", "", undefined],
    ["is up with the first success", "+", true],
    ["is up with the first success after some failures", "----+", true],
    ["is down with the fifth failure", "-----", false],
    ["is unknown with four failures", "----", undefined],
    ["stays up with four failures", "+----", true],
    ["counts failures in a row only", "+----+----", true],
    ["is down with five in a row", "+-----", false],
    ["stays down with two successes", "-----++", false],
    ["counts successes in a row only", "-----++-++", false],
    ["is up with three in a row", "-----+++", true],
    ["can go down again", "-----+++-----", false],
  ];
  test.each(table)("%s (%s)", (_rule, results, reachable) => {
    const streak = new Streak();
    let last: boolean | undefined;
    for (const result of results) {
      const changed = streak.add(result === "+");
      expect(changed).toBe(streak.reachable !== last);
      last = streak.reachable;
    }
    expect(streak.reachable).toBe(reachable);
  });
});

/** Timers that tests let run one after the other. */
function manualTimers() {
  const pending: { delay: number; callback: () => void }[] = [];
  return {
    pending,
    schedule: (delay: number, callback: () => void) => {
      const timer = { delay, callback };
      pending.push(timer);
      return () => {
        const at = pending.indexOf(timer);
        if (at !== -1) pending.splice(at, 1);
      };
    },
  };
}

describe("the heartbeats of a site", () => {
  function monitor(random = () => 0.5) {
    const timers = manualTimers();
    const counts = { changes: 0, beats: [] as boolean[] };
    const made = new HeartbeatMonitor({
      certificates: () => east,
      timeout: 2000,
      onChange: () => counts.changes++,
      onBeat: (_peer, success) => counts.beats.push(success),
      schedule: timers.schedule,
      random,
    });
    cleanups.push(() => made.stop());
    /** Lets the next heartbeat run. @returns the delay that the one after it is planned with. */
    const beat = async () => {
      const { length } = counts.beats;
      timers.pending.shift()?.callback();
      await until(() => counts.beats.length > length && timers.pending.length > 0);
      return timers.pending[0]?.delay;
    };
    return { made, timers, counts, beat };
  }

  test("come every second, and every ten while the gateway is down", async () => {
    const there = await gateway(west, encodePeerLabels({ region: "eu" }));
    const { made, counts, beat, timers } = monitor();
    made.update(new Map([["west", [{ host: "127.0.0.1", port: there.port }]]]));
    expect(timers.pending[0]?.delay).toBe(0);
    expect(await beat()).toBe(1000);
    expect(made.health("west")).toEqual({ gateways: [{ reachable: true }], labels: { region: "eu" } });
    expect(counts.changes).toBe(1);
    there.close();
    await Bun.sleep(20);
    for (let i = 0; i < 4; i++) expect(await beat()).toBe(1000);
    expect(counts.changes).toBe(1);
    expect(await beat()).toBe(10_000);
    expect(made.health("west")?.gateways[0]).toMatchObject({ reachable: false, lastError: expect.any(String) });
    expect(counts.changes).toBe(2);
  });

  test("are jittered by a tenth", async () => {
    const there = await gateway(west, undefined);
    for (const [random, delay] of [
      [0, 900],
      [1, 1100],
    ] as const) {
      const { made, beat } = monitor(() => random);
      made.update(new Map([["west", [{ host: "127.0.0.1", port: there.port }]]]));
      expect(await beat()).toBeCloseTo(delay);
    }
  });

  test("keep what is known of a gateway that stays, and forget one that goes", async () => {
    const there = await gateway(west, undefined);
    const { made, beat, timers } = monitor();
    const stays = { host: "127.0.0.1", port: there.port };
    made.update(new Map([["west", [stays]]]));
    await beat();
    made.update(new Map([["west", [{ host: "127.0.0.1", port: 1 }, stays]]]));
    expect(made.health("west")?.gateways).toEqual([{ reachable: undefined }, { reachable: true }]);
    made.update(new Map());
    expect(made.health("west")).toBeUndefined();
    expect(timers.pending).toEqual([]);
  });

  test("of gateways that tell different labels: those of the first one that is reachable count", async () => {
    const first = await gateway(west, encodePeerLabels({ version: "new" }));
    const second = await gateway(west, encodePeerLabels({ version: "old" }));
    const { made, counts, beat } = monitor();
    made.update(new Map([["west", [first, second].map(({ port }) => ({ host: "127.0.0.1", port }))]]));
    for (let i = 0; i < 6; i++) await beat();
    expect(made.health("west")?.labels).toEqual({ version: "new" });
    expect(counts.changes).toBe(2);
    first.close();
    await Bun.sleep(20);
    for (let i = 0; i < 10; i++) await beat();
    expect(made.health("west")?.labels).toEqual({ version: "old" });
    expect(counts.changes).toBe(3);
    second.close();
    await Bun.sleep(20);
    for (let i = 0; i < 10; i++) await beat();
    expect(made.health("west")?.gateways.map(({ reachable }) => reachable)).toEqual([false, false]);
    expect(made.health("west")?.labels).toEqual({ version: "old" });
  });
});
