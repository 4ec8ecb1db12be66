/** Following a site's certificate files while the gateway runs. */
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { CertificateEntry } from "../snapshot/tables.ts";
import { CertificateSetError, faultLine } from "./errors.ts";
import { type CertificateSource, certificatePaths, loadCertificates } from "./load.ts";

export interface CertificateWatchOptions {
  source: CertificateSource;
  /** The set in use. */
  current: CertificateEntry;
  /** Called with every new set that can be used. Must not throw. */
  onChange: (entry: CertificateEntry) => void;
  /** Called when what is wrong with the files changes; with an empty list when nothing is any more. Must not throw. */
  onProblems?: (problems: readonly string[]) => void;
  /** How often the files are read, in milliseconds. */
  interval?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  timers?: WatchTimers;
}

/** Both return a function that cancels. */
export interface WatchTimers {
  every(interval: number, run: () => void): () => void;
  after(delay: number, run: () => void): () => void;
}

/**
 * Reports a changed set of certificates once all of it can be used together, at most 5 s after that. Files may be
 * replaced one by one, or all at once by a link (Secret volumes): a set that cannot be used is tried again and again,
 * and the one in use is kept. Notices of the file system make it quick; reading the files every 2 s makes it sure,
 * since notices are lost on some file systems, and when a folder is replaced.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #now: () => number;
  readonly #timers: WatchTimers;
  readonly #stopInterval: () => void;
  readonly #watchers: FSWatcher[];
  #current: CertificateEntry;
  #problems: readonly string[] = [];
  #cancelSoon: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  #closed = false;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#current = options.current;
    this.#now = options.now ?? Date.now;
    this.#timers = options.timers ?? REAL_TIMERS;
    this.#stopInterval = this.#timers.every(options.interval ?? DEFAULT_INTERVAL, () => void this.check());
    this.#watchers = this.#watchFolders();
  }

  /** What is wrong with the files now, for `status`; empty when the set in use is the one on disk. */
  problems(): readonly string[] {
    return this.#problems;
  }

  /** Reads the files now, unless that is under way. Never rejects. */
  check(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Stops; nothing is called any more. */
  close(): void {
    this.#closed = true;
    this.#stopInterval();
    this.#cancelSoon?.();
    for (const watcher of this.#watchers) watcher.close();
  }

  async #read(): Promise<void> {
    const loaded = await this.#load();
    if (this.#closed) return;
    if ("problems" in loaded) {
      this.#tell(loaded.problems);
      return;
    }
    const isNew = !isSameSet(loaded, this.#current);
    this.#current = loaded;
    this.#tell([]);
    if (isNew) this.#options.onChange(loaded);
  }

  async #load(): Promise<CertificateEntry | { problems: string[] }> {
    try {
      return await loadCertificates(this.#options.source, this.#now());
    } catch (error) {
      return { problems: problemsOf(error) };
    }
  }

  #tell(problems: readonly string[]): void {
    const isSame =
      problems.length === this.#problems.length && problems.every((text, at) => text === this.#problems[at]);
    this.#problems = problems;
    if (!isSame) this.#options.onProblems?.(problems);
  }

  #watchFolders(): FSWatcher[] {
    const folders = new Set(Object.values(certificatePaths(this.#options.source)).map((path) => dirname(path)));
    return [...folders].flatMap((folder) => {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#soon());
        watcher.on("error", () => watcher.close());
        return [watcher];
      } catch {
        return [];
      }
    });
  }

  /** Files that change together are read once. */
  #soon(): void {
    this.#cancelSoon ??= this.#timers.after(SETTLE, () => {
      this.#cancelSoon = undefined;
      void this.check();
    });
  }
}

function isSameSet(a: CertificateEntry, b: CertificateEntry): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key;
}

function problemsOf(error: unknown): string[] {
  if (error instanceof CertificateSetError) return error.faults.map(faultLine);
  return [`certificates cannot be loaded: ${error instanceof Error ? error.message : String(error)}`];
}

const DEFAULT_INTERVAL = 2000;
const SETTLE = 100;

const REAL_TIMERS: WatchTimers = {
  every(interval, run) {
    const timer = setInterval(run, interval);
    timer.unref();
    return () => clearInterval(timer);
  },
  after(delay, run) {
    const timer = setTimeout(run, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
