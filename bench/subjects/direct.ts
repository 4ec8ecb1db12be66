import type { Subject } from "./subject.ts";

/** The services themselves, with nothing between. */
export const direct: Subject = {
  name: "direct",
  role: "direct",
  version: "no proxy",
  start: async ({ backends }) => ({ entries: backends, processes: () => [], async stop() {} }),
};
