/**
 * What starting and holding a gateway costs, measured on the compiled executable: `clusterlink version`, the time from
 * starting a gateway with an empty store to ready, and the memory of an idle gateway with two relays.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../test/free-port.ts";

const EXECUTABLE = join(import.meta.dir, "..", "dist", "clusterlink");
const READY_LIMIT_MS = 20_000;
/** By then a started gateway has done all that it does by itself, and the collector has run. */
const SETTLE_MS = 10_000;

/** What it must not exceed. */
export const STARTUP_BOUNDS = { versionMs: 60, readyMs: 400, memoryMB: 110 } as const;

/** Times in milliseconds, each the median of all runs; memory in 10^6 bytes. */
export interface StartupCosts {
  readonly versionMs: number;
  readonly readyMs: number;
  /** Proportional set size of supervisor, control and two relays together, 10 s after the start. */
  readonly memoryMB: number;
}

/** Measures all three. Takes about 20 s. */
export async function measureStartup(runs = 10): Promise<StartupCosts> {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-bench-"));
  try {
    run(["create", "fabric", "--name", "f", "--path", folder]);
    run(["create", "peer-cert", "--fabric", "f", "--name", "site", "--path", folder]);
    const versions = Array.from({ length: runs }, () => {
      const started = performance.now();
      run(["version"]);
      return performance.now() - started;
    });
    const readies: number[] = [];
    for (let at = 0; at < runs; at++) readies.push(await withGateway(folder, at, async (_, readyMs) => readyMs));
    const memory = await withGateway(folder, runs, async (pid) => {
      await Bun.sleep(SETTLE_MS);
      return proportionalSetSize(pid);
    });
    return { versionMs: median(versions), readyMs: median(readies), memoryMB: memory / 1e6 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(args: string[]): void {
  const { success, stderr } = Bun.spawnSync([EXECUTABLE, ...args], { stdin: "ignore", stdout: "ignore" });
  if (!success) throw new Error(`clusterlink ${args.join(" ")}: ${stderr}`);
}

async function withGateway<T>(
  folder: string,
  at: number,
  use: (pid: number, readyMs: number) => Promise<T>,
): Promise<T> {
  const state = join(folder, `state-${at}`);
  const started = performance.now();
  const flags = [
    "--pki",
    join(folder, "f", "site"),
    "--state",
    state,
    "--listen",
    `127.0.0.1:${freePort()}`,
    "--relays",
    "2",
  ];
  const gateway = Bun.spawn([EXECUTABLE, "gateway", ...flags], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  try {
    while (!(await isReady(join(state, "api.sock")))) {
      if (gateway.exitCode !== null) throw new Error(`the gateway ended: ${await new Response(gateway.stderr).text()}`);
      if (performance.now() - started > READY_LIMIT_MS) throw new Error("the gateway does not become ready");
      await Bun.sleep(2);
    }
    return await use(gateway.pid, performance.now() - started);
  } finally {
    gateway.kill();
    await gateway.exited;
  }
}

async function isReady(socket: string): Promise<boolean> {
  const response = await fetch("http://site/readyz", { unix: socket }).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.ok === true;
}

/** Linux shares the executable's pages among the processes; each is counted once by its proportional set size. */
async function proportionalSetSize(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const kibibytes = Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ").filter(Boolean);
  const below = await Promise.all(children.map((child) => proportionalSetSize(Number(child))));
  return below.reduce((sum, size) => sum + size, kibibytes * 1024);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

if (import.meta.main) {
  const costs = await measureStartup();
  console.table(
    Object.entries(STARTUP_BOUNDS).map(([name, bound]) => {
      const value = costs[name as keyof StartupCosts];
      return { what: name, value: Number(value.toFixed(1)), bound, verdict: value < bound ? "met" : "MISSED" };
    }),
  );
}
