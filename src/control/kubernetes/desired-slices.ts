import type { ImportResource } from "../../resources/kinds.ts";
import { ENDPOINT_SLICES, type EndpointSlice } from "../../store/kubernetes/resource.ts";
import { importLabels, metaPatch, withOwner } from "./desired-service.ts";
import {
  GATEWAY_NAMESPACE,
  IMPORT_NAME,
  IMPORT_NAMESPACE,
  isOfGateway,
  MANAGED_BY,
  MANAGER,
  SERVICE_NAME,
  SLICE_MANAGED_BY,
} from "./ownership.ts";
import { creation, deletion, mergePatch, type Write } from "./write.ts";

/** The port of the Service that the endpoints serve: its name there, and where the gateway listens for it. */
export interface SlicePort {
  /** Empty for a port without a name. */
  name: string;
  port: number;
}

/**
 * @returns what makes the EndpointSlices of an Import equal to the gateway's own: one for each of them, with the same
 * endpoints on the Import's port. New ones come before old ones go, so that the Service is never without.
 */
export function sliceWrites(
  imported: ImportResource,
  gateway: readonly EndpointSlice[],
  port: SlicePort,
  present: readonly EndpointSlice[],
): Write[] {
  const wanted = new Map(gateway.filter(isAddressed).map((slice) => [nameOf(imported, slice), slice]));
  const kept: Write[] = [];
  for (const [name, slice] of wanted) {
    const current = present.find(({ metadata }) => metadata.name === name);
    const write = current ? changeOf(current, imported, slice, port) : creationOf(name, imported, slice, port);
    if (write) kept.push(write);
  }
  return [...kept, ...removals(present.filter(({ metadata }) => !wanted.has(metadata.name)))];
}

/**
 * @returns what makes a slice what it has to be that stands where `wanted` is to be created, if it was made for the same
 * Import and somebody took the labels away that it is known by; undefined if it is another's.
 */
export function sliceReclaim(present: EndpointSlice, wanted: EndpointSlice): Write | undefined {
  const { labels = {}, deletionTimestamp } = present.metadata;
  const { labels: all = {} } = wanted.metadata;
  const ours =
    [IMPORT_NAME, IMPORT_NAMESPACE].every((label) => labels[label] === all[label]) &&
    isOfGateway(present, all[GATEWAY_NAMESPACE] ?? "");
  if (!ours || deletionTimestamp !== undefined) return undefined;
  const { endpoints, ports } = wanted;
  return mergePatch(ENDPOINT_SLICES, present, { metadata: { labels: all }, endpoints, ports }, "it lost its labels");
}

/** @returns the deletion of these slices. */
export function removals(slices: readonly EndpointSlice[]): Write[] {
  return slices.map((slice) => deletion(ENDPOINT_SLICES, slice, "it is not needed any more"));
}

/** @returns whether a slice has IP addresses, and not names. */
export function isAddressed({ addressType }: EndpointSlice): boolean {
  return addressType === "IPv4" || addressType === "IPv6";
}

/** The name follows from the gateway's slice, so that every replica and every start comes to the same one. */
function nameOf({ metadata }: ImportResource, { metadata: { namespace, name }, addressType }: EndpointSlice): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${addressType} ${namespace}/${name}`).digest("hex").slice(0, 10);
  return `${metadata.name}-clusterlink-${hash}`;
}

function labelsOf(imported: ImportResource, slice: EndpointSlice): Record<string, string> {
  const { [MANAGED_BY]: _, ...labels } = importLabels(imported);
  return {
    ...labels,
    [SERVICE_NAME]: imported.metadata.name,
    [SLICE_MANAGED_BY]: MANAGER,
    [GATEWAY_NAMESPACE]: slice.metadata.namespace ?? "",
  };
}

function portsOf({ name, port }: SlicePort): NonNullable<EndpointSlice["ports"]> {
  return [{ name, port, protocol: "TCP" }];
}

function creationOf(name: string, imported: ImportResource, slice: EndpointSlice, port: SlicePort): Write {
  const { namespace } = imported.metadata;
  const { addressType, endpoints } = slice;
  const metadata = { name, namespace, labels: labelsOf(imported, slice), ownerReferences: withOwner(imported) };
  const object = { metadata, addressType, endpoints, ports: portsOf(port) } as EndpointSlice;
  return creation(ENDPOINT_SLICES, object, "the gateway has such endpoints");
}

function changeOf(
  current: EndpointSlice,
  imported: ImportResource,
  slice: EndpointSlice,
  port: SlicePort,
): Write | undefined {
  const metadata = metaPatch(current.metadata, imported, labelsOf(imported, slice));
  const { endpoints } = slice;
  const ports = portsOf(port);
  const patch = {
    ...(metadata === undefined ? {} : { metadata }),
    ...(Bun.deepEquals(current.endpoints ?? [], endpoints ?? []) ? {} : { endpoints }),
    ...(Bun.deepEquals(current.ports ?? [], ports) ? {} : { ports }),
  };
  if (Object.keys(patch).length === 0) return undefined;
  return mergePatch(ENDPOINT_SLICES, current, patch, "it differs from the gateway's endpoints");
}
