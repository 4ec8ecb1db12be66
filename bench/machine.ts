import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

/** @returns what figures of one machine cannot be compared with those of another without. */
export function describeMachine(): Record<string, string | number> {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    congestionControl: readFileSync("/proc/sys/net/ipv4/tcp_congestion_control", "utf8").trim(),
    bun: Bun.version,
  };
}
