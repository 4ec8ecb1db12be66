/** An Instance, which tells the operator what gateway to deploy, and the gateway's options, each from the other. */
import { API_VERSION } from "../resources/meta.ts";
import type { ManifestObject } from "./manifest-object.ts";
import { PART_OF } from "./names.ts";
import { type GatewayOptions, type IngressType, imageOf, OPERATOR_NAMESPACE, SYSTEM_NAMESPACE } from "./options.ts";

/** What `deploy peer` calls the Instance that it makes, as ClusterLink does. */
export const INSTANCE_NAME = "cl-instance";

/** `spec` of an Instance; the API server has filled in the defaults where the CRD is newer than the object. */
export interface WantedInstance {
  namespace?: string;
  dataplane?: { replicas?: number; type?: string };
  ingress?: { type?: string; port?: number; annotations?: Record<string, string> };
  logLevel?: string;
  containerRegistry?: string;
  tag?: string;
  image?: string;
  peerLabels?: Record<string, string>;
}

/** @returns the options of the gateway that an Instance wants. */
export function gatewayOptionsOf(spec: WantedInstance): GatewayOptions {
  const { ingress = {}, logLevel = "info" } = spec;
  return {
    namespace: spec.namespace ?? SYSTEM_NAMESPACE,
    image: spec.image ?? imageOf(spec.containerRegistry ?? "", spec.tag ?? "latest"),
    replicas: spec.dataplane?.replicas ?? 1,
    logLevel: logLevel === "warning" ? "warn" : logLevel,
    peerLabels: spec.peerLabels ?? {},
    ingress: {
      type: (ingress.type ?? "none") as IngressType,
      annotations: ingress.annotations ?? {},
      ...(ingress.port === undefined ? {} : { port: ingress.port }),
    },
  };
}

/** @returns the Instance that wants a gateway with these options. */
export function instanceObject(options: GatewayOptions): ManifestObject {
  const { ingress, peerLabels } = options;
  const spec: WantedInstance = {
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
