import type { GatewayKindName } from "../../resources/kinds.ts";
import type { ObjectKey } from "../../resources/meta.ts";
import type { ListenerFailure } from "../../snapshot/messages.ts";
import type { ClientEntry, ExportEntry, ImportEntry } from "../../snapshot/tables.ts";
import type { SiteObjects } from "../objects.ts";
import { reconcileStandaloneExports } from "./exports.ts";
import { reconcileStandaloneImports } from "./imports.ts";
import type { Outcome } from "./outcome.ts";
import { reconcileWorkloads } from "./workloads.ts";

/** What relays told of listeners, by the key of the Import. */
export type ListenerFailures = ReadonlyMap<ObjectKey, ListenerFailure>;

/**
 * What differs between kinds of sites: where Imports listen, what Exports lead to and who clients are. Policies and
 * peers are the same everywhere.
 */
export interface SiteKind {
  imports(objects: SiteObjects, failures: ListenerFailures): Outcome<ImportEntry>;
  exports(objects: SiteObjects): Outcome<ExportEntry>;
  /** The kind of object that `statuses` are of. */
  clients(objects: SiteObjects): Outcome<ClientEntry> & { kind: GatewayKindName };
  /** False while client identities are too old to be trusted. */
  clientsFresh(): boolean;
}

/** A site without Kubernetes. */
export function standaloneSite(options: { importAddress: string; reserved: ReadonlyMap<number, string> }): SiteKind {
  const { importAddress: address, reserved } = options;
  return {
    imports: (objects, failures) => reconcileStandaloneImports(objects.all("Import"), { address, reserved, failures }),
    exports: (objects) => reconcileStandaloneExports(objects.all("Export")),
    clients: (objects) => ({ kind: "Workload", ...reconcileWorkloads(objects.all("Workload")) }),
    clientsFresh: () => true,
  };
}
