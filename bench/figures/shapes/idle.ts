import type { Child } from "../../children.ts";
import { hold } from "../../held.ts";
import { proportionalSetSize } from "../../processes.ts";
import { startsAnew } from "../../subjects/subject.ts";
import { entryOf, type ProxyFigure } from "../figure.ts";
import { type Curve, drawn, eachPoint, nameAt, pointsOf } from "./curve.ts";

const COUNTS = [1, 10, 100, 1_000, 5_000];
const QUICK_COUNTS = [1, 10, 100, 1_000];

const MEMORY: Curve = { title: "memory of both proxies", unit: "MiB", better: "lower" };

/** The memory of a freshly started pair as idle connections grow that have carried one byte each way. */
export const idleShape: ProxyFigure = {
  kind: "proxy",
  name: "shapes-idle",
  title: "many idle connections",
  axis: { title: "open connections", unit: "count" },
  metrics: pointsOf([MEMORY], COUNTS),
  maxRounds: 1,
  service: "echo",
  programs: [],
  concerns: drawn,
  unfit: startsAnew,
  async measure({ lab, subject, quick }) {
    const running = await subject.start(lab);
    const held: Child[] = [];
    try {
      let open = 0;
      return await eachPoint(quick ? QUICK_COUNTS : COUNTS, async (count) => {
        held.push(await hold(lab, entryOf(running.entries, "echo"), count - open));
        open = count;
        await Bun.sleep(quick ? 1_000 : 2_500);
        return { [nameAt(MEMORY.title, count)]: proportionalSetSize(running.processes()) / 1024 };
      });
    } finally {
      await Promise.all(held.map((child) => lab.children.end(child)));
      await running.stop();
    }
  },
};
