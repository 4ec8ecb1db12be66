/** What an API server has of our kinds, judged as everything from outside is. */
import type { Fault } from "../../resources/faults.ts";
import type { KindName, ResourceOf } from "../../resources/kinds.ts";
import { API_VERSION, type ObjectMeta } from "../../resources/meta.ts";
import { validate } from "../../resources/validate.ts";
import type { KubeObject } from "./resource.ts";

/** An object that the server accepted, under another CRD perhaps, and that does not count here. */
export interface InvalidObject<K extends KindName = KindName> {
  kind: K;
  metadata: ObjectMeta;
  /** As it is at present, whatever it says. */
  status: unknown;
  faults: readonly Fault[];
}

export type Judged<K extends KindName> =
  | { ok: true; object: ResourceOf<K>; unknown: readonly Fault[] }
  | { ok: false; invalid: InvalidObject<K> };

/**
 * Judges an object. Fields that the kind does not have are dropped and told; a status that is not one is dropped, since
 * it is ours to write anew. `managedFields` are left out: nobody here needs them, and they are the bulk of an object.
 */
export function judgeObject<K extends KindName>(
  kind: K,
  raw: KubeObject & { spec?: unknown; status?: unknown },
): Judged<K> {
  const { managedFields, ...metadata } = raw.metadata;
  const input = { apiVersion: API_VERSION, kind, metadata, spec: raw.spec };
  const whole = validate(kind, { ...input, status: raw.status }, { unknownFields: "drop" });
  if (whole.ok) return whole;
  const judged = whole.faults.every(isOfStatus) ? validate(kind, input, { unknownFields: "drop" }) : whole;
  if (judged.ok) return { ...judged, unknown: [...judged.unknown, ...whole.faults] };
  return { ok: false, invalid: { kind, metadata: objectMeta(metadata), status: raw.status, faults: judged.faults } };
}

function isOfStatus({ path }: Fault): boolean {
  return path === "status" || path.startsWith("status.");
}

/** The server answers for the form of metadata; only what may be missing is filled in. */
function objectMeta(metadata: Omit<KubeObject["metadata"], "managedFields">): ObjectMeta {
  const { uid = "", resourceVersion = "", generation = 0, creationTimestamp = "" } = metadata;
  return { ...metadata, uid, resourceVersion, generation, creationTimestamp } as ObjectMeta;
}
