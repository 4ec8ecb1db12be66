import { canonicalAddress } from "../../resources/address.ts";
import type { ClientEntry } from "../../snapshot/tables.ts";
import type { Pod } from "../../store/kubernetes/resource.ts";

/**
 * The most that a pod's labels may come to, in characters. Kubernetes sets no bound, whoever may create pods chooses them,
 * and every relay holds all of them.
 */
const MAX_LABELS = 8 * 1024;

/** A pod as a client: all that is kept of it. */
export interface PodClient {
  /** Its addresses, each as a block of one. */
  cidrs: string[];
  /** When it was created, RFC 3339. */
  created: string;
  /** It has been told to end, and may still connect. */
  ending: boolean;
  entry: ClientEntry;
}

/**
 * @returns what a pod is as a client; undefined while it is nobody in particular: on its host's network, where every
 * process of the host has its address, without an address, or finished, when its address may be another's already. One
 * with more labels than {@link MAX_LABELS} is a client that nobody can tell: no allow by its labels can be met.
 */
export function projectPod({ metadata, spec, status }: Pod): PodClient | undefined {
  if (spec?.hostNetwork || status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
  const cidrs = [...new Set([...(status?.podIPs ?? []).map(({ ip }) => ip), status?.podIP])].flatMap(cidrOf);
  if (cidrs.length === 0) return undefined;
  const { namespace = "", labels = {}, creationTimestamp = "", deletionTimestamp } = metadata;
  return {
    cidrs: [...new Set(cidrs)],
    created: creationTimestamp,
    ending: deletionTimestamp !== undefined,
    entry: fits(labels)
      ? { namespace, serviceAccount: spec?.serviceAccountName ?? "default", labels }
      : { namespace, labels: {}, ambiguous: true },
  };
}

function fits(labels: Readonly<Record<string, string>>): boolean {
  let length = 0;
  for (const key in labels) length += key.length + (labels[key] as string).length;
  return length <= MAX_LABELS;
}

function cidrOf(ip: string | undefined): string[] {
  const address = ip === undefined ? undefined : canonicalAddress(ip);
  if (address === undefined) return [];
  return [`${address}/${address.includes(":") ? 128 : 32}`];
}

/**
 * @returns the clients by address. Of two pods that claim one, while news of a pod's end is late, the newer has it; if
 * they cannot be told apart, nobody has.
 */
export function reconcilePods(pods: Iterable<PodClient>): Record<string, ClientEntry> {
  const holders = new Map<string, PodClient>();
  const disputed = new Map<string, ClientEntry>();
  for (const pod of pods) {
    for (const cidr of pod.cidrs) {
      const holder = holders.get(cidr);
      const order = holder === undefined ? 1 : newer(pod, holder);
      if (order > 0) {
        holders.set(cidr, pod);
        disputed.delete(cidr);
      } else if (order === 0) disputed.set(cidr, { namespace: pod.entry.namespace, labels: {}, ambiguous: true });
    }
  }
  const rows: Record<string, ClientEntry> = {};
  for (const [cidr, { entry }] of holders) rows[cidr] = disputed.get(cidr) ?? entry;
  return rows;
}

/** @returns above 0 when `a` is the newer, below 0 when `b` is, 0 when nobody can tell. */
function newer(a: PodClient, b: PodClient): number {
  if (a.ending !== b.ending) return a.ending ? -1 : 1;
  return a.created === b.created ? 0 : a.created > b.created ? 1 : -1;
}
