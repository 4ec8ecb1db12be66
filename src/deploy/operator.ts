/** The operator in a cluster. */
import { grantCluster, grantIn } from "./access.ts";
import type { ManifestObject } from "./manifest-object.ts";
import { OPERATOR_LABELS, OPERATOR_NAME, OPERATOR_ROLE, OPERATOR_SELECTOR } from "./names.ts";
import { OPERATOR_NAMESPACE } from "./options.ts";
import {
  CLUSTER_RULES,
  OPERATOR_NAMESPACE_RULES,
  OPERATOR_RULES,
  OWN_NAMESPACE_RULES,
  PRIVILEGED_POLICY_RULES,
  SERVED_NAMESPACE_RULES,
} from "./permissions.ts";
import { CONTAINER_SECURITY, POD_SECURITY } from "./pod-security.ts";

export interface OperatorOptions {
  image: string;
  logLevel: string;
}

/** Where the operator answers the kubelet, in the pod: the port that Kubernetes' own controllers have for it. */
const PROBE_PORT = 8081;

/** @returns the operator's objects, in the order in which they are applied; its namespace and the CRDs come before. */
export function operatorObjects(options: OperatorOptions): ManifestObject[] {
  const namespace = OPERATOR_NAMESPACE;
  const account = { namespace, name: OPERATOR_NAME };
  const metadata = { name: OPERATOR_NAME, namespace, labels: OPERATOR_LABELS };
  const rules = [
    ...OPERATOR_RULES,
    ...SERVED_NAMESPACE_RULES,
    ...CLUSTER_RULES,
    ...OWN_NAMESPACE_RULES,
    ...PRIVILEGED_POLICY_RULES,
  ];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    ...grantCluster(OPERATOR_ROLE, rules, account, OPERATOR_LABELS),
    ...grantIn(namespace, OPERATOR_NAME, OPERATOR_NAMESPACE_RULES, account, OPERATOR_LABELS),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 1,
        selector: { matchLabels: OPERATOR_SELECTOR },
        template: { metadata: { labels: OPERATOR_LABELS }, spec: podSpec(options) },
      },
    },
  ];
}

function podSpec({ image, logLevel }: OperatorOptions): object {
  return {
    serviceAccountName: OPERATOR_NAME,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 10,
    securityContext: POD_SECURITY,
    containers: [
      {
        name: "operator",
        image,
        imagePullPolicy: "IfNotPresent",
        args: ["operator", `--log-level=${logLevel}`, "--log-format=json", `--probe-listen=:${PROBE_PORT}`],
        env: [{ name: "CLUSTERLINK_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }],
        terminationMessagePolicy: "FallbackToLogsOnError",
        ports: [{ name: "probes", containerPort: PROBE_PORT, protocol: "TCP" }],
        livenessProbe: { ...probe("/livez"), periodSeconds: 10, failureThreshold: 3 },
        readinessProbe: { ...probe("/readyz"), periodSeconds: 5, failureThreshold: 2 },
        resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "256Mi" } },
        securityContext: CONTAINER_SECURITY,
      },
    ],
  };
}

/** No Service leads to it: the kubelet asks the pod itself. */
function probe(path: string): object {
  return { httpGet: { path, port: "probes" }, timeoutSeconds: 3 };
}
