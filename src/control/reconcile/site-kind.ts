import type { GatewayKindName, ResourceOf } from "../../resources/kinds.ts";
import type { ObjectKey } from "../../resources/meta.ts";
import type { ListenerFailure } from "../../snapshot/messages.ts";
import type { ClientEntry, ExportEntry, ImportEntry } from "../../snapshot/tables.ts";
import type { SiteObjects } from "../objects.ts";
import type { WantedStatus } from "../status-writer.ts";
import { reconcileStandaloneExports } from "./exports.ts";
import { reconcileStandaloneImports } from "./imports.ts";
import type { Outcome, Section } from "./outcome.ts";
import { reconcileWorkloads } from "./workloads.ts";

/** What relays told of listeners, by the key of the Import. */
export type ListenerFailures = ReadonlyMap<ObjectKey, ListenerFailure>;

/**
 * What differs between kinds of sites: where Imports listen, what Exports lead to and who clients are. Policies and
 * peers are the same everywhere.
 */
export interface SiteKind {
  /** The kinds of objects that such a site has. Default: all. */
  readonly kinds?: readonly GatewayKindName[];
  /** Absent where nothing but the objects matters, and this process is the only one that writes. */
  readonly surroundings?: Surroundings;
  imports(objects: SiteObjects, failures: ListenerFailures): Outcome<ImportEntry>;
  exports(objects: SiteObjects): Outcome<ExportEntry>;
  /** The kind of object that `statuses` are of. */
  clients(objects: SiteObjects): Outcome<ClientEntry> & { kind: GatewayKindName };
  /** False while client identities are too old to be trusted. */
  clientsFresh(): boolean;
}

/** What a site rests on besides its objects, and which of its replicas writes. */
export interface Surroundings {
  start(host: SiteHost): void;
  stop(): Promise<void>;
  /** Whether everything has been read once: nothing is published before. */
  readonly synced: boolean;
  /** Why something is behind at present, for people. */
  readonly problems: readonly string[];
  /** Whether this process is the one that writes the statuses of a kind. */
  writes(kind: GatewayKindName): boolean;
  /** Objects of a kind that the store has and that do not count, with the status that says why. */
  invalid(kind: GatewayKindName): ReadonlyMap<ObjectKey, InvalidObject>;
  /** One of those; undefined when there is none of that key. */
  invalidAt(kind: GatewayKindName, key: ObjectKey): InvalidObject | undefined;
  /** Called after each status that was written. */
  onStatus(before: ResourceOf<GatewayKindName>, after: ResourceOf<GatewayKindName>): void;
}

/** An object that does not count. */
export interface InvalidObject {
  /** Enough of it to write its status. */
  object: ResourceOf<GatewayKindName>;
  wanted: WantedStatus;
}

/** What the surroundings of a site tell control. */
export interface SiteHost {
  /** Something has changed that this section rests on. */
  touch(section: Section): void;
  /** This process writes statuses from now on. */
  resume(): void;
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
