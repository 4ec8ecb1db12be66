/** However the bench ends, nothing that it started may be left: it would hold ports and disturb the next run. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { cpuSeconds, isRunning, processTree, proportionalSetSize } from "../../bench/processes.ts";
import { until } from "../../bench/waiting.ts";
import { requires } from "../requires.ts";
import { useChildren } from "./processes.ts";

const children = useChildren();

test("a child's children end with it, those that ignore SIGTERM too", async () => {
  const script = 'trap "" TERM; sleep 1000 & sh -c "trap \\"\\" TERM; sleep 1000; true" & wait; wait';
  const child = children().start("stubborn", ["sh", "-c", script]);
  await until("it has children", () => processTree(child.process.pid).length >= 4);
  const family = processTree(child.process.pid);
  await children().end(child);
  expect(family.filter(isRunning)).toEqual([]);
}, 10_000);

test("a program's failure tells what it said, and an ended child what its log holds", async () => {
  expect(children().run(["sh", "-c", "echo broken >&2; exit 3"])).rejects.toThrow(/ended with 3: broken/);
  const child = children().start("short", ["sh", "-c", "echo no such thing; exit 4"]);
  await child.process.exited;
  expect(() => children().expectRunning(child)).toThrow(/short ended with 4: no such thing/);
});

test("nothing can be started once all are to end", async () => {
  await children().endAll();
  expect(() => children().start("late", ["sleep", "1000"])).toThrow();
  expect(children().run(["true"])).rejects.toThrow();
});

test("a process that works uses CPU time, and one that runs holds memory", async () => {
  const child = children().start("busy", ["sh", "-c", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; sleep 1000"]);
  const family = () => processTree(child.process.pid);
  await until("it has used CPU time", () => cpuSeconds(family()) > 0.02);
  expect(proportionalSetSize(family())).toBeGreaterThan(50);
});

const nginx = requires("nginx");
const wrk = requires("wrk");

// The figure that is interrupted needs both: a load, and what answers it.
test.skipIf(nginx.skip || wrk.skip)(
  `Ctrl-C in the middle of a figure leaves no process and no folder behind ${nginx.reason}${wrk.reason}`,
  async () => {
    const run = join(import.meta.dir, "..", "..", "bench", "run.ts");
    const words = ["--executable", join(import.meta.dir, "..", "..", "dist", "clusterlink")];
    const bench = children().start("bench", [
      "env",
      `TMPDIR=${children().folder}`,
      ...[
        process.execPath,
        run,
        "--quick",
        "--only",
        "connections",
        "--subjects",
        "ours,haproxy,nginx,direct",
        ...words,
      ],
    ]);
    const family = () => processTree(bench.process.pid);
    await until("the load has begun", async () => (await Bun.file(bench.log).text()).includes("warm-up: ours"));
    await until("the load generator runs", async () => (await commands(family())).includes("wrk"));
    const started = family();
    bench.process.kill("SIGINT");
    expect(await bench.process.exited).toBe(130);
    expect(started.length).toBeGreaterThan(8);
    expect(started.filter(isRunning)).toEqual([]);
    expect([...new Bun.Glob("clusterlink-bench-*").scanSync({ cwd: children().folder, onlyFiles: false })]).toEqual([]);
  },
  60_000,
);

async function commands(family: ReturnType<typeof processTree>): Promise<string[]> {
  const names = family.map(({ pid }) =>
    Bun.file(`/proc/${pid}/comm`)
      .text()
      .catch(() => ""),
  );
  return (await Promise.all(names)).map((name) => name.trim());
}
