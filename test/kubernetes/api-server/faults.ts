import { expired } from "./failure.ts";
import type { Recorded } from "./handler.ts";
import type { Resource } from "./resources.ts";
import type { Storage } from "./storage.ts";
import type { Watch } from "./watching.ts";

/** Which requests a fault is about. */
export type When = (request: Recorded) => boolean;

export interface FailureOptions {
  /** Default: 500. */
  status?: number;
  /** Value of `Retry-After`, seconds. */
  retryAfter?: number;
  /** Default: any request. */
  when?: When;
}

interface Planned {
  left: number;
  status: number;
  retryAfter: number | undefined;
  when: When;
}

/** What goes wrong on demand. */
export class Faults {
  readonly watches = new Set<Watch>();
  #planned: Planned[] = [];
  #delays: { milliseconds: number; when: When }[] = [];
  /** Set by the server. */
  storage: Storage | undefined;

  /** The next so many requests of these are answered with an error and have no effect. */
  failNext(count: number, { status = 500, retryAfter, when = () => true }: FailureOptions = {}): void {
    this.#planned.push({ left: count, status, retryAfter, when });
  }

  /** These requests take so much longer, until {@link clear}. */
  delay(milliseconds: number, when: When = () => true): void {
    this.#delays.push({ milliseconds, when });
  }

  /** Breaks off the open watches. */
  dropWatches(of: (resource: Resource) => boolean = () => true): void {
    for (const watch of this.#watchesOf(of)) watch.drop();
  }

  /** Ends the open watches as at their timeout. */
  endWatches(of: (resource: Resource) => boolean = () => true): void {
    for (const watch of this.#watchesOf(of)) watch.end();
  }

  /** The open watches say nothing any more, and do not end. */
  silenceWatches(of: (resource: Resource) => boolean = () => true): void {
    for (const watch of this.#watchesOf(of)) watch.silence();
  }

  /** Forgets the past, so that older versions and pages are 410; open watches go on. */
  expireHistory(): void {
    this.storage?.compact();
  }

  /** Forgets the past and tells it to the open watches, which end. */
  expireWatches(): void {
    this.expireHistory();
    for (const watch of [...this.watches]) watch.fail(expired("too old resource version"));
  }

  /** Nothing goes wrong any more. */
  clear(): void {
    this.#planned = [];
    this.#delays = [];
  }

  /** @returns the error that a request is to get. */
  take(request: Recorded): { status: number; retryAfter: number | undefined } | undefined {
    const planned = this.#planned.find(({ left, when }) => left > 0 && when(request));
    if (planned) planned.left--;
    return planned;
  }

  /** @returns how long a request is to wait, milliseconds. */
  delayOf(request: Recorded): number {
    return this.#delays.filter(({ when }) => when(request)).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  }

  #watchesOf(of: (resource: Resource) => boolean): Watch[] {
    return [...this.watches].filter(({ resource }) => of(resource));
  }
}
