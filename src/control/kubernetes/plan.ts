import { isMerged } from "../../resources/import.ts";
import type { ImportResource } from "../../resources/kinds.ts";
import type { ObjectKey } from "../../resources/meta.ts";
import { isRfc1035Label } from "../../resources/names.ts";
import { type EndpointSlice, type KubeResource, SERVICES, type Service } from "../../store/kubernetes/resource.ts";
import type { WantedCondition } from "../status-writer.ts";
import { newService, servicePatch } from "./desired-service.ts";
import { isAddressed, removals, sliceWrites } from "./desired-slices.ts";
import { describeOwner, importOfService, SLICE_MANAGED_BY } from "./ownership.ts";
import { creation, deletion, mergePatch, type Write } from "./write.ts";

/** What there is in the cluster that concerns one Import. */
export interface Scene {
  /** Key of the Import, which is also the key of its Service. */
  key: ObjectKey;
  /** The Import; undefined when it is gone. */
  imported: ImportResource | undefined;
  /** Where the gateway listens for it; undefined while it has no port. */
  port: number | undefined;
  /** The Service of the Import's name, whoever's it is. */
  service: Service | undefined;
  /** Services that were made for this Import under another name or in another namespace. */
  strays: readonly Service[];
  /** The EndpointSlices of the Service, whoever manages them. */
  slices: readonly EndpointSlice[];
  /** Which of them are ours. */
  ours: (slice: EndpointSlice) => boolean;
  /** The gateway's own EndpointSlices. */
  gateway: readonly EndpointSlice[];
  /** Name and namespace of the gateway's Service, for people. */
  gatewayService: ObjectKey;
}

/** What is to be written for an Import, in this order, and its condition once that is done. */
export interface Plan {
  writes: Write[];
  /** Absent when the Import is gone. */
  condition?: WantedCondition;
}

/** The legacy Endpoints of a Service, which Kubernetes copies to slices when the Service has no selector. */
const ENDPOINTS: KubeResource = { group: "", version: "v1", plural: "endpoints", kind: "Endpoints", namespaced: true };

/** The controllers of Kubernetes that make EndpointSlices of a Service's selector, and of its Endpoints. */
const BY_SELECTOR = "endpointslice-controller.k8s.io";
const BY_MIRRORING = "endpointslicemirroring-controller.k8s.io";

/** @returns what brings the cluster to what an Import says. */
export function planOf(scene: Scene): Plan {
  const { imported, service, strays } = scene;
  const leftovers = unneeded(scene.key, strays);
  const ownSlices = scene.slices.filter(scene.ours);
  const mine = service !== undefined && importOfService(service) !== undefined;
  const nothing = (): Write[] => [
    ...removals(ownSlices),
    ...(mine ? unneeded(scene.key, [service]) : []),
    ...leftovers,
  ];
  if (imported === undefined) return { writes: nothing() };
  if (scene.port === undefined) {
    const condition = invalid("NoPort", "The gateway listens on no port for it; ImportTargetPortValid says why.");
    return { writes: [...removals(ownSlices), ...leftovers], condition };
  }
  if (isMerged(imported)) return merged(scene, imported, scene.port, nothing);
  if (!isRfc1035Label(imported.metadata.name)) {
    const message = `A Service cannot be called "${imported.metadata.name}": its name begins with a letter and has only a-z, 0-9 and "-" (RFC 1035). Create the Import again under such a name.`;
    return { writes: nothing(), condition: invalid("NameInvalid", message) };
  }
  if (service !== undefined && !mine) {
    const message = `There is a Service ${scene.key} already, and ${describeOwner(service)}. It is left alone: remove it, name the Import otherwise, or merge the two with the label import.clusterlink.net/merge=true.`;
    return { writes: [...removals(ownSlices), ...leftovers], condition: invalid("ServiceConflict", message) };
  }
  if (service?.metadata.deletionTimestamp !== undefined) {
    const message = `Service ${scene.key} is being deleted; it is made again when it is gone.`;
    return { writes: leftovers, condition: invalid("ServiceDeleting", message) };
  }
  return own(scene, imported, scene.port, ownSlices, leftovers);
}

