/** The kinds by name, with what the API, the store and the command line need to know of each. */
import type { z } from "zod";
import { type AccessPolicySpec, accessPolicySpec, type PolicyStatus, policyStatus } from "./access-policy.ts";
import { type ExportSpec, type ExportStatus, exportSpec, exportStatus } from "./export.ts";
import { type ImportSpec, type ImportStatus, importSpec, importStatus } from "./import.ts";
import { type InstanceSpec, type InstanceStatus, instanceSpec, instanceStatus } from "./instance.ts";
import type { Resource } from "./meta.ts";
import { type PeerSpec, type PeerStatus, peerSpec, peerStatus } from "./peer.ts";
import { type WorkloadSpec, type WorkloadStatus, workloadSpec, workloadStatus } from "./workload.ts";

export type { PolicyStatus };

export type PeerResource = Resource<"Peer", PeerSpec, PeerStatus>;
export type ExportResource = Resource<"Export", ExportSpec, ExportStatus>;
export type ImportResource = Resource<"Import", ImportSpec, ImportStatus>;
export type AccessPolicyResource = Resource<"AccessPolicy", AccessPolicySpec, PolicyStatus>;
export type PrivilegedAccessPolicyResource = Resource<"PrivilegedAccessPolicy", AccessPolicySpec, PolicyStatus>;
export type WorkloadResource = Resource<"Workload", WorkloadSpec, WorkloadStatus>;
export type InstanceResource = Resource<"Instance", InstanceSpec, InstanceStatus>;

export interface ResourceByKind {
  Peer: PeerResource;
  Export: ExportResource;
  Import: ImportResource;
  AccessPolicy: AccessPolicyResource;
  PrivilegedAccessPolicy: PrivilegedAccessPolicyResource;
  Workload: WorkloadResource;
  Instance: InstanceResource;
}

export type KindName = keyof ResourceByKind;
/** The kinds that a gateway obeys: all but the operator's. */
export type GatewayKindName = Exclude<KindName, "Instance">;
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
  /** Groups that `kubectl get CATEGORY` lists together. */
  categories: string[];
  namespaced: boolean;
  /** One sentence for `kubectl explain`. */
  description: string;
  spec: z.ZodType;
  status: z.ZodType;
  columns: PrinterColumn[];
  /** Shorter than the 253 characters that any name may have. */
  maxNameLength?: number;
  /** The kind has no CRD: Kubernetes knows by itself what it says. */
  standaloneOnly?: true;
}

const categories = ["clusterlink"];

const age: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Time since the object was created.",
};

function conditionColumn(name: string, type: string, description: string, priority?: number): PrinterColumn {
  const jsonPath = `.status.conditions[?(@.type=="${type}")].status`;
  return { name, type: "string", jsonPath, description, ...(priority === undefined ? {} : { priority }) };
}

const policyColumns: PrinterColumn[] = [
  { name: "Action", type: "string", jsonPath: ".spec.action", description: "What happens to connections that match." },
  conditionColumn("Valid", "PolicyValid", "Whether the policy is in force."),
  age,
];

