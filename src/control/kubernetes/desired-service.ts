import type { ImportResource } from "../../resources/kinds.ts";
import { API_VERSION } from "../../resources/meta.ts";
import type { KubeMeta, Service } from "../../store/kubernetes/resource.ts";
import { IMPORT_NAME, IMPORT_NAMESPACE, MANAGED_BY, MANAGER } from "./ownership.ts";

/** What an Import's own Service has to be like. */
export interface DesiredService {
  /** Where the gateway listens. */
  targetPort: number;
  /** The gateway has addresses of both families. */
  dualStack: boolean;
}

type Owners = NonNullable<KubeMeta["ownerReferences"]>;

/** @returns the labels of what is made for an Import. */
export function importLabels({ metadata }: ImportResource): Record<string, string> {
  return {
    [MANAGED_BY]: MANAGER,
    [IMPORT_NAME]: metadata.name,
    [IMPORT_NAMESPACE]: metadata.namespace ?? "",
  };
}

/**
 * @returns `present` with the Import as an owner, in place of an earlier one of its name. The garbage collector needs it
 * only where nobody is left to remove what was made, for example after the gateway was.
 */
export function withOwner({ metadata: { name, uid } }: ImportResource, present: Owners = []): Owners {
  const others = present.filter((owner) => owner.apiVersion !== API_VERSION || owner.kind !== "Import");
  return [...others, { apiVersion: API_VERSION, kind: "Import", name, uid }];
}

/** @returns the Service of an Import, to be created: a cluster IP, and no selector, since its endpoints are given. */
export function newService(imported: ImportResource, desired: DesiredService): Service {
  const { name, namespace } = imported.metadata;
  return {
    metadata: { name, namespace, labels: importLabels(imported), ownerReferences: withOwner(imported) },
    spec: {
      type: "ClusterIP",
      ports: [portOf(imported, desired)],
      ...(desired.dualStack ? { ipFamilyPolicy: "PreferDualStack" } : {}),
    },
  } as Service;
}

/**
 * @returns a merge patch that makes a Service of ours what it has to be, or undefined when it is; labels, annotations
 * and fields that do not matter to us are left to whoever set them.
 */
export function servicePatch(
  current: Service,
  imported: ImportResource,
  desired: DesiredService,
): { metadata?: object; spec?: object } | undefined {
  const metadata = metaPatch(current.metadata, imported, importLabels(imported));
  const { type, selector, externalName, ports = [], ipFamilyPolicy } = current.spec ?? {};
  const port = portOf(imported, desired);
  const spec = {
    ...(type === "ClusterIP" ? {} : { type: "ClusterIP" }),
    ...(selector === undefined ? {} : { selector: null }),
    ...(externalName === undefined ? {} : { externalName: null }),
    ...(ports.length === 1 && isPort(ports[0], port) ? {} : { ports: [port] }),
    ...(desired.dualStack && !ipFamilyPolicy?.endsWith("DualStack") ? { ipFamilyPolicy: "PreferDualStack" } : {}),
  };
  if (metadata === undefined && Object.keys(spec).length === 0) return undefined;
  return { ...(metadata === undefined ? {} : { metadata }), ...(Object.keys(spec).length === 0 ? {} : { spec }) };
}

/** @returns the part of a merge patch that gives an object these labels and the Import as owner; undefined if it has both. */
export function metaPatch(
  current: KubeMeta,
  imported: ImportResource,
  labels: Record<string, string>,
): object | undefined {
  const missing = Object.entries(labels).filter(([key, value]) => current.labels?.[key] !== value);
  const owned = current.ownerReferences?.some(({ uid }) => uid === imported.metadata.uid) ?? false;
  if (missing.length === 0 && owned) return undefined;
  return {
    ...(missing.length === 0 ? {} : { labels: Object.fromEntries(missing) }),
    ...(owned ? {} : { ownerReferences: withOwner(imported, current.ownerReferences) }),
  };
}

type ServicePort = { name?: string; port: number; protocol?: string; targetPort?: number | string | object };

function portOf({ spec }: ImportResource, { targetPort }: DesiredService): ServicePort {
  return { port: spec.port, protocol: "TCP", targetPort };
}

function isPort(present: ServicePort | undefined, wanted: ServicePort): boolean {
  const { name = "", port, protocol = "TCP", targetPort } = present ?? { port: 0 };
  return name === "" && port === wanted.port && protocol === "TCP" && targetPort === wanted.targetPort;
}
