/** `clusterlink demo`. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { DemoPorts } from "./demo/manifests.ts";
import { Stage } from "./demo/stage.ts";
import { Demo } from "./demo/story.ts";
import { CliError } from "./errors.ts";
import { executableWords } from "./executable.ts";
import { note, print, whenReaderGone } from "./output.ts";

interface DemoOptions {
  once?: true;
  path?: string;
}

/** The longest folder in which the sites' sockets have paths that the kernel accepts. */
const LONGEST_FOLDER = 60;

/** Adds `demo` to the program. */
export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description(
      "Runs two sites on this machine, and sends a request through both gateways: refused first, then answered.",
    )
    .option("--once", "clean up and exit when the request has been answered, instead of waiting for Ctrl-C")
    .option(
      "--path <dir>",
      "keep everything in this new or empty folder (default: a temporary one, removed at the end)",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  clusterlink demo\n  clusterlink demo --once\n  clusterlink demo --path ./my-demo",
    )
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
}

async function runDemo(options: DemoOptions): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  whenReaderGone(onSignal);
  const interrupted = new Promise<void>((done) => interrupt.signal.addEventListener("abort", () => done()));
  const folder = await makeFolder(options.path);
  const demo = new Demo(new Stage({ folder, executable: executableWords(), signal: interrupt.signal }));
  let up = false;
  try {
    await introduce(folder);
    const ports = await Promise.race([demo.play(), interrupted]);
    if (ports === undefined) return 130;
    up = true;
    if (options.once) return 0;
    invite(ports, folder);
    await Promise.race([interrupted, ...demo.gateways.map((gateway) => gateway.end())]);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) return up ? 0 : 130;
    await showLogs(demo);
    throw error;
  } finally {
    interrupt.abort();
    await demo.stop();
    if (options.path === undefined) await rm(folder, { recursive: true, force: true });
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

async function makeFolder(path: string | undefined): Promise<string> {
  if (path === undefined) {
    const base = tmpdir().length + 30 > LONGEST_FOLDER ? "/tmp" : tmpdir();
    return mkdtemp(join(base, "clusterlink-demo-"));
  }
  const folder = resolve(path);
  if (Buffer.byteLength(folder) > LONGEST_FOLDER) {
    throw new CliError(
      "usage",
      `--path '${folder}' is too long for the sockets in it: at most ${LONGEST_FOLDER} characters`,
    );
  }
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0)
    throw new CliError("usage", `--path '${folder}' is not empty: name a new folder`);
  return folder;
}

/** Puts this executable on the follower's PATH, so that every command shown can be typed as it stands. */
async function introduce(folder: string): Promise<void> {
  const file = join(folder, "bin", "clusterlink");
  await mkdir(join(folder, "bin"));
  await writeFile(file, `#!/bin/sh\nexec ${executableWords().map(shellQuoted).join(" ")} "$@"\n`);
  await chmod(file, 0o755);
  print("# Everything happens in one folder. To type along, in another terminal:");
  print(`#   cd ${folder}; export PATH="$PWD/bin:$PATH"`);
}

function invite(ports: DemoPorts, folder: string): void {
  print(`
# Both sites are up. In another terminal:
#   cd ${folder}; export PATH="$PWD/bin:$PATH"
#   curl http://127.0.0.1:${ports.imported}/
#   clusterlink status --server unix:client/api.sock
#   clusterlink delete accesspolicy allow-hello --server unix:server/api.sock
# Ctrl-C here ends both sites${folder.includes("clusterlink-demo-") ? " and removes the folder" : ""}.`);
}

async function showLogs(demo: Demo): Promise<void> {
  for (const gateway of demo.gateways) {
    note(`\n# The end of ${gateway.site}.log:`);
    for (const line of await gateway.logTail()) note(`  ${line}`);
  }
}

function shellQuoted(word: string): string {
  return /^[-\w./]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
