/** What `deploy peer` applies, in stages. Pure. */
import { crdObjects, gatewayObjects, namespaceObject } from "../deploy/gateway.ts";
import { identitySecret, type PeerIdentity } from "../deploy/identity.ts";
import { INSTANCE_KEY, instanceObject } from "../deploy/instance.ts";
import type { ManifestObject } from "../deploy/manifest-object.ts";
import { operatorObjects } from "../deploy/operator.ts";
import { type GatewayOptions, OPERATOR_NAMESPACE } from "../deploy/options.ts";

/** `all`: the gateway, and the operator that keeps it; `operator`: the operator only; `none`: nothing. */
export const STARTS = ["all", "operator", "none"] as const;
export type Start = (typeof STARTS)[number];

export interface DeployPlan {
  /** Must be established before objects of their kinds are applied. */
  definitions: ManifestObject[];
  /** In the order in which they are applied. */
  objects: ManifestObject[];
}

/** @returns the gateway without an operator, which `--start none` writes: all that one file must have. */
export function standalonePlan(options: GatewayOptions, identity: PeerIdentity): DeployPlan {
  return { definitions: crdObjects(), objects: [...site(options, identity), ...gatewayObjects(options)] };
}

/**
 * @returns the gateway and the operator, with the Instance that says to the operator what is deployed; without the
 * gateway and the Instance for `operator`. The gateway does not wait for the operator: both apply the same. The Instance
 * comes first, or an operator that runs already would put the gateway back to what the old one says.
 */
export function operatedPlan(start: "all" | "operator", options: GatewayOptions, identity: PeerIdentity): DeployPlan {
  const { image, logLevel } = options;
  const gateway = [instanceObject(options), ...gatewayObjects({ ...options, instance: INSTANCE_KEY })];
  return {
    definitions: crdObjects(),
    objects: [
      ...site(options, identity),
      namespaceObject(OPERATOR_NAMESPACE),
      ...(start === "all" ? gateway : []),
      ...operatorObjects({ image, logLevel }),
    ],
  };
}

/** @returns the namespace and the Secret, which the gateway needs whoever deploys it. */
function site({ namespace }: GatewayOptions, identity: PeerIdentity): ManifestObject[] {
  return [namespaceObject(namespace), identitySecret(namespace, identity)];
}
