/** An Instance, which tells the operator what gateway to deploy, and the gateway's options, each from the other. */
import { DEFAULT_TAG, type InstanceSpec } from "../resources/instance.ts";
import { API_VERSION } from "../resources/meta.ts";
import type { ManifestObject } from "./manifest-object.ts";
import { PART_OF } from "./names.ts";
import { type GatewayOptions, imageOf, OPERATOR_NAMESPACE } from "./options.ts";

/** What `deploy peer` calls the Instance that it makes, as ClusterLink does. */
export const INSTANCE_NAME = "cl-instance";

/** The Instance of `deploy peer`, as {@link GatewayOptions.instance} names it. */
export const INSTANCE_KEY = `${OPERATOR_NAMESPACE}/${INSTANCE_NAME}`;

/** @returns the options of the gateway that an Instance wants; `instance` names it, as NAMESPACE/NAME. */
export function gatewayOptionsOf(instance: string, spec: InstanceSpec): GatewayOptions {
  const { ingress, logLevel } = spec;
  return {
    instance,
    namespace: spec.namespace,
    image: spec.image ?? imageOf(spec.containerRegistry ?? "", tagOf(spec)),
    replicas: spec.dataplane.replicas,
    logLevel: logLevel === "warning" ? "warn" : logLevel,
    peerLabels: spec.peerLabels ?? {},
    ingress: {
      type: ingress.type,
      annotations: ingress.annotations ?? {},
      ...(ingress.port === undefined ? {} : { port: ingress.port }),
    },
  };
}

/** `imageTag` is what older versions of ClusterLink call it; an API server gives `tag` its default where it is not said. */
function tagOf({ tag, imageTag }: InstanceSpec): string {
  return tag === DEFAULT_TAG ? (imageTag ?? tag) : tag;
}

/** @returns the Instance that wants a gateway with these options. */
export function instanceObject(options: GatewayOptions): ManifestObject {
  const { ingress, peerLabels } = options;
  const spec = {
    namespace: options.namespace,
    dataplane: { replicas: options.replicas },
    ingress: {
      type: ingress.type,
      ...(ingress.port === undefined ? {} : { port: ingress.port }),
      ...(Object.keys(ingress.annotations).length === 0 ? {} : { annotations: ingress.annotations }),
    },
    logLevel: options.logLevel,
    image: options.image,
    ...(Object.keys(peerLabels).length === 0 ? {} : { peerLabels }),
  };
  return {
    apiVersion: API_VERSION,
    kind: "Instance",
    metadata: { name: INSTANCE_NAME, namespace: OPERATOR_NAMESPACE, labels: PART_OF },
    spec,
  };
}
