/** What can be chosen of a gateway in a cluster. */

export const INGRESS_TYPES = ["none", "LoadBalancer", "NodePort"] as const;
export type IngressType = (typeof INGRESS_TYPES)[number];

export interface IngressOptions {
  /** `none`: reached within the cluster only, and by what the administrator puts in front. */
  type: IngressType;
  /** The port that peers dial: of the Service, or with NodePort of the nodes. Default: 443, or one that Kubernetes allots. */
  port?: number;
  /** Annotations of the Service, for what a cloud's load balancers want to know. */
  annotations: Record<string, string>;
}

export interface GatewayOptions {
  /** The gateway's own namespace, where its Peers and its Secret are. */
  namespace: string;
  /** A container image with its tag or digest. */
  image: string;
  /** Gateway pods. All of them carry traffic; one of them writes. */
  replicas: number;
  logLevel: string;
  /** Labels of the site, by which policies on both sides can select. */
  peerLabels: Record<string, string>;
  ingress: IngressOptions;
  /** The only namespace that the gateway serves, besides its own. Default: all. */
  watchNamespace?: string;
  /** The Instance, as NAMESPACE/NAME, for which the operator keeps the gateway. Default: none. */
  instance?: string;
}

/** Where a gateway is deployed unless told otherwise. */
export const SYSTEM_NAMESPACE = "clusterlink-system";

/** Where the operator is, and the Instances that it serves. */
export const OPERATOR_NAMESPACE = "clusterlink-operator";

/** The image's name in any registry. */
const IMAGE_NAME = "clusterlink";

/** @returns the image of a registry and a tag; without a registry the one that was loaded into the nodes. */
export function imageOf(registry: string, tag: string): string {
  const folder = registry.replace(/\/+$/, "");
  return `${folder === "" ? "" : `${folder}/`}${IMAGE_NAME}:${tag}`;
}
