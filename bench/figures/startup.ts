import { measureStartup } from "../startup.ts";
import type { OwnFigure } from "./figure.ts";

/** What starting and holding a gateway costs; it repeats its measurements itself. */
export const startup: OwnFigure = {
  kind: "own",
  name: "startup",
  title: "start",
  maxRounds: 1,
  metrics: [
    { name: "`clusterlink version`", unit: "ms", better: "lower" },
    { name: "gateway until ready", unit: "ms", better: "lower" },
    { name: "memory of an idle gateway", unit: "MB", better: "lower" },
  ],
  async measure({ quick }) {
    const { versionMs, readyMs, memoryMB } = await measureStartup(quick ? 3 : 10);
    return {
      "`clusterlink version`": versionMs,
      "gateway until ready": readyMs,
      "memory of an idle gateway": memoryMB,
    };
  },
};
