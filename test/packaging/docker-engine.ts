/** A Docker engine for tests: the one that runs, or one of the test's own in a network namespace of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tar } from "../../packaging/tar.ts";
import { type Requirement, requires } from "../requires.ts";

const START_LIMIT_MS = 60_000;

/** What a command came to. */
export interface Outcome {
  readonly code: number;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** An engine, and a shell on the machine it publishes ports on. */
export interface DockerEngine {
  /** Runs a bash script that stops at the first failure. Its time is bounded by the test's. */
  shell(script: string, cwd?: string): Promise<Outcome>;
  stop(): Promise<void>;
}

/** What is missing for {@link startEngine}, if anything. */
export function engineRequirement(): Requirement {
  const docker = requires("docker");
  if (docker.skip || engineRuns()) return docker;
  const programs = ["dockerd", "unshare", "nsenter", "ip", "busybox"].map(requires);
  const missing = programs.find((program) => program.skip);
  if (missing) return missing;
  if (process.getuid?.() === 0) return docker;
  const reason = "no Docker engine runs, and only root can start one";
  if (process.env.CLUSTERLINK_TEST_REQUIRE === "all") throw new Error(reason);
  return { skip: true, reason: `(skipped: ${reason})` };
}

function engineRuns(): boolean {
  return Bun.spawnSync(["docker", "info"], { stdout: "ignore", stderr: "ignore", stdin: "ignore" }).success;
}

/**
 * Starts an engine, or takes the one that runs.
 *
 * An engine of the test's own keeps everything in a temporary folder and lives in a network namespace without a way out:
 * its bridges, packet filters and published ports are nobody else's, and nothing can be pulled from a registry.
 */
export async function startEngine(): Promise<DockerEngine> {
  if (engineRuns()) return { shell: (script, cwd) => bash([], script, cwd), stop: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-docker-"));
  const socket = `unix://${folder}/docker.sock`;
  const words = [
    ...["dockerd", "--storage-driver", "vfs", "--data-root", `${folder}/data`, "--exec-root", `${folder}/exec`],
    ...["--host", socket, "--pidfile", `${folder}/pid`],
  ];
  const engine = Bun.spawn(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", ...words], {
    stdin: "ignore",
    stdout: Bun.file(join(folder, "log")),
    stderr: Bun.file(join(folder, "log")),
  });
  const inside = ["nsenter", "--net", "--target", String(engine.pid), "env", `DOCKER_HOST=${socket}`];
  const shell: DockerEngine["shell"] = (script, cwd) => bash(inside, script, cwd);
  const stop = async () => {
    engine.kill("SIGTERM");
    await engine.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await answering(shell, () => engine.exitCode !== null);
    await importBusybox(folder, shell);
  } catch (cause) {
    const log = await Bun.file(join(folder, "log")).text();
    await stop();
    throw new Error(`dockerd cannot be used here: ${log.slice(-2000)}`, { cause });
  }
  return { shell, stop };
}

async function bash(prefix: readonly string[], script: string, cwd?: string): Promise<Outcome> {
  const child = Bun.spawn([...prefix, "bash", "-c", `set -euo pipefail\nexec 2>&1\n${script}`], {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const output = await new Response(child.stdout).text();
  return { code: await child.exited, output };
}

async function answering(shell: DockerEngine["shell"], gone: () => boolean): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  while ((await shell("docker info")).code !== 0) {
    if (gone() || Date.now() > end) throw new Error("it does not answer");
    await Bun.sleep(200);
  }
}

/** Stands in for the image `busybox`, which no registry is there to give: the same program, as Debian builds it. */
async function importBusybox(folder: string, shell: DockerEngine["shell"]): Promise<void> {
  const program = await Bun.file(Bun.which("busybox") ?? "").bytes();
  const applets = ["sh", "httpd"];
  const archive = tar([
    { kind: "file", path: "bin/busybox", data: program, mode: 0o755 },
    ...applets.map((name) => ({ kind: "link", path: `bin/${name}`, target: "busybox" }) as const),
  ]);
  await Bun.write(join(folder, "busybox.tar"), archive);
  const { code, output } = await shell(`docker import ${folder}/busybox.tar busybox`);
  if (code !== 0) throw new Error(output);
}
