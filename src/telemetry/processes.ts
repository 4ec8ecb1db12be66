/** Metrics of processes, read from Linux' /proc. */
import { readdir, readFile } from "node:fs/promises";
import type { MetricFamily } from "../snapshot/metrics.ts";
import { Metrics } from "./metrics.ts";
import { METRICS } from "./names.ts";

/** A process by what it is to the gateway. */
export interface RoleProcess {
  /** `supervisor`, `control`, `relay-0`, … */
  role: string;
  pid: number;
}

/** What one process uses; times in seconds, memory in bytes. */
export interface ProcessUsage {
  cpuSeconds: number;
  residentBytes: number;
  openFds?: number;
  maxFds?: number;
  /** Seconds since the epoch. */
  startTime: number;
}

/** @returns the usage of these processes; one that is gone, or cannot be looked at, is left out. */
export async function processFamilies(processes: readonly RoleProcess[]): Promise<MetricFamily[]> {
  const metrics = new Metrics();
  await Promise.all(
    processes.map(async ({ role, pid }) => {
      const usage = await readUsage(pid);
      if (usage === undefined) return;
      metrics.counter(METRICS.processCpu, { role }).inc(usage.cpuSeconds);
      metrics.gauge(METRICS.processMemory, { role }).set(usage.residentBytes);
      metrics.gauge(METRICS.processStart, { role }).set(usage.startTime);
      if (usage.openFds !== undefined) metrics.gauge(METRICS.processOpenFds, { role }).set(usage.openFds);
      if (usage.maxFds !== undefined) metrics.gauge(METRICS.processMaxFds, { role }).set(usage.maxFds);
    }),
  );
  return metrics.families();
}

/** @returns what a process uses; undefined when it is gone or there is no /proc. The descriptors of others may be hidden. */
export async function readUsage(pid: number): Promise<ProcessUsage | undefined> {
  const [stat, status, limits, systemStat, fds] = await Promise.all([
    read(`/proc/${pid}/stat`),
    read(`/proc/${pid}/status`),
    read(`/proc/${pid}/limits`),
    read("/proc/stat"),
    readdir(`/proc/${pid}/fd`).catch(() => undefined),
  ]);
  if (stat === undefined || status === undefined || systemStat === undefined) return undefined;
  // The name, in parentheses, may contain anything; the fields after it are numbered from 3 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  const maxFds = Number(/^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1]);
  return {
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    residentBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
    startTime: Number(/^btime (\d+)/m.exec(systemStat)?.[1] ?? 0) + field(22) / TICKS_PER_SECOND,
    ...(fds === undefined ? {} : { openFds: fds.length }),
    ...(Number.isNaN(maxFds) ? {} : { maxFds }),
  };
}

function read(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

/** USER_HZ, which Linux reports to programs as 100 on all its architectures that Bun runs on. */
const TICKS_PER_SECOND = 100;
