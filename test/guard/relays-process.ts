/**
 * The relays of two sites in a process of their own, so that what is allocated in it is theirs. It reads the port of the
 * service as its first line and prints the port where applications enter; to each line after that it answers with its
 * {@link Tally} so far, after all garbage has been collected. The answer goes to standard error, where the collector
 * writes of itself, so that the order of the two is kept.
 */
import { heapStats } from "bun:jsc";
import { createInterface } from "node:readline";

/** What the process has come to since it started. */
export interface Tally {
  /** Timers that have been armed. */
  readonly timers: number;
  /** Calls that were put off to the end of the event loop's turn. */
  readonly immediates: number;
  /** Objects that are alive. */
  readonly objects: number;
}

const counts = { timers: 0, immediates: 0 };

/** They have no other trace: the event loop sleeps until the next is due, without a system call for each. */
function count(name: "setTimeout" | "setInterval" | "setImmediate", as: keyof typeof counts): void {
  const counted = new Proxy<CallableFunction>(globalThis[name], {
    apply(target, self, args) {
      counts[as] += 1;
      return Reflect.apply(target, self, args);
    },
  });
  Reflect.set(globalThis, name, counted);
}

if (import.meta.main) {
  count("setTimeout", "timers");
  count("setInterval", "timers");
  count("setImmediate", "immediates");
  const { certificatesOf, Site, source } = await import("../relay/fabric.ts");
  const west = new Site(await certificatesOf("west"));
  const east = new Site(await certificatesOf("east"));
  let started = false;
  for await (const line of createInterface({ input: process.stdin })) {
    if (!started) {
      started = true;
      await west.addExport("echo", Number(line)).allow().publish();
      const port = east
        .addPeer(west)
        .allow()
        .addImport("echo", [source("west", "echo")]);
      await east.publish();
      process.stdout.write(`${port}\n`);
      continue;
    }
    const before = { ...counts };
    for (const site of [east, west]) site.records.length = 0;
    for (let round = 0; round < 3; round++) Bun.gc(true);
    const tally: Tally = { ...before, objects: heapStats().objectCount };
    process.stderr.write(`\n${JSON.stringify(tally)}\n`);
  }
  process.exit(0);
}
