/** System calls of running processes, counted by strace. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../gateway/gateway.ts";
import { type Requirement, requires } from "../requires.ts";

/** How many times each system call was made. */
export type SystemCalls = ReadonlyMap<string, number>;

/**
 * Whether processes can be traced here: strace is installed, and the kernel lets this user attach it.
 * @throws {Error} where they cannot and `CLUSTERLINK_TEST_REQUIRE=all` forbids skipping
 */
export async function tracing(): Promise<Requirement> {
  const strace = requires("strace");
  if (strace.skip) return strace;
  const child = Bun.spawn(["sleep", "60"]);
  try {
    await systemCalls([child.pid], async () => {});
    return strace;
  } catch (error) {
    if (process.env["CLUSTERLINK_TEST_REQUIRE"] === "all") throw error;
    return { skip: true, reason: "(skipped: strace cannot attach to processes here)" };
  } finally {
    child.kill();
  }
}

/** Counts the system calls that the processes make, in all of their threads, while `load` runs. */
export async function systemCalls(pids: readonly number[], load: () => Promise<void>): Promise<SystemCalls> {
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-strace-"));
  const [summary, messages] = [join(folder, "summary"), join(folder, "messages")];
  const targets = pids.flatMap((pid) => ["-p", String(pid)]);
  const command = ["strace", "-c", "-f", "-U", "calls,name", "-o", summary, ...targets];
  const strace = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: Bun.file(messages) });
  try {
    await until(() => {
      const text = readFileSync(messages, "utf8");
      if (strace.exitCode !== null) throw new Error(`strace ended: ${text}`);
      return pids.every((pid) => text.includes(`Process ${pid} attached`));
    }, "strace has attached");
    await load();
    strace.kill("SIGINT");
    await strace.exited;
    const lines = readFileSync(summary, "utf8").matchAll(/^\s*(\d+)\s+(\w+)$/gm);
    const counts = new Map([...lines].map(([, count, name]) => [name as string, Number(count)]));
    counts.delete("total");
    return counts;
  } finally {
    strace.kill("SIGINT");
    await strace.exited;
    rmSync(folder, { recursive: true, force: true });
  }
}
