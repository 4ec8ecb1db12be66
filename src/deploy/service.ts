/** The way to the gateway for its peers. */
import type { ManifestObject } from "./manifest-object.ts";
import { GATEWAY_LABELS, GATEWAY_NAME, GATEWAY_SELECTOR } from "./names.ts";
import type { GatewayOptions } from "./options.ts";

/** The Service's port, as ClusterLink has it. */
const DEFAULT_PORT = 443;

/** @returns the Service. It is there whatever the ingress: its EndpointSlices tell which gateway pods are ready. */
export function service({ namespace, ingress }: Pick<GatewayOptions, "namespace" | "ingress">): ManifestObject {
  const { type, port, annotations } = ingress;
  const nodePort = type === "NodePort" ? port : undefined;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: GATEWAY_NAME,
      namespace,
      labels: GATEWAY_LABELS,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: {
      type: type === "none" ? "ClusterIP" : type,
      selector: GATEWAY_SELECTOR,
      ports: [
        {
          name: "peer",
          port: type === "NodePort" ? DEFAULT_PORT : (port ?? DEFAULT_PORT),
          targetPort: "peer",
          protocol: "TCP",
          ...(nodePort === undefined ? {} : { nodePort }),
        },
      ],
    },
  };
}
