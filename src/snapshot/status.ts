/** What a site tells of itself: the JSON of `/status` and `/explain`, shared by control, the API and the command line. */
import type { ListenerFailure } from "./messages.ts";
import type { GatewayAddress, Version } from "./tables.ts";

export interface SiteStatus {
  name: string;
  /** The gateway's own namespace, where its Peers are. */
  namespace?: string;
  version: string;
  /** RFC 3339. */
  startedAt: string;
  labels: Record<string, string>;
  ready: boolean;
  /** Why it is not ready, for people; empty when it is. */
  notReady: string[];
  snapshot: Version;
  relays: RelayStatus[];
  peers: PeerStatusView[];
  certificates: CertificateStatus[];
  /** What went wrong and stays wrong until somebody acts: broken manifest files, bad certificates on disk, … */
  problems: string[];
  connections: number;
  /** How the control API is reached from other machines; absent while neither door is open. */
  api?: ApiDoors;
}

/** The doors of the control API that are open to the network. */
export interface ApiDoors {
  /** `--api-listen`: where the gateway listens. */
  listen?: GatewayAddress;
  /** `--expose-api`: the peer port. */
  exposed?: GatewayAddress;
  /** PEM of the CA that the site's certificate is verified with. */
  ca: string;
}

export interface RelayStatus {
  index: number;
  pid: number;
  /** Deltas that it is behind; 0 is up to date. */
  lag: number;
  failedListeners: ListenerFailure[];
}

export interface PeerStatusView {
  name: string;
  reachable: boolean;
  gateways: (GatewayAddress & { reachable: boolean; lastError?: string })[];
  labels?: Record<string, string>;
}

export interface CertificateStatus {
  /** `site` or `ca`. */
  role: "site" | "ca";
  subject: string;
  /** RFC 3339. */
  notAfter: string;
  daysLeft: number;
}

/** What to explain: an import as a client sees it, or an export as a peer does. */
export type ExplainQuery =
  | { side: "client"; import: string; client: ClientQuery }
  | { side: "server"; export: string; peer: string; client: ClientQuery };

/** A client by its address, or by attributes that the asker supplies (`client.clusterlink.net/…`). */
export type ClientQuery = { address: string } | { attributes: Record<string, string> };

export interface Explanation {
  allowed: boolean;
  /** `privileged/NAME`, `NAMESPACE/NAME`, or `default-deny`. */
  decidedBy: string;
  /** One sentence for people. */
  summary: string;
  from: Record<string, string>;
  /** Groups of `from` or `to` that are unknown, for example `client.clusterlink.net/*`. */
  unknown: string[];
  /** Client side: one element a source in the order in which they would be tried. Server side: one element. */
  candidates: ExplainedCandidate[];
}

export interface ExplainedCandidate {
  to: Record<string, string>;
  source?: { peer: string; exportName: string; exportNamespace: string };
  /** Why it stands at this place: reachable, the scheme's choice, … */
  reason: string;
  allowed: boolean;
  decidedBy: string;
  /** Policies in the order of evaluation, with what each came to. */
  considered: ConsideredPolicy[];
}

export interface ConsideredPolicy {
  policy: string;
  tier: "privileged" | "regular";
  action: "allow" | "deny";
  /** Three-valued: a deny is triggered by `unknown` too. */
  from: "match" | "no-match" | "unknown";
  to: "match" | "no-match" | "unknown";
  decisive: boolean;
}
