/** Well-known programs talk through two gateways with their own clients: Redis and PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { completed } from "../completed.ts";
import { freePort } from "../free-port.ts";
import { requires } from "../requires.ts";
import { allowAll, exported, type Gateway, imported, peer, until, World } from "./gateway.ts";

let world: World;
let east: Gateway;
let west: Gateway;
const children: Subprocess[] = [];

beforeAll(async () => {
  world = await World.create();
  [east, west] = await Promise.all([world.start("east"), world.start("west")]);
  await west.apply(peer(east), allowAll);
  await east.apply(peer(west), allowAll);
}, 30_000);
afterAll(async () => {
  for (const child of children) {
    child.kill("SIGTERM");
    await child.exited;
  }
  await world.remove();
});

/** Makes what listens on `port` at site west reachable at site east. @returns the port there. */
async function share(name: string, port: number): Promise<number> {
  const importPort = freePort();
  await west.apply(exported(name, port));
  await east.apply(imported(name, importPort, "west"));
  return importPort;
}

function start(command: string[]): void {
  children.push(Bun.spawn(command, { cwd: world.folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" }));
}

async function output(command: string[]): Promise<{ code: number; out: string }> {
  const { code, out, err } = await completed(command);
  return { code, out: `${out}${err}` };
}

describe("Redis", () => {
  const redis = requires("redis-server");

  // A real Redis and its own clients: without them there is nothing to try.
  test.skipIf(redis.skip)(
    `sets, gets, pipelines and carries 1 MiB values ${redis.reason}`,
    async () => {
      const port = freePort();
      start(["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
      const through = String(await share("redis", port));
      const cli = (...words: string[]) => output(["redis-cli", "-p", through, ...words]);
      await until(async () => (await cli("ping")).out.trim() === "PONG", "redis answers");
      expect((await cli("set", "key", "value")).out.trim()).toBe("OK");
      expect((await cli("get", "key")).out.trim()).toBe("value");
      const bench = ["redis-benchmark", "-p", through, "-q", "-n", "2000", "-c", "20", "-P", "16", "-d", "1000"];
      const piped = await output([...bench, "-t", "set,get"]);
      expect(piped.out).toContain("requests per second");
      expect(piped.code).toBe(0);
      const large = await output([
        "redis-benchmark",
        "-p",
        through,
        "-q",
        "-n",
        "50",
        "-d",
        "1048576",
        "-t",
        "set,get",
      ]);
      expect(large.code).toBe(0);
    },
    30_000,
  );
});

/** Debian keeps PostgreSQL's server programs out of PATH. */
function serverFolder(): string | undefined {
  const base = "/usr/lib/postgresql";
  if (!existsSync(base)) return undefined;
  const folders = readdirSync(base).map((version) => join(base, version, "bin"));
  return folders.find((folder) => existsSync(join(folder, "initdb")));
}

describe("PostgreSQL", () => {
  const pgbench = requires("pgbench");
  const folder = serverFolder();
  if (folder === undefined && process.env["CLUSTERLINK_TEST_REQUIRE"] === "all")
    throw new Error("initdb is not installed");

  // A real PostgreSQL and its own clients: without them there is nothing to try.
  test.skipIf(pgbench.skip || folder === undefined)(
    `answers psql and runs pgbench ${pgbench.reason || (folder ? "" : "(skipped: initdb is not installed)")}`,
    async () => {
      const data = join(world.folder, "postgres");
      const port = freePort();
      mkdirSync(data);
      // PostgreSQL refuses to run as root.
      const asUser = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
      if (asUser.length > 0) {
        const { out } = await output(["id", "-u", "postgres"]);
        chownSync(data, Number(out), 0);
        await output(["chmod", "755", world.folder]);
      }
      const server = (program: string) => [...asUser, join(folder as string, program)];
      const initialized = await output([...server("initdb"), "-D", data, "-U", "tester", "-A", "trust", "--no-sync"]);
      expect(initialized.code).toBe(0);
      start([...server("postgres"), "-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", "", "-F"]);
      const through = ["-h", "127.0.0.1", "-p", String(await share("postgres", port)), "-U", "tester"];
      const psql = (sql: string) => output(["psql", ...through, "-d", "postgres", "-At", "-c", sql]);
      await until(async () => (await psql("select 1")).out.trim() === "1", "postgres answers", 20_000);
      expect((await psql("select sum(i) from generate_series(1, 200000) i")).out.trim()).toBe("20000100000");
      expect(
        (await psql("select length(string_agg(md5(i::text), '')) from generate_series(1, 50000) i")).out.trim(),
      ).toBe("1600000");
      expect((await output(["pgbench", ...through, "-i", "-s", "1", "-q", "postgres"])).code).toBe(0);
      const run = await output(["pgbench", ...through, "-c", "4", "-t", "50", "postgres"]);
      expect(run.out).toContain("number of failed transactions: 0");
      expect(run.code).toBe(0);
    },
    60_000,
  );
});
