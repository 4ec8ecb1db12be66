import { formatHostPort } from "../../resources/address.ts";
import type { PeerResource } from "../../resources/kinds.ts";
import { keyOf } from "../../resources/meta.ts";
import type { PeerEntry } from "../../snapshot/tables.ts";
import type { WantedStatus } from "../status-writer.ts";
import { condition, type Outcome } from "./outcome.ts";

/** What heartbeats know of a peer. */
export interface PeerHealth {
  /** By index of the Peer's gateways; undefined while nothing is known. */
  gateways: readonly GatewayHealth[];
  /** As the peer reported them last, since control started. */
  labels?: Readonly<Record<string, string>>;
}

export interface GatewayHealth {
  reachable: boolean | undefined;
  /** Why the last heartbeat failed; absent when it did not. */
  lastError?: string;
}

export interface PeerSurroundings {
  /** The gateway's own namespace, the only one whose Peers count. */
  namespace: string;
  health: (name: string) => PeerHealth | undefined;
}

/**
 * Peers by name. A gateway that no heartbeat has reached or failed to reach yet counts as reachable, and labels that
 * were reported to an earlier control process hold until there are newer ones: so a control that comes back changes
 * nothing for the connections that are there.
 */
export function reconcilePeers(peers: Iterable<PeerResource>, surroundings: PeerSurroundings): Outcome<PeerEntry> {
  const outcome: Outcome<PeerEntry> = { rows: {}, statuses: new Map() };
  for (const peer of peers) {
    const { name, namespace } = peer.metadata;
    if (namespace !== surroundings.namespace) {
      const message = `Only Peers in namespace ${surroundings.namespace}, the gateway's own, are used; create it there.`;
      outcome.statuses.set(keyOf(peer), condition("PeerReachable", "False", "WrongNamespace", message));
      continue;
    }
    const health = surroundings.health(name);
    const labels = health?.labels ?? peer.status?.labels;
    outcome.rows[name] = {
      name,
      gateways: peer.spec.gateways,
      reachable: peer.spec.gateways.map((_, index) => health?.gateways[index]?.reachable ?? true),
      ...(labels === undefined ? {} : { labels }),
    };
    outcome.statuses.set(keyOf(peer), statusOf(peer, health, labels));
  }
  return outcome;
}

function statusOf(peer: PeerResource, health: PeerHealth | undefined, labels: PeerEntry["labels"]): WantedStatus {
  const fields = labels === undefined ? {} : { labels };
  const states = health?.gateways ?? [];
  const up = states.filter(({ reachable }) => reachable === true).length;
  if (up > 0) {
    const message = `${up} of ${peer.spec.gateways.length} gateways answer heartbeats.`;
    return condition("PeerReachable", "True", "Heartbeat", message, fields);
  }
  if (states.length === 0 || states.some(({ reachable }) => reachable === undefined)) {
    const known = peer.status?.conditions?.find(({ type }) => type === "PeerReachable");
    if (known && known.reason !== "WrongNamespace") return { conditions: [known], fields };
    return condition("PeerReachable", "Unknown", "Pending", "No heartbeat has been answered yet.", fields);
  }
  const reasons = states.map(({ lastError }, index) => {
    const gateway = peer.spec.gateways[index];
    return `${gateway ? formatHostPort(gateway.host, gateway.port) : "?"}: ${lastError ?? "no answer"}`;
  });
  return condition(
    "PeerReachable",
    "False",
    "NoHeartbeat",
    `No gateway answers heartbeats. ${reasons.join("; ")}`,
    fields,
  );
}