function own(
  scene: Scene,
  imported: ImportResource,
  port: number,
  ownSlices: readonly EndpointSlice[],
  leftovers: readonly Write[],
): Plan {
  const families = new Set(scene.gateway.filter(isAddressed).map(({ addressType }) => addressType));
  const desired = { targetPort: port, dualStack: families.size > 1 };
  const writes: Write[] = [];
  if (scene.service === undefined) {
    writes.push(creation(SERVICES, newService(imported, desired), `Import ${scene.key} needs it`));
  } else {
    const patch = servicePatch(scene.service, imported, desired);
    if (patch) writes.push(mergePatch(SERVICES, scene.service, patch, `Import ${scene.key} needs it so`));
  }
  writes.push(...sliceWrites(imported, scene.gateway, { name: "", port }, ownSlices));
  writes.push(...strangers(scene), ...leftovers);
  return { writes, condition: inPlace(scene, "Ready", `Service ${scene.key} leads to the gateway.`) };
}

/**
 * Endpoints that Kubernetes made of a selector which a Service of ours had, and which nobody removes when it has none:
 * they would lead elsewhere.
 */
function strangers({ key, slices }: Scene): Write[] {
  const managedBy = (slice: EndpointSlice) => slice.metadata.labels?.[SLICE_MANAGED_BY];
  const found = slices.filter((slice) => managedBy(slice) === BY_SELECTOR || managedBy(slice) === BY_MIRRORING);
  if (found.length === 0) return [];
  const [first] = found;
  const endpoints: Write = {
    verb: "delete",
    resource: ENDPOINTS,
    object: { namespace: first?.metadata.namespace, name: key.slice(key.indexOf("/") + 1) },
    why: "the Service has no selector any more",
  };
  return [endpoints, ...removals(found)];
}

function merged(scene: Scene, imported: ImportResource, port: number, nothing: () => Write[]): Plan {
  const { key, service } = scene;
  const refuse = (reason: string, message: string): Plan => ({
    writes: nothing(),
    condition: invalid(reason, message),
  });
  if (service === undefined || importOfService(service) !== undefined) {
    return refuse("ServiceMissing", `There is no Service ${key} to merge into; create it, or remove the merge label.`);
  }
  const { type, clusterIP, ports = [] } = service.spec ?? {};
  if (type === "ExternalName" || clusterIP === "None") {
    const what = type === "ExternalName" ? "of type ExternalName" : "headless";
    return refuse("ServiceUnsuitable", `Service ${key} is ${what}: its clients do not come through its endpoints.`);
  }
  const tcp = ports.filter(({ protocol = "TCP" }) => protocol === "TCP");
  const found = tcp.find((each) => each.port === imported.spec.port);
  if (found === undefined) {
    const there = tcp.length === 0 ? "none" : tcp.map((each) => each.port).join(", ");
    const message = `Service ${key} has no TCP port ${imported.spec.port} (it has ${there}); set spec.port to one of the Service.`;
    return refuse("PortMissing", message);
  }
  const ownSlices = scene.slices.filter(scene.ours);
  const slices = sliceWrites(imported, scene.gateway, { name: found.name ?? "", port }, ownSlices);
  return {
    writes: [...slices, ...unneeded(key, scene.strays)],
    condition: inPlace(scene, "Merged", `The gateway is among the endpoints of Service ${key}.`),
  };
}

/** One that is being deleted already is left to go. */
function unneeded(key: ObjectKey, services: readonly Service[]): Write[] {
  const present = services.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return present.map((service) => deletion(SERVICES, service, `Import ${key} does not need it`));
}

/** A Service without endpoints is valid: a gateway outside the cluster has none, and its users know how to reach it. */
function inPlace({ gateway, gatewayService }: Scene, reason: string, message: string): WantedCondition {
  if (gateway.some(isAddressed)) return { type: "ImportServiceValid", status: "True", reason, message };
  const why = `it has no endpoints, since Service ${gatewayService}, the gateway's own, has no EndpointSlices (does the gateway run outside of the cluster?).`;
  return {
    type: "ImportServiceValid",
    status: "True",
    reason: "NoGatewayEndpoints",
    message: `${message} But ${why}`,
  };
}

function invalid(reason: string, message: string): WantedCondition {
  return { type: "ImportServiceValid", status: "False", reason, message };
}
