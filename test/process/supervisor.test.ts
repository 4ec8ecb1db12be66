import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../../src/process/spawn.ts";
import { type ChildProcess, Supervisor } from "../../src/process/supervisor.ts";
import { createLogger } from "../../src/telemetry/log.ts";

/** Reads its configuration, then answers each command with its last line; it ends on `stop`, and a relay on `drain`. */
const OBEDIENT = `
read config; echo "$ROLE config $config" >> $JOURNAL
while read command; do
  echo "$ROLE $command" >> $JOURNAL
  case "$command:$ROLE" in stop:*|drain:relay*) exit 0;; esac
done
echo "$ROLE orphaned" >> $JOURNAL`;

/** Drains for ever. */
const STUBBORN = OBEDIENT.replace("|drain:relay*", "");

const running: Supervisor[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const supervisor of running.splice(0)) {
    if (!supervisor.stopping) supervisor.terminate();
    supervisor.terminate();
    await supervisor.finished;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !condition(); tries++) await Bun.sleep(5);
  expect(condition()).toBe(true);
}

function supervise({
  script = OBEDIENT,
  drainLimit = 5_000,
  roles = [["control"], ["relay", "0"], ["relay", "1"]],
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), "supervisor-"));
  folders.push(folder);
  const journalPath = join(folder, "journal");
  const lines: string[] = [];
  const started: string[] = [];
  const live = new Map<string, ChildProcess>();
  const supervisor = new Supervisor({
    roles,
    config: "the configuration",
    drainLimit,
    log: createLogger({ level: "info", format: "json", write: (line) => lines.push(JSON.parse(line).message) }),
    spawn: (args) => {
      const env = { PATH: process.env.PATH, ROLE: args.join(""), JOURNAL: journalPath };
      const child = startChild({ words: ["sh", "-c", script], env });
      started.push(args.join(" "));
      live.set(args.join(" "), child);
      return child;
    },
  });
  running.push(supervisor);
  const journal = () => (existsSync(journalPath) ? readFileSync(journalPath, "utf8").trim().split("\n") : []);
  return { supervisor, journal, started, live, lines };
}

describe("the supervisor", () => {
  test("hands every child the configuration as its first line", async () => {
    const { supervisor, journal } = supervise();
    supervisor.start();
    await until(() => journal().length === 3);
    expect(journal().sort()).toEqual(["control", "relay0", "relay1"].map((role) => `${role} config the configuration`));
  });

  test("starts nobody when it was told to end before it had started anybody", async () => {
    const { supervisor, started } = supervise();
    supervisor.terminate();
    supervisor.start();
    expect(await supervisor.finished).toBe(0);
    expect(started).toEqual([]);
  });

  test("replaces a killed child at once, and only that one", async () => {
    const { supervisor, started, live, journal } = supervise();
    supervisor.start();
    await until(() => journal().length === 3);
    const before = live.get("relay 0");
    before?.kill();
    await until(() => live.get("relay 0") !== before);
    expect(started).toEqual(["control", "relay 0", "relay 1", "relay 0"]);
    expect(supervisor.owns(live.get("relay 0")?.pid ?? 0)).toBe(true);
    expect(supervisor.owns(before?.pid ?? 0)).toBe(false);
  });

  test("waits longer with each failure of a child that cannot stay up", async () => {
    const { supervisor, started } = supervise({ script: "exit 1", roles: [["control"]] });
    supervisor.start();
    await Bun.sleep(450);
    expect(started.length).toBeGreaterThanOrEqual(3);
    expect(started.length).toBeLessThanOrEqual(5);
    supervisor.terminate();
    expect(await supervisor.finished).toBe(0);
  });

  test("drains the relays while control goes on, then stops control, and ends with 0", async () => {
    const { supervisor, journal } = supervise();
    supervisor.start();
    await until(() => journal().length === 3);
    supervisor.terminate();
    expect(await supervisor.finished).toBe(0);
    const commands = journal().slice(3);
    expect(commands.toSorted()).toEqual(["control drain", "control stop", "relay0 drain", "relay1 drain"]);
    expect(commands.at(-1)).toBe("control stop");
  });

  test("restarts nothing while it ends", async () => {
    const { supervisor, started, live, journal } = supervise({ script: STUBBORN });
    supervisor.start();
    await until(() => journal().length === 3);
    supervisor.terminate();
    live.get("relay 0")?.kill();
    await until(() => journal().includes("relay1 drain"));
    await Bun.sleep(30);
    expect(started).toHaveLength(3);
    live.get("relay 1")?.kill();
    expect(await supervisor.finished).toBe(0);
    expect(started).toHaveLength(3);
  });

  test("stops relays that have not drained within the limit", async () => {
    const { supervisor, journal } = supervise({ script: STUBBORN, drainLimit: 50 });
    supervisor.start();
    await until(() => journal().length === 3);
    supervisor.terminate();
    expect(await supervisor.finished).toBe(0);
    expect(journal()).toContain("relay0 stop");
  });

  test("stops everything at once when told a second time", async () => {
    const { supervisor, journal } = supervise({ script: STUBBORN, drainLimit: 60_000 });
    supervisor.start();
    await until(() => journal().length === 3);
    supervisor.terminate();
    supervisor.terminate();
    expect(await supervisor.finished).toBe(0);
    expect(journal().filter((line) => line.endsWith("stop"))).toHaveLength(3);
  });

  test("ends with 2 when control refuses the configuration at its first start", async () => {
    const { supervisor, started } = supervise({ script: `[ $ROLE = control ] && exit 2\n${OBEDIENT}` });
    supervisor.start();
    expect(await supervisor.finished).toBe(2);
    expect(started.filter((name) => name === "control")).toHaveLength(1);
  });

  test("goes on when control refuses the configuration later, so that the relays keep what they have", async () => {
    const { supervisor, started, live, journal } = supervise({
      script: `[ $ROLE = control ] && [ -e $JOURNAL.second ] && exit 2\n[ $ROLE = control ] && touch $JOURNAL.second\n${OBEDIENT}`,
    });
    supervisor.start();
    await until(() => journal().length === 3);
    live.get("control")?.kill();
    await until(() => started.filter((name) => name === "control").length >= 3);
    expect(journal()).not.toContain("relay0 stop");
    supervisor.terminate();
    expect(await supervisor.finished).toBe(0);
  });
});
