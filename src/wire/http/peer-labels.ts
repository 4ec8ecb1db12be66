/** The labels of a site, as the answer to `GET /healthz` carries them. */

/** The header field of the labels; names are compared in lower case. */
export const PEER_LABELS_FIELD = "ClusterLinkPeerLabels";

export type DecodedPeerLabels = { labels: Record<string, string> } | { error: string };

/** @returns the value of the field: base64 of the JSON object. */
export function encodePeerLabels(labels: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(labels)).toString("base64");
}

/**
 * A malformed field makes the labels unknown but does not make the peer unreachable, so this does not throw.
 *
 * @param value of the field; absent, empty and JSON `null` are a peer without labels, as ClusterLink's gateways send them.
 */
export function decodePeerLabels(value: string | undefined): DecodedPeerLabels {
  if (value === undefined || value === "") return { labels: {} };
  let labels: unknown;
  try {
    labels = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(atob(value), "latin1")));
  } catch (cause) {
    return { error: `header field ${PEER_LABELS_FIELD} is not base64 of JSON: ${(cause as Error).message}` };
  }
  if (labels === null) return { labels: {} };
  if (!isLabels(labels)) return { error: `header field ${PEER_LABELS_FIELD} is not an object of strings` };
  return { labels };
}

/** @returns whether the value is an object whose values are strings. */
export function isLabels(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === "string");
}
