/** The kinds by name, with what the API, the store and the command line need to know of each. */
import type { z } from "zod";
import { type AccessPolicySpec, accessPolicySpec } from "./access-policy.ts";
import { type ExportSpec, type ExportStatus, exportSpec } from "./export.ts";
import { type ImportSpec, type ImportStatus, importSpec } from "./import.ts";
import type { Condition, Resource } from "./meta.ts";
import { type PeerSpec, type PeerStatus, peerSpec } from "./peer.ts";
import { type WorkloadSpec, type WorkloadStatus, workloadSpec } from "./workload.ts";

export interface PolicyStatus {
  /** `PolicyValid`. */
  conditions?: Condition[];
}

export type PeerResource = Resource<"Peer", PeerSpec, PeerStatus>;
export type ExportResource = Resource<"Export", ExportSpec, ExportStatus>;
export type ImportResource = Resource<"Import", ImportSpec, ImportStatus>;
export type AccessPolicyResource = Resource<"AccessPolicy", AccessPolicySpec, PolicyStatus>;
export type PrivilegedAccessPolicyResource = Resource<"PrivilegedAccessPolicy", AccessPolicySpec, PolicyStatus>;
export type WorkloadResource = Resource<"Workload", WorkloadSpec, WorkloadStatus>;

export interface ResourceByKind {
  Peer: PeerResource;
  Export: ExportResource;
  Import: ImportResource;
  AccessPolicy: AccessPolicyResource;
  PrivilegedAccessPolicy: PrivilegedAccessPolicyResource;
  Workload: WorkloadResource;
}

export type KindName = keyof ResourceByKind;
export type ResourceOf<K extends KindName> = ResourceByKind[K];

/** A column of `kubectl get`, as in a CRD's additionalPrinterColumns. */
export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date";
  /** For example `.status.conditions[?(@.type=="PeerReachable")].status`. */
  jsonPath: string;
  description: string;
  /** 0 is always shown; above it only with `-o wide`. */
  priority?: number;
}

export interface KindDefinition<K extends KindName = KindName> {
  kind: K;
  plural: string;
  singular: string;
  shortNames: string[];
  namespaced: boolean;
  spec: z.ZodType;
  columns: PrinterColumn[];
}

export const KINDS: { [K in KindName]: KindDefinition<K> } = {
  Peer: {
    kind: "Peer",
    plural: "peers",
    singular: "peer",
    shortNames: [],
    namespaced: true,
    spec: peerSpec,
    columns: [],
  },
  Export: {
    kind: "Export",
    plural: "exports",
    singular: "export",
    shortNames: [],
    namespaced: true,
    spec: exportSpec,
    columns: [],
  },
  Import: {
    kind: "Import",
    plural: "imports",
    singular: "import",
    shortNames: [],
    namespaced: true,
    spec: importSpec,
    columns: [],
  },
  AccessPolicy: {
    kind: "AccessPolicy",
    plural: "accesspolicies",
    singular: "accesspolicy",
    shortNames: [],
    namespaced: true,
    spec: accessPolicySpec,
    columns: [],
  },
  PrivilegedAccessPolicy: {
    kind: "PrivilegedAccessPolicy",
    plural: "privilegedaccesspolicies",
    singular: "privilegedaccesspolicy",
    shortNames: [],
    namespaced: false,
    spec: accessPolicySpec,
    columns: [],
  },
  Workload: {
    kind: "Workload",
    plural: "workloads",
    singular: "workload",
    shortNames: [],
    namespaced: true,
    spec: workloadSpec,
    columns: [],
  },
};
