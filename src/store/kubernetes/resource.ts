/** What the API server keeps: how each resource is addressed, and what its objects look like as JSON. */
import type {
  CoreV1Event,
  V1Deployment,
  V1EndpointSlice,
  V1Lease,
  V1Namespace,
  V1ObjectMeta,
  V1Pod,
  V1Secret,
  V1Service,
  V1ServiceAccount,
} from "@kubernetes/client-node";
import { KINDS, type KindName } from "../../resources/kinds.ts";
import { GROUP, type ObjectKey, objectKey, VERSION } from "../../resources/meta.ts";

/** `metadata` of any object; what a client sends may lack everything but a name. */
export type KubeMeta = Json<Omit<V1ObjectMeta, "name">> & { name: string };

/** An object of any kind, as it is in JSON. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: KubeMeta;
}

/** A type of `@kubernetes/client-node` as JSON has it: times are RFC 3339 texts. */
export type Json<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

type Typed<T> = Json<Omit<T, "metadata">> & KubeObject;

export type Deployment = Typed<V1Deployment>;
export type EndpointSlice = Typed<V1EndpointSlice>;
export type KubeEvent = Typed<CoreV1Event>;
export type Lease = Typed<V1Lease>;
export type Namespace = Typed<V1Namespace>;
export type Pod = Typed<V1Pod>;
export type Secret = Typed<V1Secret>;
export type Service = Typed<V1Service>;
export type ServiceAccount = Typed<V1ServiceAccount>;

/** A resource of the API. `T` is what its objects are. */
export interface KubeResource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
  /** Never set: carries the type of the objects. */
  readonly objects?: T;
}

const define = <T extends KubeObject>(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced = true,
): KubeResource<T> => ({ group, version, plural, kind, namespaced });

export const DEPLOYMENTS = define<Deployment>("apps", "v1", "deployments", "Deployment");
export const ENDPOINT_SLICES = define<EndpointSlice>("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
export const EVENTS = define<KubeEvent>("", "v1", "events", "Event");
export const LEASES = define<Lease>("coordination.k8s.io", "v1", "leases", "Lease");
export const NAMESPACES = define<Namespace>("", "v1", "namespaces", "Namespace", false);
export const PODS = define<Pod>("", "v1", "pods", "Pod");
export const SECRETS = define<Secret>("", "v1", "secrets", "Secret");
export const SERVICE_ACCOUNTS = define<ServiceAccount>("", "v1", "serviceaccounts", "ServiceAccount");
export const SERVICES = define<Service>("", "v1", "services", "Service");

/** @returns the resource of one of our own kinds. */
export function customResource(kind: KindName): KubeResource {
  const { plural, namespaced } = KINDS[kind];
  return define(GROUP, VERSION, plural, kind, namespaced);
}

/** @returns `apiVersion` of the resource's objects. */
export function apiVersionOf({ group, version }: KubeResource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** @returns the resource's name in messages, for example `imports.clusterlink.net`. */
export function resourceName({ group, plural }: KubeResource): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** @returns the path of a collection; of a namespaced resource without a namespace, in all of them. */
export function collectionPath(resource: KubeResource, namespace?: string): string {
  const root = resource.group === "" ? "/api" : `/apis/${resource.group}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}/${resource.version}${scope}/${resource.plural}`;
}

/** What names an object of a resource. */
export interface ObjectName {
  /** Left out for a cluster-scoped resource. */
  namespace?: string | undefined;
  name: string;
}

/**
 * @returns the path of an object, or of a subresource of it.
 * @throws RangeError when the name is empty or the namespace of a namespaced one is missing
 */
export function objectPath(resource: KubeResource, { namespace, name }: ObjectName, subresource?: string): string {
  if (name === "") throw new RangeError(`${resourceName(resource)}: the name is empty`);
  if (resource.namespaced && !namespace) throw new RangeError(`${resourceName(resource)} "${name}" needs a namespace`);
  const tail = subresource === undefined ? "" : `/${subresource}`;
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${tail}`;
}

/** @returns what names the object within its resource. */
export function keyOfObject({ metadata }: KubeObject): ObjectKey {
  return objectKey(metadata.namespace, metadata.name);
}
