import { backoff } from "../store/backoff.ts";
import type { Logger } from "../telemetry/log.ts";
import type { ChildCommand } from "./child-protocol.ts";

/** A child that lived this long was well, and the next failure counts as its first. Milliseconds. */
const STEADY = 60_000;

/** How long a child may take to end after `stop`, before it is killed. Milliseconds. */
const STOP_LIMIT = 3_000;

/** A started process, as Bun.spawn gives it. */
export interface ChildProcess {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** Writes a line to its standard input. Does nothing when it has died. */
  send(line: string): void;
  kill(): void;
}

export interface SupervisorOptions {
  /** Roles with their arguments, for example `["control"]` and `["relay", "0"]`; the first is control. */
  roles: string[][];
  /** Given to every child as its first line. */
  config: string;
  spawn: (args: string[]) => ChildProcess;
  log: Logger;
  /** How long relays may take to drain, milliseconds; then they are stopped. */
  drainLimit: number;
}

/** One role: at most one process at a time. */
class Child {
  process: ChildProcess | undefined;
  #failures = 0;
  #startedAt = 0;
  #timer: Timer | undefined;
  #ended = Promise.withResolvers<void>();

  constructor(
    readonly args: string[],
    readonly owner: Supervisor,
  ) {}

  get name(): string {
    return this.args.join(" ");
  }

  /** Resolves when it will not run any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  start(): void {
    const { options } = this.owner;
    this.#startedAt = performance.now();
    let child: ChildProcess;
    try {
      child = options.spawn(this.args);
    } catch (error) {
      options.log.error(`cannot start ${this.name}`, { error });
      this.#exited(undefined);
      return;
    }
    this.process = child;
    child.send(options.config);
    void child.exited.then((code) => {
      this.process = undefined;
      this.#exited(code);
    });
  }

  /** Sends a command to the process; without one, it will not be started any more. */
  command(command: ChildCommand): void {
    clearTimeout(this.#timer);
    if (this.process) this.process.send(command);
    else this.#ended.resolve();
  }

  #exited(code: number | undefined): void {
    const { log } = this.owner.options;
    if (this.owner.stopping) {
      this.#ended.resolve();
      return;
    }
    const lived = performance.now() - this.#startedAt;
    if (this.owner.refusedConfiguration(this, code)) {
      this.#ended.resolve();
      return;
    }
    if (lived >= STEADY) this.#failures = 0;
    const delay = this.#failures === 0 ? 0 : backoff(this.#failures, { first: 100, longest: 10_000 });
    this.#failures++;
    log.error(`${this.name} ended and is started again`, { code, after: Math.round(lived), delay: Math.round(delay) });
    this.#timer = setTimeout(() => this.start(), delay);
  }
}

/**
 * Starts control and the relays, replaces each that ends, and ends them in order: relays drain first, control last.
 * It does nothing else, so that there is next to nothing in it that can fail.
 */
export class Supervisor {
  readonly #children: Child[];
  readonly #finished = Promise.withResolvers<number>();
  #restarted = false;
  stopping = false;
  #quick = false;

  constructor(readonly options: SupervisorOptions) {
    this.#children = options.roles.map((args) => new Child(args, this));
  }

  /** The exit code of the gateway: 0 after an orderly end, 2 when control refused the configuration at its start. */
  get finished(): Promise<number> {
    return this.#finished.promise;
  }

  /** Whether that process is one of the children at present. */
  owns(pid: number): boolean {
    return this.#children.some((child) => child.process?.pid === pid);
  }

  /** Starts nothing when it was told to end before. */
  start(): void {
    if (this.stopping) return;
    for (const child of this.#children) child.start();
  }

  /** The first call drains; a second one ends everything at once. */
  terminate(): void {
    if (!this.stopping) void this.#end(0);
    else if (!this.#quick) {
      this.#quick = true;
      this.options.log.warn("told to end again: the connections that are left are reset");
      for (const child of this.#children) this.#stop(child);
    }
  }

  /** @returns whether this end of a child means that the gateway cannot run with its configuration. */
  refusedConfiguration(child: Child, code: number | undefined): boolean {
    const first = child === this.#children[0] && !this.#restarted;
    if (child === this.#children[0]) this.#restarted = true;
    if (!first || code !== 2) return false;
    void this.#end(2);
    return true;
  }

  async #end(code: number): Promise<void> {
    this.stopping = true;
    const [control, ...relays] = this.#children;
    const command = code === 0 ? "drain" : "stop";
    this.options.log.info(code === 0 ? "draining" : "ending: the configuration cannot be used");
    for (const child of this.#children) child.command(command);
    const limit = setTimeout(() => {
      for (const relay of relays) this.#stop(relay);
    }, this.options.drainLimit);
    await Promise.all(relays.map((relay) => relay.ended));
    clearTimeout(limit);
    if (control) {
      this.#stop(control);
      await control.ended;
    }
    this.options.log.info("ended");
    this.#finished.resolve(code);
  }

  #stop(child: Child): void {
    const { process } = child;
    child.command("stop");
    const limit = setTimeout(() => process?.kill(), STOP_LIMIT);
    void child.ended.then(() => clearTimeout(limit));
  }
}
