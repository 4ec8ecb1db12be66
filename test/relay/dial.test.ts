/** However a dial ends, its owner hears of it once, and nothing of it stays behind. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TLSOptions } from "bun";
import { Deadlines } from "../../src/relay/deadlines.ts";
import { Descriptors } from "../../src/relay/descriptors.ts";
import { Dial, type DialTarget } from "../../src/relay/dial.ts";
import type { DialError } from "../../src/relay/errors.ts";
import { countedHandlers, NOBODY } from "../../src/relay/socket.ts";
import { freePort } from "../free-port.ts";
import { blackHole } from "./black-hole.ts";
import { certificatesOf } from "./fabric.ts";
import { RawGateway } from "./raw-peer.ts";
import { ending, eventually, onDefect, service } from "./sockets.ts";
import { tearDown } from "./teardown.ts";

afterAll(tearDown);

/** A peer may have called off 200 at a time: fewer than a listener's backlog takes. */
const descriptors = new Descriptors(6400);
const context = { deadlines: new Deadlines(), descriptors, handlers: countedHandlers(descriptors, onDefect) };
const { ca, cert, key } = await certificatesOf("east");
const tls = { ca, cert, key, serverName: "west", rejectUnauthorized: true, ALPNProtocols: "\x0dclusterlink/2" };
const west = new RawGateway(await certificatesOf("west"), () => undefined);
const south = new RawGateway(await certificatesOf("south"), () => undefined);

/** Dials, and lets go of the socket at once. @returns `dialled`, or the reason why not. */
function dial(target: DialTarget, timeout = 300): Promise<string> {
  return new Promise((resolve) => {
    let told = 0;
    const tell = (what: string) => {
      told += 1;
      // A second call would come within the time-out.
      setTimeout(() => resolve(told === 1 ? what : `told ${told} times`), 50);
    };
    new Dial(
      target,
      timeout,
      {
        onDialled(socket) {
          socket.data = NOBODY;
          socket.terminate();
          tell("dialled");
        },
        onDialFailed: (error: DialError) => tell(error.reason),
      },
      context,
    );
  });
}

const localhost = (port: number, options?: TLSOptions & { ALPNProtocols: string }): DialTarget =>
  options === undefined ? { host: "127.0.0.1", port } : { host: "127.0.0.1", port, tls: options };

describe("the descriptor of a dial comes back when", () => {
  const cases: [string, string, () => Promise<DialTarget>][] = [
    ["it succeeds", "dialled", async () => localhost(west.port)],
    ["it succeeds with TLS", "dialled", async () => localhost(west.port, tls)],
    ["it is refused", "connect", async () => localhost(freePort())],
    ["it is refused where TLS was wanted", "connect", async () => localhost(freePort(), tls)],
    ["the name is nobody's", "connect", async () => ({ host: "nobody.invalid", port: 1 })],
    ["the name is no name", "connect", async () => ({ host: "not a name", port: 1 })],
    ["the name is empty", "connect", async () => ({ host: "", port: 1 })],
    ["the port is none", "connect", async () => ({ host: "127.0.0.1", port: 0 })],
    ["the unix socket is not there", "connect", async () => ({ unix: "/nonexistent/socket" })],
    ["the certificate is another's", "tls", async () => localhost(south.port, tls)],
    [
      "the other side says nothing in the handshake",
      "timeout",
      async () => localhost(await service(() => undefined), tls),
    ],
    [
      "the other side ends in the handshake",
      "lost",
      async () => localhost(await service((socket) => socket.end()), tls),
    ],
    [
      "the other side resets in the handshake",
      "lost",
      async () => localhost(await service((s) => s.resetAndDestroy()), tls),
    ],
    [
      "the other side speaks no TLS",
      "tls",
      async () => localhost(await service((s) => void s.write("hello there")), tls),
    ],
  ];
  test.each(cases)("%s", async (_name, expected, target) => {
    const before = descriptors.used;
    const result = await dial(await target());
    expect(result).toBe(expected);
    await eventually(() => descriptors.used === before, "the descriptor is back");
  });

  test("it is called off in the middle of the handshake", async () => {
    const before = descriptors.used;
    let end = "";
    const port = await service((socket) => {
      ending(socket).then((how) => {
        end = how;
      });
    });
    const owner = { onDialled: () => undefined, onDialFailed: () => undefined };
    const called = new Dial(localhost(port, tls), 60_000, owner, context);
    await Bun.sleep(50);
    called.cancel();
    await eventually(() => end !== "" && descriptors.used === before, "the connection is gone");
  });
});

