/** What requests and connections cost the relays in system calls. The counts are the same on a slow or busy machine. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { tearDown } from "../relay/teardown.ts";
import { type Bounds, exceeded } from "./bounds.ts";
import { connections, largeMessages, open, requests } from "./loads.ts";
import { type SystemCalls, systemCalls, tracing } from "./strace.ts";
import { relaysOf, startTwoSites, type TwoSites } from "./two-sites.ts";

const strace = await tracing();
let sites: TwoSites;

beforeAll(async () => {
  if (!strace.skip) sites = await startTwoSites();
}, 30_000);
afterAll(async () => {
  await sites?.remove();
  await tearDown();
});

/** Made by the collector, the compiler and the memory allocator, as often as they like. */
const OTHER_THREADS = /^(futex|madvise|mmap|munmap|mprotect|mremap|brk|sched_yield|restart_syscall|clone3?|rseq)$/;
/**
 * The bound of calls that are not named below, `epoll_ctl` for a chunk among them: an operation does not need them, but
 * timers, the memory watch and the access log make some now and then.
 */
const NOW_AND_THEN = 0.3;

interface Cost {
  operation: string;
  count: number;
  load: (count: number) => Promise<void>;
  importing: Bounds;
  exporting: Bounds;
}

/** Runs the load over a connection that is open already. */
function kept(load: (socket: Socket, count: number) => Promise<void>): Cost["load"] {
  let socket: Socket | undefined;
  return async (count) => {
    socket = await open(sites.port);
    await load(socket, count);
    socket.destroy();
  };
}

const COSTS: Cost[] = [
  {
    operation: "a kept-alive request",
    count: 300,
    load: kept(requests),
    importing: { sendto: 2.5, recvfrom: 2.5, epoll_pwait2: 3 },
    exporting: { sendto: 2.5, recvfrom: 2.5, epoll_pwait2: 3 },
  },
  {
    operation: "a connection with one request",
    count: 100,
    load: (count) => connections(sites.port, count),
    importing: {
      ...{ sendto: 4, recvfrom: 6, epoll_pwait2: 10, setsockopt: 4, epoll_ctl: 6 },
      ...{ accept4: 3, getpeername: 3, shutdown: 1.5, close: 1.5, write: 1.5 },
    },
    exporting: {
      ...{ sendto: 4, recvfrom: 6, epoll_pwait2: 10, setsockopt: 4, epoll_ctl: 4.5 },
      ...{ socket: 1.5, connect: 1.5, shutdown: 1.5, close: 1.5, write: 1.5 },
    },
  },
  {
    operation: "a message of 64 KiB each way",
    count: 100,
    load: kept(largeMessages),
    importing: { sendto: 6, recvfrom: 5, epoll_pwait2: 5 },
    exporting: { sendto: 6, recvfrom: 5, epoll_pwait2: 5 },
  },
];

// strace does the counting.
describe.skipIf(strace.skip)(`system calls of the relays ${strace.reason}`, () => {
  test.each(COSTS)(
    "$operation costs no more than is known",
    async ({ operation, count, load, ...bounds }) => {
      let exporting: SystemCalls = new Map();
      const importing = await systemCalls(relaysOf(sites.importing), async () => {
        exporting = await systemCalls(relaysOf(sites.exporting), () => load(count));
      });
      const own = (calls: SystemCalls) => [...calls].filter(([name]) => !OTHER_THREADS.test(name));
      for (const calls of [importing, exporting]) expect(calls.get("sendto")).toBeGreaterThan(count);
      expect([
        ...exceeded(`${operation} costs the importing relays`, count, own(importing), bounds.importing, NOW_AND_THEN),
        ...exceeded(`${operation} costs the exporting relays`, count, own(exporting), bounds.exporting, NOW_AND_THEN),
      ]).toEqual([]);
    },
    30_000,
  );
});
