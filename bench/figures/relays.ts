import { iperf3 } from "../generators.ts";
import { startGateways } from "../subjects/ours.ts";
import { entryOf, type OwnFigure, type OwnSetting } from "./figure.ts";

const STREAMS = 8;

/** Until iperf3's server, which serves one test at a time, is done with the connection that asked whether all is up. */
const SETTLE = 500;

const ONE = "1 relay";
const TWO = "2 relays";

/** @returns what that many streams carry through gateways with so many relays on both sides. */
async function gigabits({ lab, executable, quick }: OwnSetting, relays: number): Promise<number> {
  const running = await startGateways(`relays-${relays}`, executable, lab, ["--relays", String(relays)]);
  try {
    await Bun.sleep(SETTLE);
    const entry = entryOf(running.entries, "iperf3");
    await iperf3(lab.children, entry, { streams: STREAMS, seconds: quick ? 1 : 2 });
    return (await iperf3(lab.children, entry, { streams: STREAMS, seconds: quick ? 2 : 5 })).gigabitsPerSecond;
  } finally {
    await running.stop();
  }
}

/** What a second relay on both sides gives, where as many streams as make no relay idle want bytes carried. */
export const relays: OwnFigure = {
  kind: "own",
  name: "relays",
  title: `throughput, ${STREAMS} streams`,
  metrics: [
    { name: ONE, unit: "Gbit/s", better: "higher" },
    { name: TWO, unit: "Gbit/s", better: "higher" },
    { name: "2 relays to 1", unit: "ratio", better: "higher" },
  ],
  service: "iperf3",
  programs: ["iperf3"],
  async measure(setting) {
    const one = await gigabits(setting, 1);
    const two = await gigabits(setting, 2);
    return { [ONE]: one, [TWO]: two, "2 relays to 1": two / one };
  },
};
