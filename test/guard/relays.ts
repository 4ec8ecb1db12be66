/** Relays whose allocations, timers and left-over objects are counted. */
import { createInterface, type Interface } from "node:readline";
import { Readable } from "node:stream";
import type { Subprocess } from "bun";
import type { Tally } from "./relays-process.ts";

/** What a load has cost. */
export interface Cost {
  /** Bytes of objects and of their buffers that were allocated, to the {@link CYCLE}. */
  readonly bytes: number;
  /** Timers that were armed. */
  readonly timers: number;
  /** Calls that were put off to the end of the event loop's turn. */
  readonly immediates: number;
  /** Objects that are still alive afterwards. */
  readonly objects: number;
}

/** The collector runs whenever so many bytes have been allocated, and says so: that is how they are counted. */
const CYCLE = 256 * 1024;
const COLLECTOR = { BUN_JSC_gcMaxHeapSize: String(CYCLE), BUN_JSC_logGC: "1", BUN_GC_TIMER_DISABLE: "1" };

/** A process with two relays, one importing from the other. */
export class CountedRelays {
  readonly #child: Subprocess<"pipe", "pipe", "pipe">;
  readonly #log: Interface;
  #bytes = 0;
  #cycle = 0;
  #tallied: ((tally: Tally) => void) | undefined;
  #said = "";

  constructor() {
    const command = [process.execPath, `${import.meta.dir}/relays-process.ts`];
    const pipes = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
    this.#child = Bun.spawn(command, { ...pipes, env: { ...process.env, ...COLLECTOR } });
    this.#log = createInterface({ input: Readable.fromWeb(this.#child.stderr as never) });
    this.#log.on("line", (line) => this.#onLine(line));
  }

  /** @returns the port where applications reach the service. @throws {Error} with its log when the process has ended */
  async start(service: number): Promise<number> {
    this.#child.stdin.write(`${service}\n`);
    for await (const chunk of this.#child.stdout) return Number(new TextDecoder().decode(chunk));
    throw new Error(`the relays have ended: ${this.#said}`);
  }

  /** @returns what the load costs both relays together. */
  async cost(load: () => Promise<void>): Promise<Cost> {
    const before = { ...(await this.#tally()), bytes: this.#bytes };
    await load();
    const after = await this.#tally();
    return {
      bytes: this.#bytes - before.bytes,
      timers: after.timers - before.timers,
      immediates: after.immediates - before.immediates,
      objects: after.objects - before.objects,
    };
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
    this.#log.close();
  }

  #tally(): Promise<Tally> {
    const tally = new Promise<Tally>((resolve) => {
      this.#tallied = resolve;
    });
    this.#child.stdin.write("tally\n");
    this.#child.stdin.flush();
    return tally;
  }

  #onLine(line: string): void {
    const allocated = /bytes allocated this cycle: (\d+)/.exec(line)?.[1];
    if (allocated !== undefined) this.#cycle = Number(allocated);
    else if (line.startsWith("GC END!")) {
      this.#bytes += this.#cycle;
      this.#cycle = 0;
    } else if (line.startsWith("{")) this.#tallied?.(JSON.parse(line) as Tally);
    else if (!line.includes("GC")) this.#said += `${line}\n`;
  }
}
