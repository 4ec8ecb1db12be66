/** Every process that the bench starts, so that each is ended by its id, however the bench ends. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { isRunning, type ProcessId, processTree } from "./processes.ts";

/** How long a process may take to end when it is asked to, in milliseconds. */
const END_DEADLINE = 3_000;
/** Lines of its log that an error shows. */
const TAIL_LINES = 12;

/** One process that runs until it is ended. */
export interface Child {
  readonly name: string;
  readonly process: Subprocess;
  readonly log: string;
}

/** Variables that would change the gateways' defaults are left out of what the children see. */
function environment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CLUSTERLINK_")));
}

/** The processes of one run; logs are files in its folder. */
export class Children {
  readonly #running = new Set<Child>();
  #count = 0;
  #ended = false;

  constructor(readonly folder: string) {}

  /** Whether {@link endAll} has been called. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Starts a process whose output goes to a log file. Its standard input ends when it is to end, if `stdin` is "pipe". */
  start(name: string, command: readonly string[], stdin: "ignore" | "pipe" = "ignore"): Child {
    this.#refuseAfterEnd();
    const log = join(this.folder, `${this.#count++}-${name}.log`);
    const output = openSync(log, "a", 0o600);
    const options = { cwd: this.folder, env: environment(), stdin, stdout: output, stderr: output } as const;
    const child: Child = { name, process: Bun.spawn([...command], options), log };
    closeSync(output);
    this.#running.add(child);
    return child;
  }

  /**
   * Runs a program to its end.
   * @returns its standard output
   * @throws {Error} with what it said when it fails
   */
  async run(command: readonly string[]): Promise<string> {
    this.#refuseAfterEnd();
    const options = { cwd: this.folder, env: environment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
    const started = Bun.spawn([...command], options);
    const child: Child = { name: command[0] ?? "", process: started, log: "" };
    this.#running.add(child);
    const [output, errors, code] = await Promise.all([
      new Response(started.stdout).text(),
      new Response(started.stderr).text(),
      started.exited,
    ]);
    this.#running.delete(child);
    if (code === 0) return output;
    throw new Error(`${command.join(" ")} ended with ${started.signalCode ?? code}: ${tail(`${output}\n${errors}`)}`);
  }

  /** @throws {Error} with the end of its log when the process has ended by itself */
  expectRunning({ name, process: { exitCode, signalCode }, log }: Child): void {
    if (exitCode === null && signalCode === null) return;
    throw new Error(`${name} ended with ${signalCode ?? exitCode}: ${tail(readFileSync(log, "utf8"))}`);
  }

  /** Asks the process to end, waits, and kills what is left of it and its descendants past the deadline. */
  async end(child: Child): Promise<void> {
    const family = processTree(child.process.pid);
    child.process.kill("SIGTERM");
    const deadline = performance.now() + END_DEADLINE;
    while (family.some(isRunning) && performance.now() < deadline) await Bun.sleep(10);
    for (const member of family.filter(isRunning)) kill(member);
    while (family.some(isRunning)) await Bun.sleep(10);
    await child.process.exited;
    this.#running.delete(child);
  }

  /** Ends all that still run. Nothing can be started afterwards. */
  async endAll(): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#running].reverse().map((child) => this.end(child)));
  }

  #refuseAfterEnd(): void {
    if (this.#ended) throw new Error("the bench is ending");
  }
}

function kill({ pid }: ProcessId): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function tail(text: string): string {
  return text.trim().split("\n").slice(-TAIL_LINES).join("\n");
}
