/** One gateway of the demo: a real process with its own state and log. */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "../errors.ts";
import { LEASH } from "../gateway.ts";
import { Stage } from "./stage.ts";

/** Lines of a log that are shown when something went wrong. */
const TAIL_LINES = 20;

/** Longer than the gateways' own grace period, in milliseconds. */
const STOP_DEADLINE = 10_000;

export class GatewayProcess {
  readonly #child: Bun.Subprocess<"pipe", number, number>;
  readonly #log: string;
  #stopping = false;

  /**
   * Starts `clusterlink ARGS &` and shows the command; its output goes to `SITE.log`. It ends when this process does,
   * by whatever way.
   */
  constructor(
    stage: Stage,
    readonly site: string,
    args: readonly string[],
  ) {
    const { folder, executable } = stage.options;
    stage.show(["clusterlink", ...args], ` > ${site}.log 2>&1 &`);
    this.#log = join(folder, `${site}.log`);
    const log = openSync(this.#log, "a", 0o600);
    const options = { cwd: folder, env: Stage.environment(), stdin: "pipe", stdout: log, stderr: log } as const;
    this.#child = Bun.spawn([...executable, ...args, LEASH], options);
    closeSync(log);
  }

  /** Resolves when the gateway has ended after {@link stop}; rejects when it ends though nobody asked it to. */
  async end(): Promise<void> {
    const code = await this.#child.exited;
    if (this.#stopping) return;
    throw new CliError(
      "failed",
      `the gateway of site '${this.site}' ended (${this.#child.signalCode ?? `exit code ${code}`})`,
    );
  }

  /** @returns the last lines of its log. */
  async logTail(): Promise<string[]> {
    const text = await Bun.file(this.#log).text();
    return text.trimEnd().split("\n").slice(-TAIL_LINES);
  }

  /** Asks it to end, waits for it, and ends it the hard way past the deadline. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_DEADLINE);
    await this.#child.exited;
    clearTimeout(timer);
  }
}
