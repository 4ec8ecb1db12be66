import { isLabelKey, isLabelValue } from "../../resources/names.ts";
import { decodePeerLabels, PEER_LABELS_FIELD } from "../../wire/http/peer-labels.ts";
import type { ResponseHead } from "../../wire/http/response.ts";

/**
 * @returns the labels that a peer tells in its answer to `GET /healthz`, without those that Kubernetes' rules do not
 * allow: they could not be stored in a status, nor selected by a policy. Undefined when they cannot be read.
 */
export function labelsOf({ fields }: ResponseHead): Record<string, string> | undefined {
  const decoded = decodePeerLabels(fields.get(PEER_LABELS_FIELD.toLowerCase()));
  if (!("labels" in decoded)) return undefined;
  const valid = Object.entries(decoded.labels).filter(([key, value]) => isLabelKey(key) && isLabelValue(value));
  return Object.fromEntries(valid);
}
