/** The gateway's pods. */
import type { ManifestObject } from "./manifest-object.ts";
import { GATEWAY_LABELS, GATEWAY_NAME, GATEWAY_SELECTOR, INSTANCE_ANNOTATION, PEER_SECRET } from "./names.ts";
import type { GatewayOptions } from "./options.ts";
import { CONTAINER_SECURITY, POD_SECURITY } from "./pod-security.ts";

/** The one port that other gateways reach, in the pod. */
const PEER_PORT = 8443;

/** How long a gateway that is told to end goes on accepting, in seconds: until every kube-proxy has heard of it. */
const DRAIN_DELAY = 5;

/** How long its live connections may go on then, in seconds. */
const GRACE = 25;

/** What may pass beyond both before it is killed, in seconds. */
const SPARE = 10;

/**
 * How long a gateway may take to start, in seconds. It answers no probe before it knows what it obeys, so that one which
 * starts while the API server is away waits; the kubelet is not to kill it for that.
 */
const START = 600;

/** @returns the Deployment. */
export function deployment(options: GatewayOptions): ManifestObject {
  const { namespace, replicas, instance } = options;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: GATEWAY_NAME,
      namespace,
      labels: GATEWAY_LABELS,
      ...(instance === undefined ? {} : { annotations: { [INSTANCE_ANNOTATION]: instance } }),
    },
    spec: {
      replicas,
      selector: { matchLabels: GATEWAY_SELECTOR },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels: GATEWAY_LABELS }, spec: podSpec(options) },
    },
  };
}

function podSpec(options: GatewayOptions): object {
  return {
    serviceAccountName: GATEWAY_NAME,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: DRAIN_DELAY + GRACE + SPARE,
    securityContext: POD_SECURITY,
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: {
              labelSelector: { matchLabels: GATEWAY_SELECTOR },
              topologyKey: "kubernetes.io/hostname",
            },
          },
        ],
      },
    },
    containers: [container(options)],
    volumes: [
      { name: "pki", secret: { secretName: PEER_SECRET, defaultMode: 0o440 } },
      { name: "state", emptyDir: { sizeLimit: "64Mi" } },
    ],
  };
}

function container(options: GatewayOptions): object {
  return {
    name: "gateway",
    image: options.image,
    imagePullPolicy: "IfNotPresent",
    args: gatewayArguments(options),
    terminationMessagePolicy: "FallbackToLogsOnError",
    env: [{ name: "CLUSTERLINK_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }],
    ports: [{ name: "peer", containerPort: PEER_PORT, protocol: "TCP" }],
    startupProbe: { ...probe("/livez"), periodSeconds: 1, failureThreshold: START },
    livenessProbe: { ...probe("/livez"), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 2 },
    resources: { requests: { cpu: "100m", memory: "160Mi" }, limits: { memory: "1Gi" } },
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [
      { name: "pki", mountPath: "/etc/clusterlink/pki", readOnly: true },
      { name: "state", mountPath: "/var/lib/clusterlink" },
    ],
  };
}

/** The relays answer probes on the peer port itself; they ask no certificate of whoever asks for nothing else. */
function probe(path: string): object {
  return { httpGet: { path, port: "peer", scheme: "HTTPS" }, timeoutSeconds: 3 };
}

function gatewayArguments({ logLevel, peerLabels, watchNamespace }: GatewayOptions): string[] {
  return [
    "gateway",
    "--kubernetes",
    `--log-level=${logLevel}`,
    "--log-format=json",
    `--drain-delay=${DRAIN_DELAY}s`,
    `--grace=${GRACE}s`,
    ...Object.entries(peerLabels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `--peer-label=${key}=${value}`),
    ...(watchNamespace === undefined ? [] : [`--watch-namespace=${watchNamespace}`]),
  ];
}

/**
 * @returns how many of the pods may be away at a time when nodes are drained: one, so that a single one can move. Pods
 * that are not ready do not count: several that cannot start would hold the drain up for ever.
 */
export function disruptionBudget({ namespace }: Pick<GatewayOptions, "namespace">): ManifestObject {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: GATEWAY_NAME, namespace, labels: GATEWAY_LABELS },
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: GATEWAY_SELECTOR },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  };
}
