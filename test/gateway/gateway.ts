/** Whole gateways for the end-to-end tests: the built executable, its processes, its API, in folders of their own. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { completed } from "../completed.ts";
import { freePort } from "../free-port.ts";
import { EXECUTABLE } from "../packaging/executable.ts";

export interface Process {
  pid: number;
  /** `gateway` for the supervisor, `control`, `relay 0`, … */
  role: string;
}

/** A folder for one test file, with a fabric in it; `remove` ends every gateway that was started in it. */
export class World {
  readonly folder = mkdtempSync("/tmp/clusterlink-e2e-");
  readonly #gateways: Gateway[] = [];

  static async create(): Promise<World> {
    const world = new World();
    await clusterlink(world.folder, "create", "fabric", "--name", "fabric");
    return world;
  }

  /** Starts a gateway named `name` and waits until it is ready. */
  async start(name: string, flags: string[] = []): Promise<Gateway> {
    await clusterlink(this.folder, "create", "peer-cert", "--name", name, "--fabric", "fabric", "--force");
    const gateway = new Gateway(name, this.folder, flags);
    this.#gateways.push(gateway);
    await gateway.start();
    return gateway;
  }

  async remove(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One site: a supervisor, its control and its relays. */
export class Gateway {
  readonly port = freePort();
  readonly state: string;
  #child: Subprocess | undefined;
  #group: Process[] = [];

  constructor(
    readonly name: string,
    readonly folder: string,
    readonly flags: string[],
  ) {
    this.state = join(folder, `${name}.state`);
  }

  get socket(): string {
    return join(this.state, "api.sock");
  }

  get child(): Subprocess {
    if (this.#child === undefined) throw new Error(`${this.name} was never started`);
    return this.#child;
  }

  /** @returns how long it took until the gateway said that it is ready, in milliseconds. */
  async start(): Promise<number> {
    const started = performance.now();
    const log = Bun.file(join(this.folder, `${this.name}.log`));
    this.#child = Bun.spawn(
      [
        EXECUTABLE,
        "gateway",
        "--pki",
        `fabric/${this.name}`,
        "--state",
        this.state,
        "--import-address",
        "127.0.0.1",
      ].concat(["--listen", `127.0.0.1:${this.port}`, "--relays", "2", "--grace", "2s", ...this.flags]),
      { cwd: this.folder, stdin: "ignore", stdout: log, stderr: log },
    );
    await this.ready();
    this.#group = this.processes();
    return performance.now() - started;
  }

  async ready(): Promise<void> {
    await until(async () => {
      if (this.child.exitCode !== null) throw new Error(`${this.name} ended: ${this.log()}`);
      return this.request("/readyz").then(
        (response) => response.ok,
        () => false,
      );
    }, `${this.name} is ready`);
  }

  log(): string {
    return readFileSync(join(this.folder, `${this.name}.log`), "utf8");
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://localhost${path}`, { ...init, unix: this.socket });
  }

  /** @returns the supervisor and its children as `ps` shows them now. */
  processes(): Process[] {
    const supervisor = this.child.pid;
    const found: Process[] = [];
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      const words = commandLine(pid);
      if (pid === supervisor) found.push({ pid, role: "gateway" });
      else if (parentOf(pid) === supervisor) found.push({ pid, role: words.slice(1).join(" ").trim() });
    }
    return found;
  }

  pid(role: string): number {
    const found = this.processes().find((process) => process.role === role);
    if (found === undefined) throw new Error(`${this.name} has no ${role}`);
    return found.pid;
  }

  /** Applies objects through the command line. */
  async apply(...objects: object[]): Promise<void> {
    const text = objects.map((object) => Bun.YAML.stringify(object)).join("\n---\n");
    await clusterlink(this.folder, "apply", "--server", `unix:${this.socket}`, "-f", "-", { stdin: text });
  }

  async delete(plural: string, namespace: string, name: string): Promise<void> {
    const path = `/apis/clusterlink.net/v1alpha1/namespaces/${namespace}/${plural}/${name}`;
    const response = await this.request(path, { method: "DELETE" });
    if (!response.ok) throw new Error(await response.text());
  }

  /** Sends SIGTERM. @returns the exit code. */
  async stop(): Promise<number> {
    this.child.kill("SIGTERM");
    return this.child.exited;
  }

  /** Kills every process of the gateway at once. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    for (const { pid } of [...this.#group, ...this.processes()]) signal(pid, "SIGKILL");
    await this.#child.exited;
  }
}

/** Runs one command of the executable to its end; rejects with what it said when it fails. */
export async function clusterlink(cwd: string, ...words: (string | { stdin: string })[]): Promise<string> {
  const args = words.filter((word) => typeof word === "string");
  const stdin = words.find((word) => typeof word === "object")?.stdin ?? "";
  const { code, out, err } = await completed([EXECUTABLE, ...args], { cwd, stdin });
  if (code !== 0) throw new Error(`clusterlink ${args.join(" ")} exited with ${code}: ${out}${err}`);
  return out;
}

/** Waits until the condition holds; rejects after `limit` ms. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, limit = 10_000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limit} ms: ${what}`);
    await Bun.sleep(5);
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export function isAlive(pid: number): boolean {
  return statOf(pid) !== undefined && statOf(pid)?.state !== "Z";
}

/** @returns the memory that the process holds (VmRSS), in bytes. */
export function residentMemory(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

function parentOf(pid: number): number | undefined {
  return statOf(pid)?.parent;
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const [state = "", parent = ""] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

type Meta = { name: string; namespace?: string };

/** @returns an object of the API; `namespace` defaults to `default`. */
export function object(kind: string, { name, namespace = "default" }: Meta, spec: object): object {
  const metadata = kind === "PrivilegedAccessPolicy" ? { name } : { name, namespace };
  return { apiVersion: "clusterlink.net/v1alpha1", kind, metadata, spec };
}

export const peer = (gateway: Gateway, ...others: number[]) =>
  object(
    "Peer",
    { name: gateway.name, namespace: "clusterlink-system" },
    { gateways: [gateway.port, ...others].map((port) => ({ host: "127.0.0.1", port })) },
  );

export const exported = (name: string, port: number, host = "127.0.0.1") => object("Export", { name }, { host, port });

export const imported = (name: string, port: number, from: string, exportName = name) =>
  object("Import", { name }, { port, sources: [{ peer: from, exportName, exportNamespace: "default" }] });

export const allowAll = object(
  "AccessPolicy",
  { name: "allow-all" },
  { action: "allow", from: [{ workloadSelector: {} }], to: [{ workloadSelector: {} }] },
);
