/** One direction of a connection: bytes from one socket to another, in order, without a buffer that grows. */

interface Source {
  pause(): unknown;
  resume(): unknown;
}

interface Sink {
  /** Takes what fits and returns how much that was; -1 when closed. */
  write(data: Uint8Array): number;
  end(): unknown;
}

/** Keeps what the sink did not take and holds the source back until it has. */
export class Pump {
  #rest: Uint8Array[] = [];
  #ending = false;
  #ended = false;
  constructor(
    private readonly source: Source,
    private readonly sink: Sink,
  ) {}

  /** Takes data of the source. A paused source may still deliver some. */
  push(data: Uint8Array): void {
    if (this.#rest.length === 0) {
      const taken = Math.max(0, this.sink.write(data));
      if (taken === data.length) return;
      this.#rest.push(data.subarray(taken));
    } else this.#rest.push(data);
    this.source.pause();
  }

  /** The sink can take more. */
  drain(): void {
    for (let next = this.#rest[0]; next !== undefined; next = this.#rest[0]) {
      const taken = Math.max(0, this.sink.write(next));
      if (taken < next.length) {
        this.#rest[0] = next.subarray(taken);
        return;
      }
      this.#rest.shift();
    }
    if (this.#ending) this.#endSink();
    else this.source.resume();
  }

  /** The source has ended: so does the sink, after what is left. */
  end(): void {
    this.#ending = true;
    if (this.#rest.length === 0) this.#endSink();
  }

  #endSink(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.sink.end();
  }
}
