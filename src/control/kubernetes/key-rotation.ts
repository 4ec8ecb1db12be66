import { SYSTEM_TIMING, type Timing } from "../../store/kubernetes/timing.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { SharedKeys } from "./shared-keys.ts";

/** The keys of a gateway while they may be replaced. */
export interface KeysInUse {
  /** What is signed, is signed with these. */
  signing: SharedKeys;
  /** Others whose tokens are good too. */
  accepted: readonly SharedKeys[];
}

export interface KeyRotationOptions {
  /** What was read at the start. */
  first: SharedKeys;
  /** Reads the Secret again; undefined while there is none. */
  load: (signal: AbortSignal) => Promise<SharedKeys | undefined>;
  /** Called whenever the keys in use have changed. */
  onChange: (keys: KeysInUse) => void;
  log: Logger;
  timing?: Timing;
}

/** How often the Secret is read, milliseconds. */
const INTERVAL = 10_000;

/**
 * How long a new key is accepted before it signs, and how long the one before is accepted after that, milliseconds:
 * replicas read the Secret at different moments, and a token that one gives may be shown to another.
 */
const OVERLAP = 30_000;

interface Noticed {
  keys: SharedKeys;
  at: number;
}

/**
 * Follows the Secret with the gateway's keys, so that a key is replaced without a restart and without a token refused.
 * While the Secret is missing, unusable or out of reach, the keys stay what they were.
 */
export class KeyRotation {
  readonly #timing: Timing;
  readonly #stopping = new AbortController();
  /** In the order in which they were noticed. */
  #noticed: Noticed[];
  #told: KeysInUse;
  #fault: string | undefined;

  constructor(readonly options: KeyRotationOptions) {
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#noticed = [{ keys: options.first, at: Number.NEGATIVE_INFINITY }];
    this.#told = { signing: options.first, accepted: [] };
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await this.#timing.sleep(INTERVAL, signal);
      if (signal.aborted) return;
      await this.#read(signal);
      if (signal.aborted) return;
      this.#apply();
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    try {
      const keys = await this.options.load(signal);
      this.#fault = undefined;
      if (keys === undefined || keys.authz === this.#noticed.at(-1)?.keys.authz) return;
      this.options.log.info("the key of the tokens has been replaced; the one before is good for a minute yet");
      this.#noticed.push({ keys, at: this.#timing.now() });
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (!signal.aborted && fault !== this.#fault) {
        this.options.log.warn("the key of the tokens cannot be read again; the one in use stays", { error });
      }
      this.#fault = fault;
    }
  }

  #apply(): void {
    const now = this.#timing.now();
    const signing = this.#noticed.findLast(({ at }) => now - at >= OVERLAP) ?? this.#noticed[0];
    if (signing === undefined) return;
    if (now - signing.at >= 2 * OVERLAP) this.#noticed = this.#noticed.slice(this.#noticed.indexOf(signing));
    const accepted = this.#noticed.filter((each) => each !== signing).map(({ keys }) => keys);
    const keys = { signing: signing.keys, accepted };
    if (Bun.deepEquals(keys, this.#told)) return;
    this.#told = keys;
    this.options.onChange(keys);
  }
}
