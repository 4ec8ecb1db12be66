/** Two sites, three services at one and their imports at the other, and what must hold of bytes in either dialect. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { certificatesOf, Site, source } from "./fabric.ts";
import { application, digest, ending, eventually, next, pour, readAll, service } from "./sockets.ts";

const MiB = 1 << 20;

/** East imports what west exports: `echo` sends back, `held` is in the hands of the test, `greeting` speaks first. */
export class TwoSites {
  #accepted: Socket[] = [];
  readonly #opened: Socket[] = [];
  readonly echo: number;
  readonly held: number;
  readonly greeting: number;

  private constructor(
    readonly east: Site,
    readonly west: Site,
  ) {
    const imported = (name: string) => east.addImport(name, [source("west", name)]);
    this.echo = imported("echo");
    this.held = imported("held");
    this.greeting = imported("greeting");
    east.allow();
    west.allow();
  }

  /** @returns the sites, published. `connect` tells east where west is. */
  static async start(connect: (east: Site, west: Site) => void): Promise<TwoSites> {
    const east = new Site(await certificatesOf("east"), { region: "us" });
    const west = new Site(await certificatesOf("west"), { region: "eu" });
    const sites = new TwoSites(east, west);
    west
      .addExport("echo", await service((socket) => socket.pipe(socket)))
      .addExport("held", await service((socket) => sites.#accepted.push(socket)))
      .addExport("greeting", await service((socket) => socket.end("welcome")));
    connect(east, west);
    await west.publish();
    await east.publish();
    return sites;
  }

  /** @returns both ends of a new connection through the two sites. */
  async pair(): Promise<{ app: Socket; far: Socket }> {
    this.#accepted = [];
    const app = application(this.held);
    await eventually(() => this.#accepted.length === 1, "the service has accepted");
    const far = this.#accepted[0] as Socket;
    this.#opened.push(app, far);
    return { app, far };
  }

  /** Ends the connections of `pair`, and forgets what the sites have logged. */
  async clear(): Promise<void> {
    for (const socket of this.#opened.splice(0)) socket.destroy();
    const { east, west } = this;
    await eventually(() => east.relay.live.size + west.relay.live.size === 0, "all connections have ended");
    east.records.length = west.records.length = 0;
  }
}

/** Declares the tests that hold for every pair of sites. */
export function describeBytes(sites: TwoSites): void {
  afterEach(() => sites.clear());

  describe("bytes", () => {
    test("a request and its half-close arrive, and so does the reply to it", async () => {
      const app = application(sites.echo);
      app.end("hello");
      expect((await readAll(app)).toString()).toBe("hello");
    });

    test("many at once, each with its FIN before the stream is open, keep apart", async () => {
      const replies = Array.from({ length: 40 }, (_, i) => {
        const app = application(sites.echo);
        app.end(`at once ${i}`);
        return readAll(app);
      });
      expect((await Promise.all(replies)).map(String)).toEqual(replies.map((_, i) => `at once ${i}`));
    });

    test("a service that speaks first is heard whole", async () => {
      for (let i = 0; i < 20; i++) {
        const app = application(sites.greeting);
        expect((await readAll(app)).toString()).toBe("welcome");
        app.end();
      }
    });

    test("the service may finish first and go on reading", async () => {
      const { app, far } = await sites.pair();
      far.end("bye");
      expect((await readAll(app)).toString()).toBe("bye");
      app.end("still here");
      expect((await readAll(far)).toString()).toBe("still here");
    });

    test("64 MiB each way at the same time arrive with the same hash", async () => {
      const { app, far } = await sites.pair();
      const [up, down, atFar, atApp] = await Promise.all([
        pour(app, 64 * MiB),
        pour(far, 64 * MiB + 17),
        digest(far),
        digest(app),
      ]);
      expect(atFar).toEqual({ hash: up, size: 64 * MiB });
      expect(atApp).toEqual({ hash: down, size: 64 * MiB + 17 });
    }, 20_000);

    test("more than the early data may hold arrives whole when the stream opens late", async () => {
      const app = application(sites.echo);
      const [sent, got] = await Promise.all([pour(app, 3 * MiB), digest(app)]);
      expect(got).toEqual({ hash: sent, size: 3 * MiB });
    });

    test("a reader that pauses pauses the writer, and gets everything when it goes on", async () => {
      const { app, far } = await sites.pair();
      app.pause();
      const sent = pour(far, 128 * MiB);
      // The kernel holds some MiB for each of the six to ten sockets on the way, never as much as that.
      expect(await Promise.race([sent, Bun.sleep(300).then(() => "held back")])).toBe("held back");
      const [hash, got] = await Promise.all([sent, digest(app)]);
      expect(got).toEqual({ hash, size: 128 * MiB });
    }, 20_000);

    test("one half finished and the other paused loses nothing", async () => {
      const { app, far } = await sites.pair();
      app.end("request");
      expect(await next(far)).toBe("request");
      app.pause();
      const sent = pour(far, 8 * MiB);
      await Bun.sleep(200);
      const [hash, got] = await Promise.all([sent, digest(app)]);
      expect(got).toEqual({ hash, size: 8 * MiB });
    });
  });

  describe("a reset", () => {
    test("of the application reaches the service as a reset", async () => {
      const { app, far } = await sites.pair();
      const end = ending(far);
      app.resetAndDestroy();
      expect(await end).toBe("ECONNRESET");
    });

    test("of the service reaches the application as a reset", async () => {
      const { app, far } = await sites.pair();
      const end = ending(app);
      far.resetAndDestroy();
      expect(await end).toBe("ECONNRESET");
    });

    test("of the application reaches a service that has stopped reading, within moments", async () => {
      const { app, far } = await sites.pair();
      far.pause();
      const flood = setInterval(() => app.write(Buffer.alloc(MiB)), 1);
      await Bun.sleep(200);
      clearInterval(flood);
      const gone = new Promise<string>((resolve) => far.once("error", (error) => resolve(String(error))));
      app.resetAndDestroy();
      await eventually(() => sites.west.relay.live.size === 0, "the exporting side has let go");
      far.resume();
      expect(await gone).toContain("ECONNRESET");
    });

    test("leaves the way free for the next connection", async () => {
      for (let i = 0; i < 10; i++) {
        const { app } = await sites.pair();
        app.resetAndDestroy();
      }
      const app = application(sites.echo);
      app.end("after");
      expect((await readAll(app)).toString()).toBe("after");
    });
  });

  test("nothing is left behind on either side", async () => {
    await eventually(
      async () => (await sites.east.report()).tunnels.every(({ state }) => state === "idle"),
      "all connections between the sites are idle",
    );
    expect(sites.east.relay.httpStreams.size + sites.west.relay.httpStreams.size).toBe(0);
  });
}
