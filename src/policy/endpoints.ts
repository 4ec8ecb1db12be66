/** Builds the attributes of the two ends of a connection from what a site knows of them. */
import type { ClientEntry } from "../snapshot/tables.ts";
import {
  type Attributes,
  CLIENT_LABEL_PREFIX,
  CLIENT_NAMESPACE,
  CLIENT_PREFIX,
  CLIENT_SERVICE_ACCOUNT,
  EXPORT_LABEL_PREFIX,
  EXPORT_NAME,
  EXPORT_NAMESPACE,
  PEER_LABEL_PREFIX,
  PEER_NAME,
} from "./attributes.ts";

/** A site as policies see it. `labels` are absent while nobody has told them: they are unknown then, not empty. */
export interface SiteIdentity {
  /** The first DNS SAN of the site's certificate. */
  name: string;
  labels?: Readonly<Record<string, string>> | undefined;
}

/** An export as policies see it. On the client's side name and namespace are the source's, the labels the Import's. */
export interface ExportIdentity {
  name: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
}

/** What a remote site says about its own clients (and, in the HTTP dialect, its labels). Never believed beyond that. */
export type PeerClaims = Readonly<Record<string, string>>;

type Values = Record<string, string>;

/**
 * The most that a site may claim of a client, in characters, the prefix of labels not counted: as much as this gateway
 * knows of any pod. Every connection keeps its attributes.
 */
const MAX_CLAIMED = 9 * 1024;

/**
 * The source of a connection that starts in this site.
 *
 * @param client who the source address belongs to; without an entry, or with an ambiguous one, `client.*` are unknown.
 */
export function sourceAttributes(site: SiteIdentity, client: ClientEntry | undefined): Attributes {
  const values = siteValues(site);
  const known = client !== undefined && client.ambiguous !== true;
  if (known) {
    values[CLIENT_NAMESPACE] = client.namespace;
    if (client.serviceAccount !== undefined) values[CLIENT_SERVICE_ACCOUNT] = client.serviceAccount;
    addLabels(values, CLIENT_LABEL_PREFIX, client.labels);
  }
  return { values, clientKnown: known, peerLabelsKnown: site.labels !== undefined };
}

/** The destination of a connection: an export of that site. A destination has no client, so `client.*` are absent. */
export function destinationAttributes(site: SiteIdentity, exported: ExportIdentity): Attributes {
  const values = siteValues(site);
  values[EXPORT_NAME] = exported.name;
  values[EXPORT_NAMESPACE] = exported.namespace;
  addLabels(values, EXPORT_LABEL_PREFIX, exported.labels);
  return { values, clientKnown: true, peerLabelsKnown: site.labels !== undefined };
}

/**
 * The source of a connection that comes from another site. The name is the one in `peer`, which is the certificate's;
 * of the claims only `client.*` count, and they are known if the client's namespace is among them. More than
 * {@link MAX_CLAIMED} of it is no claim at all: the client is then one that nobody can tell.
 *
 * @param dialect `http` also takes `peer.clusterlink.net/labels.*` from the claims, which then replace `peer.labels`:
 * a ClusterLink gateway has no other moment to tell them before its first heartbeat.
 */
export function attributesFromPeer(
  peer: SiteIdentity,
  claims: PeerClaims,
  dialect: "clusterlink/2" | "http",
): Attributes {
  const clientKnown = Object.hasOwn(claims, CLIENT_NAMESPACE) && claimedOfClient(claims) <= MAX_CLAIMED;
  const labelsClaimed = dialect === "http" && Object.keys(claims).some((key) => key.startsWith(PEER_LABEL_PREFIX));
  const values = siteValues(labelsClaimed ? { name: peer.name } : peer);
  for (const [key, value] of Object.entries(claims)) {
    const taken = key.startsWith(CLIENT_PREFIX) ? clientKnown : labelsClaimed && key.startsWith(PEER_LABEL_PREFIX);
    if (taken) values[key] = value;
  }
  return { values, clientKnown, peerLabelsKnown: labelsClaimed || peer.labels !== undefined };
}

function claimedOfClient(claims: PeerClaims): number {
  let length = 0;
  for (const key of Object.keys(claims)) {
    if (!key.startsWith(CLIENT_PREFIX)) continue;
    const name = key.startsWith(CLIENT_LABEL_PREFIX) ? key.length - CLIENT_LABEL_PREFIX.length : key.length;
    length += name + (claims[key]?.length ?? 0);
  }
  return length;
}

function siteValues(site: SiteIdentity): Values {
  // Without a prototype, so that a label called "constructor" is absent unless somebody set it.
  const values: Values = Object.create(null);
  values[PEER_NAME] = site.name;
  if (site.labels !== undefined) addLabels(values, PEER_LABEL_PREFIX, site.labels);
  return values;
}

function addLabels(values: Values, prefix: string, labels: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(labels)) {
    const value = labels[key];
    if (value !== undefined) values[prefix + key] = value;
  }
}
