import { availableParallelism, cpus, release, totalmem } from "node:os";

/** @returns what figures of one machine cannot be compared with those of another without. */
export function describeMachine(): Record<string, string | number> {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    bun: Bun.version,
  };
}
