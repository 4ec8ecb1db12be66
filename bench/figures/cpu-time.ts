import { cpuSeconds } from "../processes.ts";
import type { Metric } from "../result.ts";
import type { Running } from "../subjects/subject.ts";
import type { Values } from "./figure.ts";

/** Of both proxies for each operation. It says more than a rate while something else uses the machine, too. */
export const CPU_TIME: Metric = { name: "CPU time of both proxies", unit: "µs", better: "lower" };

/**
 * Runs a load.
 * @param operations - how many operations the result stands for
 * @returns the result, and the CPU time of each operation; no time where the subject has no known processes
 */
export async function withCpuTime<T>(
  running: Running,
  load: () => Promise<T>,
  operations: (result: T) => number,
): Promise<{ result: T; cpuTime: Values }> {
  const before = cpuSeconds(running.processes());
  const result = await load();
  const processes = running.processes();
  const microseconds = ((cpuSeconds(processes) - before) / operations(result)) * 1e6;
  return { result, cpuTime: processes.length === 0 ? {} : { [CPU_TIME.name]: microseconds } };
}
