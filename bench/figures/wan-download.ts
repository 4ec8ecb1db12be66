import { median } from "../stats.ts";
import { ROUND_TRIP, timesThere } from "../wan-generators.ts";
import { entryOf, type ProxyFigure, type Setting } from "./figure.ts";

const COUNT = 20;

function downloads({ lab, running }: Setting): Promise<number[]> {
  return timesThere(lab, "download", entryOf(running.entries, "http"), COUNT);
}

/**
 * From connect() to the last byte of a reply of 1 MiB, on new connections one after the other, over a link with a round
 * trip of 50 ms.
 */
export const wanDownload: ProxyFigure = {
  kind: "proxy",
  name: "wan-download",
  title: "a reply of 1 MiB on a new connection, 50 ms round trip",
  metrics: [
    { name: "", unit: "ms", better: "lower" },
    { name: "worst", unit: "ms", better: "lower" },
  ],
  service: "http",
  link: [ROUND_TRIP],
  programs: ["nginx"],
  warmUp: downloads,
  async measure(setting) {
    const times = await downloads(setting);
    return { "": median(times), worst: Math.max(...times) };
  },
};