/** Dials so often for that peer, and calls each off at once. */
function callOff(port: number, asker: string, count: number): void {
  const owner = { onDialled: () => undefined, onDialFailed: () => undefined };
  const target = { host: "127.0.0.1", port, asker };
  for (let i = 0; i < count; i++) new Dial(target, 60_000, owner, context).cancel();
}

describe("dials that a peer calls off", () => {
  test("at once are not held against the host, and not against others", async () => {
    const before = descriptors.used;
    callOff(west.port, "hasty", 200);
    expect(await dial({ host: "127.0.0.1", port: west.port, asker: "other" })).toBe("dialled");
    await eventually(() => descriptors.used === before, "all descriptors are back");
  });

  test("at once, and too many, keep that peer waiting until the kernel is done with them", async () => {
    const again: DialTarget = { host: "127.0.0.1", port: west.port, asker: "hasty" };
    const before = descriptors.used;
    callOff(west.port, "hasty", 200);
    expect(await dial(again)).toBe("connect");
    await eventually(() => descriptors.used === before, "all descriptors are back");
    expect(await dial(again)).toBe("dialled");
  });

  test("and that hang make the host count as dead: no more are made to it", async () => {
    const port = await blackHole();
    callOff(port, "hasty", 64);
    await Bun.sleep(600);
    const { used } = descriptors;
    const result = dial(localhost(port), 60_000);
    expect(descriptors.used).toBe(used);
    expect(await result).toBe("timeout");
    expect(await dial({ host: "127.0.0.1", port: west.port, asker: "hasty" })).toBe("dialled");
  });

  test("do so for a second: then it is tried again, once, because the kernel asks ever less often", async () => {
    const port = await blackHole();
    callOff(port, "hasty", 64);
    await Bun.sleep(1600);
    const { used } = descriptors;
    const tried = Promise.all([dial(localhost(port)), dial(localhost(port))]);
    expect(descriptors.used).toBe(used + 1);
    expect(await tried).toEqual(["timeout", "timeout"]);
  });
});

test("a handshake may have a time of its own, from when the connection has been made", async () => {
  const port = await service(() => undefined);
  const started = performance.now();
  expect(await dial({ ...localhost(port), tls, handshakeTimeout: 1200 }, 500)).toBe("timeout");
  expect(performance.now() - started).toBeGreaterThan(1200);
});

describe("an address where too many hang", () => {
  const address = "192.0.2.1:1";
  let now = 0;

  /** @returns how many of so many dials may be made, one after the other, each of which is answered or hangs. */
  function made(descriptors: Descriptors, dials: number, answers: boolean): number {
    let count = 0;
    for (let i = 0; i < dials; i++) {
      if (descriptors.isDead(address)) continue;
      count += 1;
      if (answers) descriptors.answered(address);
      else descriptors.abandon(address);
    }
    return count;
  }

  test("is dialled once a second, and as often as wanted once it has answered", () => {
    const descriptors = new Descriptors(6400, () => now);
    expect(made(descriptors, 100, false)).toBe(64);
    now += 999;
    expect(made(descriptors, 100, true)).toBe(0);
    now += 1;
    expect(made(descriptors, 100, false)).toBe(1);
    now += 1000;
    expect(descriptors.isDead(address)).toBe(false);
    expect(descriptors.isDead(address)).toBe(true);
    descriptors.answered(address);
    expect(Array.from({ length: 3 }, () => descriptors.isDead(address))).toEqual([false, false, false]);
    expect(made(descriptors, 100, true)).toBe(100);
    for (let i = 0; i < 65; i++) descriptors.recover(address);
    expect(made(descriptors, 100, false)).toBe(64);
  });
});

describe("a host that does not answer at all", () => {
  let port: number;
  beforeAll(async () => {
    port = await blackHole();
  });

  test("holds a bounded number of descriptors, and others are dialled all the same", async () => {
    const before = descriptors.used;
    for (let i = 0; i < 5; i++) {
      const results = await Promise.all(Array.from({ length: 30 }, () => dial(localhost(port), 50)));
      expect(new Set(results)).toEqual(new Set(["timeout"]));
    }
    expect(descriptors.used - before).toBeLessThanOrEqual(100);
    expect(await dial(localhost(west.port))).toBe("dialled");
  });
});
