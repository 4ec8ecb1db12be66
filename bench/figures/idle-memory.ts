import { hold } from "../held.ts";
import { proportionalSetSize } from "../processes.ts";
import { startsAnew } from "../subjects/subject.ts";
import { entryOf, type ProxyFigure } from "./figure.ts";

/** @returns the memory of both proxies for each of that many idle connections, over a freshly started pair's. */
export function idleMemory(connections: number): ProxyFigure {
  return {
    kind: "proxy",
    name: "idle-memory",
    title: `memory a connection, ${connections} idle, both proxies`,
    metrics: [{ name: "", unit: "KiB", better: "lower" }],
    service: "echo",
    programs: [],
    unfit: startsAnew,
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
