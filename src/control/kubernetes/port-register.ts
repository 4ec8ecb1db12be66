import type { ImportResource } from "../../resources/kinds.ts";
import type { ObjectKey } from "../../resources/meta.ts";
import type { ListenerFailures } from "../reconcile/site-kind.ts";
import { type Allotment, allotPorts } from "./ports.ts";

export interface PortRegisterOptions {
  /** Ports of the gateway's own listeners, each with a name for people. */
  reserved: ReadonlyMap<number, string>;
  /** Whether this replica is the one that decides; the others follow what it wrote. */
  leads: () => boolean;
  /** Called when an Import was given another port, since its first could not be bound; the message is for people. */
  onMoved: (imported: ImportResource, message: string) => void;
}

/** So often an Import is moved to another port; if none can be bound, it is not the port's fault. */
const MAX_MOVES = 8;

/** Gives Imports their ports, and other ones when those cannot be bound because somebody else listens there. */
export class PortRegister {
  readonly #barred = new Map<ObjectKey, Set<number>>();

  constructor(readonly options: PortRegisterOptions) {}

  /** @returns the port of each Import. One that its user chose is never another, bound or not. */
  allot(imports: ReadonlyMap<ObjectKey, ImportResource>, failures: ListenerFailures): Map<ObjectKey, Allotment> {
    for (const key of this.#barred.keys()) if (!imports.has(key)) this.#barred.delete(key);
    const first = this.#allot(imports);
    const moved = this.options.leads() ? [...failures].filter(([key]) => this.#bar(key, first, failures)) : [];
    if (moved.length === 0) return first;
    const second = this.#allot(imports);
    for (const [key, { port, code }] of moved) {
      const imported = imports.get(key);
      if (!imported) continue;
      const message = `Port ${port} cannot be bound (${code}); the gateway listens on ${second.get(key)?.port ?? "none"} instead.`;
      this.options.onMoved(imported, message);
    }
    return second;
  }

  #allot(imports: ReadonlyMap<ObjectKey, ImportResource>): Map<ObjectKey, Allotment> {
    return allotPorts(imports.values(), { reserved: this.options.reserved, barred: this.#barred });
  }

  /** @returns whether the Import is not to have its port again. */
  #bar(key: ObjectKey, allotments: ReadonlyMap<ObjectKey, Allotment>, failures: ListenerFailures): boolean {
    const allotment = allotments.get(key);
    const failure = failures.get(key);
    if (allotment?.port === undefined || allotment.chosen || failure?.code !== "EADDRINUSE") return false;
    const barred = this.#barred.get(key) ?? new Set();
    if (failure.port !== allotment.port || barred.size >= MAX_MOVES) return false;
    this.#barred.set(key, barred.add(failure.port));
    return true;
  }
}
