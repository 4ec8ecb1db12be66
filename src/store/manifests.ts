/** `--manifests`: keeps the store equal to a folder of files. */
import { type FSWatcher, watch } from "node:fs";
import { fingerprint, readFolder } from "./manifest-reader.ts";
import type { ManifestFile } from "./standalone/apply.ts";

export interface ManifestFolderOptions {
  directory: string;
  /** The gateway's own namespace. */
  namespace: string;
  store: { applyManifests(files: readonly ManifestFile[]): string[] };
  /** Milliseconds between looks at the folder, for what the file system does not report. Default: 2 s. */
  pollInterval?: number;
  /** Milliseconds that the files must have been left alone before they are read. Default: 100. */
  settle?: number;
  /** Called after a change of the problems. */
  onProblems?: (problems: readonly string[]) => void;
}

/** How many looks at a folder that never comes to rest are taken before it is read all the same. */
const PATIENCE = 50;

/**
 * Applies the folder at start and whenever it changes: a file that appears, changes or goes; a file that is replaced
 * by renaming; a link that is swapped, as Kubernetes does with ConfigMaps. A file that is broken, and a folder that
 * cannot be read, change nothing and are told by {@link problems}.
 */
export class ManifestFolder {
  readonly #options: ManifestFolderOptions;
  readonly #pollInterval: number;
  readonly #settle: number;
  #problems: readonly string[] = [];
  #applied: string | undefined;
  #checking: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #watcher: FSWatcher | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ManifestFolderOptions) {
    this.#options = options;
    this.#pollInterval = options.pollInterval ?? 2000;
    this.#settle = options.settle ?? 100;
  }

  /** Applies the folder once, then follows it. Resolves when the first application is done, whatever came of it. */
  async start(): Promise<void> {
    this.#watch();
    await this.check();
    if (this.#closed) return;
    this.#timer = setInterval(() => {
      this.#watch();
      void this.check();
    }, this.#pollInterval);
    this.#timer.unref();
  }

  /** @returns what is wrong at present, for people: broken files, objects that are not as their file says. */
  problems(): readonly string[] {
    return this.#problems;
  }

  /** Looks at the folder now. Resolves when it has been applied if it changed, or if objects could not be applied before. */
  check(): Promise<void> {
    if (this.#checking) this.#again = true;
    this.#checking ??= this.#run().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Stops following the folder. The objects stay. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#apply();
      } catch (error) {
        this.#applied = undefined;
        const reason = error instanceof Error ? error.message : String(error);
        this.#tell([`${this.#options.directory}: ${reason}; nothing was changed`]);
      }
    } while (this.#again && !this.#closed);
  }

  async #apply(): Promise<void> {
    const { directory, namespace, store } = this.#options;
    let mark = await fingerprint(directory);
    if (mark === this.#applied) return;
    for (let tries = 1; ; tries++) {
      await Bun.sleep(this.#settle);
      if (this.#closed) return;
      const before = await fingerprint(directory);
      const content = before === mark || tries >= PATIENCE ? await readFolder(directory, { namespace }) : undefined;
      mark = await fingerprint(directory);
      if (!content || (mark !== before && tries < PATIENCE)) continue;
      const unapplied = store.applyManifests(content.files);
      this.#applied = unapplied.length === 0 && mark === before ? mark : undefined;
      this.#tell([...content.problems, ...unapplied]);
      return;
    }
  }

  #tell(problems: readonly string[]): void {
    if (problems.join("\n") === this.#problems.join("\n")) return;
    this.#problems = problems;
    this.#options.onProblems?.(problems);
  }

  /** Notification by the file system is a bonus; where it fails (the folder is missing, no descriptors), polling does. */
  #watch(): void {
    if (this.#watcher || this.#closed) return;
    try {
      const watcher = watch(this.#options.directory, () => void this.check());
      watcher.on("error", () => {
        watcher.close();
        if (this.#watcher === watcher) this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch {
      this.#watcher = undefined;
    }
  }
}
