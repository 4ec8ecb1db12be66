/** What the bench takes for granted of h2load: that it keeps a rate, and what it logs. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { constantRate } from "../../bench/generators.ts";
import { requires } from "../requires.ts";
import { useChildren } from "./processes.ts";

const h2load = requires("h2load");

const children = useChildren();

// h2load makes the load whose log is read here.
test.skipIf(h2load.skip)(
  `a constant rate reaches the service over many connections, and each request is timed ${h2load.reason}`,
  async () => {
    let requests = 0;
    const connections = new Set<string>();
    await using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request, { requestIP }) {
        requests += 1;
        connections.add(String(requestIP.call(server, request)?.port));
        return new Response("here");
      },
    });
    const entry = { host: "127.0.0.1", port: server.port ?? 0 };
    const load = { rate: 1_000, seconds: 1, log: join(children().folder, "requests.tsv") };
    const run = await constantRate(children(), entry, load);
    expect(run.requests).toBe(requests);
    expect(connections.size).toBe(256);
    // Not a bound on this machine's speed: all of the second's requests are sent, late ones too.
    expect(run.requestsPerSecond).toBeGreaterThan(500);
    expect(run.requestsPerSecond).toBeLessThan(2_000);
    expect(run.p50).toBeGreaterThan(0);
    expect(run.p99).toBeGreaterThanOrEqual(run.p50);
  },
  60_000,
);
