import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab.ts";
import type { Address } from "../ports.ts";
import { proportionalSetSize } from "../processes.ts";
import { until } from "../waiting.ts";
import { entryOf, type ProxyFigure } from "./figure.ts";

const HOLDER = join(import.meta.dir, "..", "holder.ts");

/** A slow proxy needs some seconds for thousands of handshakes, in milliseconds. */
const OPEN_LIMIT = 60_000;

/** @returns the memory of both proxies for each of that many idle connections, over a freshly started pair's. */
export function idleMemory(connections: number): ProxyFigure {
  return {
    kind: "proxy",
    name: "idle-memory",
    title: `memory a connection, ${connections} idle, both proxies`,
    metrics: [{ name: "", unit: "KiB", better: "lower" }],
    service: "echo",
    programs: [],
    unfit: ({ role, version }) =>
      role === "direct" || version === "as it runs" ? "it cannot be started anew for this" : undefined,
    async measure({ lab, subject, quick }) {
      const settle = quick ? 2_000 : 10_000;
      const running = await subject.start(lab);
      try {
        await Bun.sleep(settle);
        const before = proportionalSetSize(running.processes());
        const held = await hold(lab, entryOf(running.entries, "echo"), connections);
        try {
          await Bun.sleep(settle);
          return { "": (proportionalSetSize(running.processes()) - before) / connections };
        } finally {
          await lab.children.end(held);
        }
      } finally {
        await running.stop();
      }
    },
  };
}

async function hold({ children }: Lab, { host, port }: Address, count: number) {
  const child = children.start("holder", [process.execPath, HOLDER, "hold", host, String(port), String(count)]);
  const held = () => {
    children.expectRunning(child);
    return readFileSync(child.log, "utf8").includes("held");
  };
  try {
    await until(`${count} connections are open`, held, OPEN_LIMIT);
    return child;
  } catch (error) {
    await children.end(child);
    throw error;
  }
}