export const KINDS: { [K in KindName]: KindDefinition<K> } = {
  Peer: {
    kind: "Peer",
    plural: "peers",
    singular: "peer",
    shortNames: ["clp"],
    categories,
    namespaced: true,
    description: "Another site of the fabric, and where its gateways are reached.",
    spec: peerSpec,
    status: peerStatus,
    columns: [
      conditionColumn("Reachable", "PeerReachable", "Whether heartbeats reach the peer."),
      {
        name: "Gateways",
        type: "string",
        jsonPath: ".spec.gateways[*].host",
        description: "The peer's gateways.",
        priority: 1,
      },
      age,
    ],
  },
  Export: {
    kind: "Export",
    plural: "exports",
    singular: "export",
    shortNames: ["exp"],
    categories,
    namespaced: true,
    description: "A service of this site that peers may import.",
    spec: exportSpec,
    status: exportStatus,
    columns: [
      { name: "Host", type: "string", jsonPath: ".spec.host", description: "The service's address or name." },
      { name: "Port", type: "integer", jsonPath: ".spec.port", description: "The service's port." },
      conditionColumn("Valid", "ExportValid", "Whether the service can be exported."),
      age,
    ],
  },
  Import: {
    kind: "Import",
    plural: "imports",
    singular: "import",
    shortNames: ["imp"],
    categories,
    namespaced: true,
    description: "A service of other sites that applications of this site reach as if it were local.",
    spec: importSpec,
    status: importStatus,
    maxNameLength: 63,
    columns: [
      { name: "Port", type: "integer", jsonPath: ".spec.port", description: "The imported service's port." },
      { name: "Peers", type: "string", jsonPath: ".spec.sources[*].peer", description: "The peers that serve it." },
      conditionColumn("Valid", "ImportTargetPortValid", "Whether the gateway listens for it."),
      conditionColumn("Service", "ImportServiceValid", "Whether its Service is in place.", 1),
      {
        name: "Target",
        type: "integer",
        jsonPath: ".status.targetPort",
        description: "The gateway's port for it.",
        priority: 1,
      },
      {
        name: "Scheme",
        type: "string",
        jsonPath: ".spec.lbScheme",
        description: "How a source is chosen.",
        priority: 1,
      },
      age,
    ],
  },
  AccessPolicy: {
    kind: "AccessPolicy",
    plural: "accesspolicies",
    singular: "accesspolicy",
    shortNames: ["ap"],
    categories,
    namespaced: true,
    description: "Allows or denies connections to the imports and exports of its namespace.",
    spec: accessPolicySpec,
    status: policyStatus,
    columns: policyColumns,
  },
  PrivilegedAccessPolicy: {
    kind: "PrivilegedAccessPolicy",
    plural: "privilegedaccesspolicies",
    singular: "privilegedaccesspolicy",
    shortNames: ["pap"],
    categories,
    namespaced: false,
    description: "Allows or denies connections of the whole site, before any AccessPolicy is asked.",
    spec: accessPolicySpec,
    status: policyStatus,
    columns: policyColumns,
  },
  Workload: {
    kind: "Workload",
    plural: "workloads",
    singular: "workload",
    shortNames: ["wl"],
    categories,
    namespaced: true,
    description: "Says who the clients of some addresses are; its labels and namespace are theirs.",
    spec: workloadSpec,
    status: workloadStatus,
    standaloneOnly: true,
    columns: [
      { name: "CIDRs", type: "string", jsonPath: ".spec.cidrs[*]", description: "The clients' addresses." },
      {
        name: "Account",
        type: "string",
        jsonPath: ".spec.serviceAccount",
        description: "The clients' service account.",
        priority: 1,
      },
      conditionColumn("Valid", "WorkloadValid", "Whether its clients are identified by it."),
      age,
    ],
  },
  Instance: {
    kind: "Instance",
    plural: "instances",
    singular: "instance",
    shortNames: ["inst"],
    categories,
    namespaced: true,
    description: "A gateway that the operator deploys and keeps in a cluster.",
    spec: instanceSpec,
    status: instanceStatus,
    columns: [
      { name: "Namespace", type: "string", jsonPath: ".spec.namespace", description: "Where the gateway is." },
      {
        name: "Ready",
        type: "string",
        jsonPath: ".status.dataplane.conditions.DeploymentReady.status",
        description: "Whether the gateway's pods are ready.",
      },
      { name: "Ingress", type: "string", jsonPath: ".spec.ingress.type", description: "How peers reach it." },
      { name: "IP", type: "string", jsonPath: ".status.ingress.ip", description: "Where peers reach it.", priority: 1 },
      { name: "Port", type: "integer", jsonPath: ".status.ingress.port", description: "Its port.", priority: 1 },
      age,
    ],
  },
};

/** What a gateway obeys. */
export const KIND_NAMES: readonly GatewayKindName[] = [
  "Peer",
  "Export",
  "Import",
  "AccessPolicy",
  "PrivilegedAccessPolicy",
  "Workload",
];

/** @returns whether the text is the name of a kind that a gateway obeys, spelt exactly. */
export function isKindName(text: string): text is GatewayKindName {
  return KIND_NAMES.some((kind) => kind === text);
}
