/** What the kernel tells of processes (proc(5)); Linux only. */
import { readFileSync } from "node:fs";

/** Ticks of `utime` and `stime` a second: USER_HZ, which is 100 on every architecture that Bun runs on. */
const USER_HZ = 100;

/** A process: its id, and when it started, because ids are used again. */
export interface ProcessId {
  readonly pid: number;
  readonly startTicks: number;
}

/** @returns the process and all its descendants that live now; none when it is gone. */
export function processTree(pid: number): ProcessId[] {
  const startTicks = stat(pid)?.startTicks;
  if (startTicks === undefined) return [];
  return [{ pid, startTicks }, ...children(pid).flatMap(processTree)];
}

/** @returns whether that very process still runs. */
export function isRunning({ pid, startTicks }: ProcessId): boolean {
  const now = stat(pid);
  return now?.startTicks === startTicks && now.state !== "Z";
}

/** @returns CPU time that these processes have used so far, in seconds. */
export function cpuSeconds(processes: readonly ProcessId[]): number {
  return processes.reduce((sum, { pid }) => sum + (stat(pid)?.cpuTicks ?? 0), 0) / USER_HZ;
}

/** @returns their memory in KiB, pages that several of them map counted once (proportional set size). */
export function proportionalSetSize(processes: readonly ProcessId[]): number {
  return processes.reduce((sum, { pid }) => sum + Number(/^Pss:\s+(\d+) kB$/m.exec(read(pid, "smaps_rollup"))?.[1]), 0);
}

/** @returns its words, as it may have set them itself; empty when it is gone. */
export function commandLine(pid: number): string {
  return read(pid, "cmdline").replaceAll("\0", " ").trim();
}

function children(pid: number): number[] {
  return read(pid, `task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

function stat(pid: number) {
  // The name may hold anything, brackets included; the fields after it start with the third, the state.
  const fields = read(pid, "stat")
    .replace(/^.*\) /s, "")
    .split(" ");
  const [state] = fields;
  if (fields.length < 20) return undefined;
  return { state, cpuTicks: Number(fields[11]) + Number(fields[12]), startTicks: Number(fields[19]) };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
