import { formatFaults } from "../../resources/faults.ts";
import type { GatewayKindName, KindName, ResourceOf } from "../../resources/kinds.ts";
import { API_VERSION } from "../../resources/meta.ts";
import type { InvalidObject as StoredObject } from "../../store/kubernetes/judge.ts";
import { condition } from "../reconcile/outcome.ts";
import type { InvalidObject } from "../reconcile/site-kind.ts";

/** The condition that says of each kind whether an object counts. */
const CONDITIONS: Partial<Record<KindName, string>> = {
  Peer: "PeerReachable",
  Export: "ExportValid",
  Import: "ImportTargetPortValid",
  AccessPolicy: "PolicyValid",
  PrivilegedAccessPolicy: "PolicyValid",
};

/** @returns an object that the cluster accepted and that does not count, with the status that says why. */
export function invalidObject({ kind, metadata, status, faults }: StoredObject): InvalidObject {
  const message = `It does not count, since it is not valid: ${formatFaults(faults)}`;
  const object = { apiVersion: API_VERSION, kind, metadata, spec: {}, status };
  return {
    object: object as unknown as ResourceOf<GatewayKindName>,
    wanted: condition(CONDITIONS[kind] ?? "Valid", "False", "Invalid", message),
  };
}
