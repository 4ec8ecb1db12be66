import type { Child } from "../children.ts";
import type { Addresses, Lab, Site } from "../lab.ts";
import type { Address } from "../ports.ts";
import type { ProcessId } from "../processes.ts";
import { processTree } from "../processes.ts";

/** `before` is an older executable of ours, to compare with, `variant` ours in another dialect; neither is a peer. */
export type Role = "ours" | "before" | "variant" | "peer" | "direct";

/** One service on its way: through the importing proxy at `entry`, the exporting one at `between`, to `backend`. */
export interface Route {
  readonly service: string;
  readonly entry: Address;
  readonly between: Address;
  readonly backend: Address;
}

/** @returns the command lines that one of two proxies consists of. */
export type Commands = (site: Site, routes: readonly Route[], lab: Lab) => readonly (readonly string[])[];

/** What is measured: two proxies with mutual TLS between them, or nothing but the direct path. */
export interface Subject {
  readonly name: string;
  readonly role: Role;
  readonly version: string;
  /** Starts it anew; resolves when it carries traffic. */
  start(lab: Lab): Promise<Running>;
  /** Of gateways that are told their routes by resources. */
  readonly executable?: string;
  /** The command lines of one side, where it is a pair of proxies that are told their routes when they start. */
  readonly commands?: Commands;
}

/** A subject that carries traffic. */
export interface Running {
  /** Where clients enter, by service. */
  readonly entries: Addresses;
  /** @returns every process of both proxies; none where they are not known. */
  processes(): ProcessId[];
  stop(): Promise<void>;
}

/** @returns why a subject cannot be started for one figure alone, or undefined when it can. */
export function startsAnew({ role, version }: Subject): string | undefined {
  return role === "direct" || version === "as it runs" ? "it cannot be started anew for this" : undefined;
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
