import type { Child } from "../children.ts";
import type { Addresses, Lab } from "../lab.ts";
import type { ProcessId } from "../processes.ts";
import { processTree } from "../processes.ts";

/** `before` is an older executable of ours, to compare with, `variant` ours in another dialect; neither is a peer. */
export type Role = "ours" | "before" | "variant" | "peer" | "direct";

/** What is measured: two proxies with mutual TLS between them, or nothing but the direct path. */
export interface Subject {
  readonly name: string;
  readonly role: Role;
  readonly version: string;
  /** Starts it anew; resolves when it carries traffic. */
  start(lab: Lab): Promise<Running>;
}

/** A subject that carries traffic. */
export interface Running {
  /** Where clients enter, by service. */
  readonly entries: Addresses;
  /** @returns every process of both proxies; none where they are not known. */
  processes(): ProcessId[];
  stop(): Promise<void>;
}

/** @returns what runs as these children. */
export function runningChildren(lab: Lab, entries: Addresses, children: readonly Child[]): Running {
  return {
    entries,
    processes: () => children.flatMap(({ process }) => processTree(process.pid)),
    async stop() {
      await Promise.all(children.map((child) => lab.children.end(child)));
    },
  };
}
