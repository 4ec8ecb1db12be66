import { expect, test } from "bun:test";
import { join } from "node:path";

/**
 * Becomes the one that orphans are left to (prctl PR_SET_CHILD_SUBREAPER), as PID 1 is, and then abandons one. Prints the
 * zombies before and after collecting, and the exit code of a child of its own.
 */
const SCRIPT = `
  import { dlopen, FFIType } from "bun:ffi";
  import { readdirSync, readFileSync } from "node:fs";
  import { orphanReaper } from "${join(import.meta.dir, "../../src/process/reap.ts")}";
  const { symbols } = dlopen("libc.so.6", { prctl: { args: [FFIType.i32, FFIType.u64], returns: FFIType.i32 } });
  symbols.prctl(36, 1);
  const zombies = () => readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).filter((name) => {
    try {
      const fields = readFileSync("/proc/" + name + "/stat", "utf8").split(") ").pop().split(" ");
      return fields[0] === "Z" && Number(fields[1]) === process.pid;
    } catch { return false; }
  }).length;
  const own = Bun.spawn(["sh", "-c", "read line; exit 7"], { stdin: "pipe" });
  await Bun.spawn(["sh", "-c", "sleep 0.05 & exit 0"]).exited;
  const end = Date.now() + 4000;
  while (zombies() === 0 && Date.now() < end) await Bun.sleep(5);
  const before = zombies();
  orphanReaper((pid) => pid === own.pid)();
  const after = zombies();
  own.stdin.end();
  console.log(JSON.stringify({ before, after, code: await own.exited }));`;

test("what was left to this process is collected, and its own children are not taken from it", async () => {
  const child = Bun.spawn([process.execPath, "-e", SCRIPT], { stdout: "pipe" });
  expect(await new Response(child.stdout).json()).toEqual({ before: 1, after: 0, code: 7 });
});
