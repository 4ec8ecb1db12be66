/** Writing lines to a descriptor without ever waiting for its reader. */
import { fstatSync } from "node:fs";

export interface LineWriterOptions {
  fd: number;
  /** How long lines are gathered before they are written, in milliseconds; 0 writes each at once. */
  interval: number;
  /** How many bytes may wait when the reader is slow. Lines beyond that are dropped and counted. */
  limit: number;
  /** Makes the line that tells the reader how many are missing; it stands where they would have stood. */
  dropNotice: (lines: number) => string;
}

/**
 * Writes whole lines in their order. A reader that does not keep up costs at most `limit` bytes of memory and no time;
 * what does not fit is dropped and counted. Lines of at most {@link ATOMIC_BYTES} are never torn apart by those that
 * other processes write to the same pipe.
 *
 * Bun's file sink writes with RWF_NOWAIT, so the descriptor's flags, which other processes share, stay as they are.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #sink: ReturnType<ReturnType<typeof Bun.file>["writer"]>;
  readonly #chunkBytes: number;
  #lines: Line[] = [];
  /** How many of `#lines` have been taken. */
  #taken = 0;
  #waitingBytes = 0;
  #dropped = 0;
  #unannounced = 0;
  #timer: Timer | undefined;
  #pump: Promise<void> | undefined;
  #broken = false;

  constructor(options: LineWriterOptions) {
    this.#options = options;
    this.#sink = Bun.file(options.fd).writer();
    this.#chunkBytes = isRegularFile(options.fd) ? FILE_CHUNK_BYTES : ATOMIC_BYTES;
  }

  /** How many lines were dropped since the start, because the reader was slow or gone. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How many bytes wait to be written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** @param text - one line with its line end. Never throws and never waits. */
  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#broken || this.#waitingBytes + bytes > this.#options.limit) {
      this.#dropped++;
      this.#unannounced++;
      return;
    }
    if (this.#unannounced > 0) this.#announce();
    this.#push({ text, bytes });
    if (this.#options.interval === 0) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#options.interval).unref();
  }

  /**
   * Writes what waits.
   *
   * @param timeout - milliseconds after which it gives up on a reader that does not read.
   * @returns whether everything was written.
   */
  async flush(timeout: number): Promise<boolean> {
    if (this.#unannounced > 0 && !this.#broken) this.#announce();
    this.#start();
    if (this.#pump === undefined) return this.#isEmpty;
    let timer: Timer | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, timeout, false);
    });
    const done = this.#pump.then(() => this.#isEmpty);
    return Promise.race([done, late]).finally(() => clearTimeout(timer));
  }

  #announce(): void {
    const text = this.#options.dropNotice(this.#unannounced);
    this.#unannounced = 0;
    this.#push({ text, bytes: Buffer.byteLength(text) });
  }

  #push(line: Line): void {
    this.#lines.push(line);
    this.#waitingBytes += line.bytes;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pump !== undefined) return;
    const pending = this.#writeWhatFits();
    if (pending === undefined) return;
    this.#pump = this.#writeRest(pending).finally(() => {
      this.#pump = undefined;
    });
  }

  async #writeRest(first: Promise<unknown>): Promise<void> {
    for (let pending: Promise<unknown> | undefined = first; pending !== undefined; pending = this.#writeWhatFits()) {
      await pending.catch((error: unknown) => this.#fail(error, 0));
    }
  }

  /** Writes until nothing is left, or until the reader has to read first: then what it returns resolves. */
  #writeWhatFits(): Promise<unknown> | undefined {
    while (!this.#isEmpty) {
      const { text, bytes, count } = this.#takeChunk();
      this.#waitingBytes -= bytes;
      try {
        this.#sink.write(text);
        const flushed = this.#sink.flush();
        if (flushed instanceof Promise) return flushed;
      } catch (error) {
        this.#fail(error, count);
      }
    }
    return undefined;
  }

  #takeChunk(): Line & { count: number } {
    const first = this.#taken;
    let bytes = 0;
    let text = "";
    for (let line = this.#lines[first]; line !== undefined; line = this.#lines[this.#taken]) {
      if (this.#taken > first && bytes + line.bytes > this.#chunkBytes) break;
      text += line.text;
      bytes += line.bytes;
      this.#taken++;
    }
    const count = this.#taken - first;
    if (this.#isEmpty || this.#taken > COMPACT_AFTER) {
      this.#lines = this.#lines.slice(this.#taken);
      this.#taken = 0;
    }
    return { text, bytes, count };
  }

  get #isEmpty(): boolean {
    return this.#taken === this.#lines.length;
  }

  /** A reader that is gone does not come back; anything else (a full disk) costs the lines of this chunk. */
  #fail(error: unknown, lines: number): void {
    this.#dropped += lines;
    this.#unannounced += lines;
    if (!(error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "EBADF"))) return;
    this.#broken = true;
    this.#dropped += this.#lines.length - this.#taken;
    this.#lines = [];
    this.#taken = 0;
    this.#waitingBytes = 0;
  }
}

interface Line {
  text: string;
  bytes: number;
}

/** PIPE_BUF of Linux: a write of at most this many bytes to a pipe is never mixed with another's. */
export const ATOMIC_BYTES = 4096;
const FILE_CHUNK_BYTES = 65_536;
const COMPACT_AFTER = 1024;

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}
