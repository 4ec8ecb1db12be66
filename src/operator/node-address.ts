import type { KubeClient } from "../store/kubernetes/client.ts";
import type { KubeObject, KubeResource } from "../store/kubernetes/resource.ts";

type Node = KubeObject & {
  spec?: { unschedulable?: boolean };
  status?: {
    addresses?: { type: string; address: string }[];
    conditions?: { type: string; status: string }[];
  };
};

const NODES: KubeResource<Node> = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

/**
 * @returns an address by which peers may reach a node that is ready: the external one of the first that has one, else
 * an internal one. Nodes are sorted by name, so that it stays the same while they do.
 */
export async function nodeAddress(client: KubeClient): Promise<string | undefined> {
  const nodes = await client.all(NODES);
  nodes.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const addresses = nodes.filter(isUsable).flatMap((node) => node.status?.addresses ?? []);
  const of = (type: string) => addresses.find((each) => each.type === type)?.address;
  return of("ExternalIP") ?? of("InternalIP");
}

function isUsable({ spec, status }: Node): boolean {
  return (
    !spec?.unschedulable && status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") === true
  );
}
