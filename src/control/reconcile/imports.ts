import type { ImportResource } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";
import type { ListenerFailure } from "../../snapshot/messages.ts";
import type { ImportEntry } from "../../snapshot/tables.ts";
import type { WantedStatus } from "../status-writer.ts";
import { condition, type Outcome } from "./outcome.ts";

export interface ImportSurroundings {
  /** Where imported services listen. */
  address: string;
  /** Ports of the gateway's own listeners, each with a name for people. */
  reserved: ReadonlyMap<number, string>;
  /** What relays could not bind, by the Import's key. */
  failures: ReadonlyMap<ObjectKey, ListenerFailure>;
}

/**
 * Imports of a site without Kubernetes listen on `targetPort`, else on `port`, of the site itself. Relays share ports,
 * so the kernel would not tell of a conflict between two of them: whoever had the port first keeps it, and the condition
 * of the other says who that is.
 */
export function reconcileStandaloneImports(
  imports: Iterable<ImportResource>,
  surroundings: ImportSurroundings,
): Outcome<ImportEntry> {
  const outcome: Outcome<ImportEntry> = { rows: {}, statuses: new Map() };
  const held = new Map(surroundings.reserved);
  for (const imported of [...imports].sort(byPrecedence)) {
    const key = keyOf(imported);
    const port = wantedPort(imported);
    const holder = held.get(port);
    if (holder === undefined) held.set(port, `Import ${key}`);
    outcome.rows[key] = importRow(imported, holder === undefined ? { address: surroundings.address, port } : undefined);
    outcome.statuses.set(key, statusOf(port, holder, surroundings.failures.get(key)));
  }
  return outcome;
}

function wantedPort({ spec }: ImportResource): number {
  return spec.targetPort ?? spec.port;
}

/** Those that have their port already come first, then the older ones. */
function byPrecedence(a: ImportResource, b: ImportResource): number {
  const holds = (one: ImportResource) => (one.status?.targetPort === wantedPort(one) ? 0 : 1);
  return (
    holds(a) - holds(b) ||
    compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    compare(a.metadata.uid, b.metadata.uid)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @returns an Import's row; one that listens nowhere has no `listen`. */
export function importRow(imported: ImportResource, listen: ImportEntry["listen"]): ImportEntry {
  const { namespace = "", name, labels = {} } = imported.metadata;
  const { sources, lbScheme } = imported.spec;
  return { namespace, name, labels, sources, lbScheme, ...(listen === undefined ? {} : { listen }) };
}

function statusOf(port: number, holder: string | undefined, failure: ListenerFailure | undefined): WantedStatus {
  const type = "ImportTargetPortValid";
  if (holder !== undefined) {
    const message = `Port ${port} is held by ${holder}; set another spec.targetPort.`;
    return condition(type, "False", "PortConflict", message);
  }
  if (failure?.port === port) {
    const message = `Port ${port} cannot be bound (${failure.code}): ${failure.message}; free it or set another spec.targetPort.`;
    return condition(type, "False", "BindFailed", message, { targetPort: port });
  }
  return condition(type, "True", "Listening", `Port ${port} of the site leads to the imported service.`, {
    targetPort: port,
  });
}
