/**
 * What is kept in memory of the objects that Kubernetes has by the thousand. A trimmed object has the same shape as a
 * whole one, less what nobody here reads.
 */
import type { EndpointSlice, KubeMeta, Service } from "../../store/kubernetes/resource.ts";
import { importOfSlice } from "./ownership.ts";

/** @returns a Service without its status, annotations and the history of its fields but for who made it. */
export function trimService({ metadata, spec }: Service): Service {
  const { type, ports, selector, externalName, clusterIP, ipFamilyPolicy } = spec ?? {};
  const maker = metadata.managedFields?.[0]?.manager;
  return {
    metadata: { ...trimMeta(metadata), ...(maker === undefined ? {} : { managedFields: [{ manager: maker }] }) },
    spec: defined({ type, ports, selector, externalName, clusterIP, ipFamilyPolicy }),
  };
}

/**
 * @param whole - tells of which slices the endpoints are needed; ours are kept whole in any case
 * @returns an EndpointSlice without annotations, and without endpoints where they are not needed
 */
export function trimSlice(slice: EndpointSlice, whole: (slice: EndpointSlice) => boolean): EndpointSlice {
  const { addressType, endpoints, ports } = slice;
  const metadata = trimMeta(slice.metadata);
  if (importOfSlice(slice) === undefined && !whole(slice)) return { metadata, addressType, endpoints: [] };
  return { metadata, addressType, endpoints: endpoints ?? [], ports: ports ?? [] };
}

function trimMeta(metadata: KubeMeta): KubeMeta {
  const { name, namespace, uid, resourceVersion, labels, ownerReferences, deletionTimestamp } = metadata;
  return { name, ...defined({ namespace, uid, resourceVersion, labels, ownerReferences, deletionTimestamp }) };
}

/** @returns the object without the fields that are undefined. */
function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
