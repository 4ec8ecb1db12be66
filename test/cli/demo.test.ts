import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment, clusterlink, command } from "./clusterlink.ts";

/** The processes whose current folder is this one: every gateway of a demo, its control and its relays. */
function processesIn(folder: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

function folderOf(out: string): string {
  const [, folder] = /cd (\/\S+);/.exec(out) ?? [];
  if (folder === undefined) throw new Error(`no folder is named in:\n${out}`);
  return folder;
}

interface RunningDemo {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** What it printed until both sites were up. */
  out: string;
  folder: string;
}

async function startDemo(): Promise<RunningDemo> {
  const child = Bun.spawn(command("demo"), {
    env: cleanEnvironment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const decoder = new TextDecoder();
  let out = "";
  for await (const chunk of child.stdout) {
    out += decoder.decode(chunk, { stream: true });
    if (out.includes("# Ctrl-C here ends both sites")) return { child, out, folder: folderOf(out) };
  }
  throw new Error(`the demo ended early:\n${out}\n${await new Response(child.stderr).text()}`);
}

describe("demo --once", () => {
  test("shows a request refused, refused by the other side, and then answered; and leaves nothing behind", async () => {
    const { code, out, err } = await clusterlink(["demo", "--once"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const story = [
      "$ clusterlink create fabric --name demo",
      "$ clusterlink gateway --pki demo/server",
      "REFUSED.",
      "connection cut (",
      "REFUSED: ",
      "refused by default-deny",
      "$ clusterlink apply --server unix:client/api.sock -f allow.yaml",
      "connection cut (",
      "$ clusterlink apply --server unix:server/api.sock -f allow.yaml",
      "Hello from site 'server'",
    ];
    let place = 0;
    for (const line of story) {
      const found = out.indexOf(line, place);
      expect({ line, found: found >= 0, out }).toMatchObject({ found: true });
      place = found + 1;
    }
    const folder = folderOf(out);
    expect(existsSync(folder)).toBe(false);
    expect(processesIn(folder)).toEqual([]);
  }, 60_000);

  test("keeps the folder that the user names", async () => {
    const parent = mkdtempSync("/tmp/clusterlink-demo-kept-");
    try {
      const folder = join(parent, "d");
      expect((await clusterlink(["demo", "--once", "--path", folder])).code).toBe(0);
      expect(readFileSync(join(folder, "allow.yaml"), "utf8")).toContain("kind: AccessPolicy");
      expect(processesIn(folder)).toEqual([]);
    } finally {
      rmSync(parent, { recursive: true });
    }
  }, 60_000);

  test("refuses a folder with something in it", async () => {
    const folder = mkdtempSync("/tmp/clusterlink-demo-full-");
    try {
      writeFileSync(join(folder, "mine"), "");
      const { code, err } = await clusterlink(["demo", "--once", "--path", folder]);
      expect({ code, err }).toEqual({ code: 2, err: `error: --path '${folder}' is not empty: name a new folder\n` });
      expect(readdirSync(folder)).toEqual(["mine"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the demo that stays", () => {
  test("keeps both sites up until Ctrl-C, then ends them and exits with 0", async () => {
    const { child, out, folder } = await startDemo();
    const [, url = ""] = /# {3}curl (\S+)/.exec(out) ?? [];
    expect(await (await fetch(url)).text()).toBe("Hello from site 'server'\n");
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    expect(existsSync(folder)).toBe(false);
    expect(processesIn(folder)).toEqual([]);
  }, 60_000);

  test("lets the reader type along: its own 'clusterlink' is in the folder", async () => {
    const { child, folder } = await startDemo();
    try {
      const status = ["status", "--server", "unix:client/api.sock", "--ready"];
      const typed = Bun.spawn([join(folder, "bin", "clusterlink"), ...status], {
        cwd: folder,
        env: cleanEnvironment(),
      });
      expect(await typed.exited).toBe(0);
    } finally {
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
    }
  }, 60_000);

  test("leaves no gateway behind when it is killed", async () => {
    const { child, folder } = await startDemo();
    expect(processesIn(folder)).not.toEqual([]);
    child.kill("SIGKILL");
    await child.exited;
    const end = Date.now() + 10_000;
    while (processesIn(folder).length > 0 && Date.now() < end) await Bun.sleep(20);
    const left = processesIn(folder);
    for (const pid of left) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true });
    expect(left).toEqual([]);
  }, 60_000);

  test("fails with the end of the logs when a gateway dies, and ends the other", async () => {
    const { child, folder } = await startDemo();
    const gateway = processesIn(folder).find((pid) => {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return line.includes("gateway") && line.includes("demo/client");
    });
    if (gateway === undefined) throw new Error("no gateway of site 'client' runs");
    process.kill(gateway, "SIGKILL");
    expect(await child.exited).toBe(1);
    const err = await new Response(child.stderr).text();
    expect(err).toContain("# The end of client.log:");
    expect(err).toEndWith("error: the gateway of site 'client' ended (SIGKILL)\n");
    expect(processesIn(folder)).toEqual([]);
  }, 60_000);
});
