/**
 * What has to hold for a whole minute: while the API server is gone, and while there is nothing to do. Whole gateways,
 * as processes. The minutes pass side by side, each on an API server that no other test uses meanwhile.
 */
import { describe, test } from "bun:test";
import type { Requirement } from "../requires.ts";
import { startApiServer } from "./api-server.ts";
import { realServer, startRealServer } from "./envtest.ts";
import { idle } from "./minute/idle.ts";
import { outage } from "./minute/outage.ts";
import { requiresRealServer } from "./server.ts";
import type { OutageServer, TestServer } from "./test-server.ts";

interface Servers {
  name: string;
  /** How long it lasts, milliseconds. */
  minute: number;
  requirement: Requirement;
  forIdle(stack: AsyncDisposableStack): Promise<TestServer>;
  forOutage(stack: AsyncDisposableStack): Promise<OutageServer>;
}

async function ownServer(stack: AsyncDisposableStack, start: () => Promise<OutageServer>): Promise<OutageServer> {
  const server = await start();
  stack.defer(() => server.stop());
  return server;
}

const SERVERS: Servers[] = [
  {
    name: "on the API server of the tests",
    minute: 20_000,
    requirement: { skip: false, reason: "" },
    forIdle: (stack) => ownServer(stack, startApiServer),
    forOutage: (stack) => ownServer(stack, startApiServer),
  },
  {
    name: "on a real API server",
    minute: 60_000,
    requirement: requiresRealServer(),
    async forIdle() {
      const server = await realServer();
      await server.reset();
      return server;
    },
    forOutage: (stack) => ownServer(stack, startRealServer),
  },
];

describe("two replicas of a gateway", () => {
  for (const { name, minute, requirement, forIdle, forOutage } of SERVERS) {
    const timed = test.concurrent.skipIf(requirement.skip);
    const where = `${name} ${requirement.reason}`.trim();
    timed(
      `write nothing but the Lease while nothing happens, ${where}`,
      async () => {
        await using stack = new AsyncDisposableStack();
        await idle(stack, await forIdle(stack), minute);
      },
      240_000,
    );
    timed(
      `go on while the API server is gone, and leave nothing undone, ${where}`,
      async () => {
        await using stack = new AsyncDisposableStack();
        await outage(stack, await forOutage(stack), minute);
      },
      240_000,
    );
  }
});
