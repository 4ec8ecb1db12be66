import type { ConnectionReport } from "../snapshot/messages.ts";
import type { SiteState } from "./state.ts";

/** A connection that is under way, for judgement and for `/connections`. */
export interface LiveConnection {
  /** @returns why the connection may not go on, or undefined when it may. */
  judge(state: SiteState): string | undefined;
  /** From now on the kernel finds out when the host of its local end is dead. Safe to repeat. */
  keepAlive(): void;
  /** Ends it at once, on both sides. */
  cut(reason: string): void;
  report(): ConnectionReport;
}

/** @returns the first reports, at most so many of them, with at most so many characters of attributes all together. */
export function firstOf(reports: ConnectionReport[], count: number, characters: number): ConnectionReport[] {
  let left = characters;
  const end = reports.findIndex(({ attributes }) => {
    for (const key of Object.keys(attributes)) left -= key.length + (attributes[key]?.length ?? 0);
    return left < 0;
  });
  return reports.slice(0, end < 0 ? count : Math.min(count, end));
}

/** All connections of one relay. */
export class LiveConnections {
  readonly #all = new Set<LiveConnection>();
  /** Called when the last one has ended. */
  onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#all.size;
  }

  add(connection: LiveConnection): void {
    this.#all.add(connection);
  }

  delete(connection: LiveConnection): void {
    if (this.#all.delete(connection) && this.#all.size === 0) this.onEmpty?.();
  }

  /** Judges every connection again and cuts those that may not go on. @returns how many were cut. */
  judge(state: SiteState): number {
    let cut = 0;
    for (const connection of this.#all) {
      const reason = connection.judge(state);
      if (reason === undefined) continue;
      connection.cut(reason);
      cut += 1;
    }
    return cut;
  }

  /** Called every few seconds: most connections end before, without the system calls that it takes. */
  keepAlive(): void {
    for (const connection of this.#all) connection.keepAlive();
  }

  cutAll(reason: string): void {
    for (const connection of [...this.#all]) connection.cut(reason);
  }

  /** @returns a report of each, the oldest first. */
  reports(): ConnectionReport[] {
    return Array.from(this.#all, (connection) => connection.report());
  }
}
