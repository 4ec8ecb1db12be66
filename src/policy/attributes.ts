/** The names of connection attributes (the keys that policies select by). */

export const PEER_NAME = "peer.clusterlink.net/name";
export const PEER_LABEL_PREFIX = "peer.clusterlink.net/labels.";
export const CLIENT_PREFIX = "client.clusterlink.net/";
export const CLIENT_NAMESPACE = "client.clusterlink.net/namespace";
export const CLIENT_SERVICE_ACCOUNT = "client.clusterlink.net/service-account";
export const CLIENT_LABEL_PREFIX = "client.clusterlink.net/labels.";
export const EXPORT_NAME = "export.clusterlink.net/name";
export const EXPORT_NAMESPACE = "export.clusterlink.net/namespace";
export const EXPORT_LABEL_PREFIX = "export.clusterlink.net/labels.";

/**
 * The attributes of one end of a connection. A key that is not in `values` is *absent* when its group is known and
 * *unknown* when it is not; that is what makes selectors three-valued.
 */
export interface Attributes {
  values: Readonly<Record<string, string>>;
  /** Whether the `client.*` group is known as a whole. */
  clientKnown: boolean;
  /** Whether the peer's labels are known (they are not before its first HELLO or heartbeat). */
  peerLabelsKnown: boolean;
}
