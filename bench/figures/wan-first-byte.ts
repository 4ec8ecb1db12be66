import { median } from "../stats.ts";
import type { Running } from "../subjects/subject.ts";
import { ROUND_TRIP, timesThere } from "../wan-generators.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

const COUNT = 20;

/** When each pair was used last, on the clock of `performance.now()`. */
const lastUse = new WeakMap<Running, number>();

async function firstBytes({ lab, running }: Setting, count: number): Promise<number[]> {
  const times = await timesThere(lab, "first-byte", entryOf(running.entries, "echo"), count);
  lastUse.set(running, performance.now());
  return times;
}

/**
 * From connect() to the first byte of the reply to a request that is sent at once, over a link with a round trip of 50 ms.
 * Subjects rest while others are measured, so that a round takes little longer than the rest of one.
 */
export const wanFirstByte: ProxyFigure = {
  kind: "proxy",
  name: "wan-first-byte",
  title: "first byte, 50 ms round trip",
  metrics: [
    { name: "", unit: "ms", better: "lower" },
    { name: "worst", unit: "ms", better: "lower" },
    { name: "after idle", unit: "ms", better: "lower" },
  ],
  service: "echo",
  link: [ROUND_TRIP],
  programs: [],
  warmUp: (setting) => firstBytes(setting, COUNT),
  async measure(setting) {
    const rested = performance.now() - (lastUse.get(setting.running) ?? performance.now());
    await Bun.sleep(Math.max(0, setting.idle * 1000 - rested));
    const [afterIdle = Number.NaN, ...times] = await firstBytes(setting, 1 + COUNT);
    return { "": median(times), worst: Math.max(...times), "after idle": afterIdle };
  },
};
