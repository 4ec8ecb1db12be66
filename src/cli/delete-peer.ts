/** `clusterlink delete peer --name P`: undoes `deploy peer`. */
import { crdObjects, namespaceObject } from "../deploy/gateway.ts";
import type { ManifestObject } from "../deploy/manifest-object.ts";
import { PEER_ANNOTATION, PEER_SECRET, TOKEN_KEY_SECRET } from "../deploy/names.ts";
import { operatorObjects } from "../deploy/operator.ts";
import { type GatewayOptions, OPERATOR_NAMESPACE, SYSTEM_NAMESPACE } from "../deploy/options.ts";
import { deleteObject } from "../operator/apply.ts";
import { shownName } from "../operator/object-resource.ts";
import { removeGateway } from "../operator/removal.ts";
import type { InstanceResource } from "../resources/kinds.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import { KubeApiError } from "../store/kubernetes/error.ts";
import {
  customResource,
  type KubeObject,
  type KubeResource,
  NAMESPACES,
  SECRETS,
} from "../store/kubernetes/resource.ts";
import { type ClusterOptions, clusterClient } from "./cluster.ts";
import { CliError } from "./errors.ts";
import { note, print } from "./output.ts";

export interface DeletePeerOptions extends ClusterOptions {
  name: string;
  namespace?: string;
  purge?: true;
}

/** How long a namespace may take to end, in milliseconds. */
const NAMESPACE_ENDS_WITHIN = 60_000;

const INSTANCES = customResource("Instance") as KubeResource<InstanceResource & KubeObject>;

/**
 * Removes the gateway, its certificates, and the operator where it serves no other. Resources of users stay, with the
 * CRDs and the gateway's namespace, unless `purge` is asked for.
 */
export async function deletePeer(options: DeletePeerOptions): Promise<void> {
  const namespace = options.namespace ?? SYSTEM_NAMESPACE;
  const client = await clusterClient(options);
  await checkPeer(client, namespace, options.name);
  const instances = await readInstances(client);
  const own = instances.filter(({ spec }) => spec.namespace === namespace);
  const lastOne = own.length === instances.length;
  let removed = 0;
  const tell = (object: ManifestObject) => {
    removed++;
    print(`${shownName(object)} deleted`);
  };
  const remove = async (object: ManifestObject) => {
    if (await deleteObject(client, object)) tell(object);
  };
  if (lastOne) for (const object of operatorObjects({ image: "", logLevel: "" }).toReversed()) await remove(object);
  for (const instance of own) await removeInstance(client, instance, tell);
  await removeGateway(client, gatewayIn(namespace), { onRemoved: tell });
  for (const name of [PEER_SECRET, TOKEN_KEY_SECRET]) {
    await remove({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace } });
  }
  if (lastOne) await remove(namespaceObject(OPERATOR_NAMESPACE));
  if (options.purge) await purge(client, namespace, lastOne, remove);
  for (const name of [OPERATOR_NAMESPACE, namespace]) await ended(client, name);
  if (removed === 0) note(`peer '${options.name}' is not deployed: nothing was there to delete`);
}

/** Throws a CliError when the namespace has the gateway of another peer. */
async function checkPeer(client: KubeClient, namespace: string, peer: string): Promise<void> {
  const secret = await client.get(SECRETS, { namespace, name: PEER_SECRET });
  const there = secret?.metadata.annotations?.[PEER_ANNOTATION];
  if (there === undefined || there === peer) return;
  throw new CliError("failed", `namespace '${namespace}' has the gateway of peer '${there}', not of '${peer}'`);
}

async function readInstances(client: KubeClient): Promise<InstanceResource[]> {
  try {
    return await client.all(INSTANCES);
  } catch (error) {
    if (error instanceof KubeApiError && error.httpStatus === 404) return [];
    throw error;
  }
}

/** The operator may be gone or unable to run, so that nobody waits for it to take its finalizer away. */
async function removeInstance(
  client: KubeClient,
  instance: InstanceResource,
  tell: (object: ManifestObject) => void,
): Promise<void> {
  const { name, namespace = "" } = instance.metadata;
  if (!(await client.delete(INSTANCES, { name, namespace }))) return;
  const left = await client.get(INSTANCES, { name, namespace });
  if (left !== undefined) await client.patch(INSTANCES, { name, namespace }, { metadata: { finalizers: null } });
  tell({ apiVersion: instance.apiVersion, kind: "Instance", metadata: { name, namespace } });
}

async function purge(
  client: KubeClient,
  namespace: string,
  lastOne: boolean,
  remove: (object: ManifestObject) => Promise<void>,
): Promise<void> {
  if (lastOne) for (const object of crdObjects()) await remove(object);
  const found = await client.get(NAMESPACES, { name: namespace });
  const ours = namespaceObject(namespace);
  const isOurs = Object.entries(ours.metadata.labels ?? {}).every(
    ([key, value]) => found?.metadata.labels?.[key] === value,
  );
  if (found !== undefined && isOurs) await remove(ours);
}

/** Waits until a namespace that is being deleted is gone, so that what is deployed next finds no remains. */
async function ended(client: KubeClient, name: string): Promise<void> {
  const end = Date.now() + NAMESPACE_ENDS_WITHIN;
  for (;;) {
    const found = await client.get(NAMESPACES, { name });
    if (found?.metadata.deletionTimestamp === undefined) return;
    if (Date.now() >= end) return note(`namespace '${name}' is still being deleted`);
    await Bun.sleep(200);
  }
}

/** What is removed does not depend on the rest. */
function gatewayIn(namespace: string): GatewayOptions {
  const ingress = { type: "none", annotations: {} } as const;
  return { namespace, image: "", replicas: 1, logLevel: "", peerLabels: {}, ingress };
}
