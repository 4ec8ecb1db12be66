/** The reasons of a decision, in the form of `/explain`. */
import type { ConsideredPolicy } from "../snapshot/status.ts";
import { type Attributes, CLIENT_PREFIX, PEER_LABEL_PREFIX } from "./attributes.ts";
import { type CompiledPolicy, evaluateSide, isTriggered } from "./compiled-policy.ts";
import { ternaryName } from "./ternary.ts";

/**
 * @param policies in the order of evaluation
 * @returns what each came to, ending with the decisive one; all of them when none is, which is the default deny.
 */
export function considerInOrder(
  policies: readonly CompiledPolicy[],
  from: Attributes,
  to: Attributes,
): ConsideredPolicy[] {
  const considered: ConsideredPolicy[] = [];
  for (const policy of policies) {
    const decisive = isTriggered(policy, from, to);
    considered.push({
      policy: policy.decision.policy,
      tier: policy.tier,
      action: policy.action,
      from: ternaryName(evaluateSide(policy.from, from)),
      to: ternaryName(evaluateSide(policy.to, to)),
      decisive,
    });
    if (decisive) break;
  }
  return considered;
}

/** @returns the groups that are unknown at either end, for example `client.clusterlink.net/*`, for `Explanation.unknown`. */
export function unknownAttributes(from: Attributes, to: Attributes): string[] {
  const unknown: string[] = [];
  if (!from.clientKnown) unknown.push(`${CLIENT_PREFIX}*`);
  if (!from.peerLabelsKnown) unknown.push(`${PEER_LABEL_PREFIX}* of the source`);
  if (!to.peerLabelsKnown) unknown.push(`${PEER_LABEL_PREFIX}* of the destination`);
  return unknown;
}
