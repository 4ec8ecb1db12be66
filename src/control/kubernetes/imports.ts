import type { ImportResource } from "../../resources/kinds.ts";
import { keyOf, type ObjectKey } from "../../resources/meta.ts";
import type { ListenerFailure } from "../../snapshot/messages.ts";
import type { ImportEntry } from "../../snapshot/tables.ts";
import { importRow } from "../reconcile/imports.ts";
import { condition, type Outcome } from "../reconcile/outcome.ts";
import type { WantedCondition, WantedStatus } from "../status-writer.ts";
import type { Allotment } from "./ports.ts";

export interface ImportSurroundings {
  allotments: ReadonlyMap<ObjectKey, Allotment>;
  /** Where imported services listen. */
  address: string;
  /** What relays could not bind, by the Import's key. */
  failures: ReadonlyMap<ObjectKey, ListenerFailure>;
  /** What came of an Import's Service; undefined while nobody has looked after it yet. */
  serviceCondition: (key: ObjectKey) => WantedCondition | undefined;
}

/**
 * Imports of a cluster listen on the ports that they were allotted. An Import whose Service has not been looked after
 * yet has no wanted status: its two conditions are written together.
 */
export function reconcileKubernetesImports(
  imports: Iterable<ImportResource>,
  { allotments, address, failures, serviceCondition }: ImportSurroundings,
): Outcome<ImportEntry> {
  const outcome: Outcome<ImportEntry> = { rows: {}, statuses: new Map() };
  for (const imported of imports) {
    const key = keyOf(imported);
    const allotment = allotments.get(key);
    if (allotment === undefined) continue;
    const { port } = allotment;
    outcome.rows[key] = importRow(imported, port === undefined ? undefined : { address, port });
    const service = serviceCondition(key);
    if (service === undefined) continue;
    const { conditions, fields } = portStatus(allotment, failures.get(key));
    outcome.statuses.set(key, { conditions: [...conditions, service], ...(fields === undefined ? {} : { fields }) });
  }
  return outcome;
}

function portStatus(allotment: Allotment, failure: ListenerFailure | undefined): WantedStatus {
  const type = "ImportTargetPortValid";
  if (allotment.port === undefined) {
    const { conflict } = allotment;
    if (conflict === undefined) {
      return condition(type, "False", "NoPortLeft", "Every port of 10000–29999 is held by another Import.");
    }
    const message = `Port ${conflict.port} is held by ${conflict.holder}; set another spec.targetPort, or none, so that the gateway chooses.`;
    return condition(type, "False", "PortConflict", message);
  }
  const { port } = allotment;
  const fields = { targetPort: port };
  if (failure?.port === port) {
    const message = `The gateway cannot listen on port ${port} (${failure.code}): ${failure.message}; free it or set another spec.targetPort.`;
    return condition(type, "False", "BindFailed", message, fields);
  }
  return condition(type, "True", "Listening", `The gateway listens on port ${port} for it.`, fields);
}
