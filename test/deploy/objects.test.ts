import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { drift, manifestFiles } from "../../scripts/manifests.ts";
import {
  GATEWAY_NAMESPACE,
  IMPORT_NAME,
  IMPORT_NAMESPACE,
  MANAGED_BY,
  MANAGER,
  SERVICE_NAME,
  SLICE_MANAGED_BY,
} from "../../src/control/kubernetes/ownership.ts";
import { crdObjects, gatewayObjects } from "../../src/deploy/gateway.ts";
import { identitySecret, withoutSecrets } from "../../src/deploy/identity.ts";
import type { ManifestObject } from "../../src/deploy/manifest-object.ts";
import { GATEWAY_NAMESPACE_LABEL, IMPORT_SERVICES, IMPORT_SLICES } from "../../src/deploy/names.ts";
import { operatorObjects } from "../../src/deploy/operator.ts";
import { type GatewayOptions, type IngressOptions, imageOf } from "../../src/deploy/options.ts";
import type { PolicyRule } from "../../src/deploy/permissions.ts";

const options: GatewayOptions = {
  namespace: "clusterlink-system",
  image: "clusterlink:test",
  replicas: 2,
  logLevel: "info",
  peerLabels: {},
  ingress: { type: "none", annotations: {} },
};

function objectOf(kind: string, objects = gatewayObjects(options)): ManifestObject {
  const found = objects.find((object) => object.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

interface PodSpec {
  securityContext: object;
  terminationGracePeriodSeconds: number;
  containers: {
    args: string[];
    securityContext: object;
    startupProbe: { periodSeconds: number; failureThreshold: number };
  }[];
}

function podSpec(objects: ManifestObject[]): PodSpec {
  const { template } = objectOf("Deployment", objects)["spec"] as { template: { spec: PodSpec } };
  return template.spec;
}

/** What the rules grant, as `group/resource verb`. */
function granted(objects: readonly ManifestObject[]): Set<string> {
  const rules = objects.flatMap((object) => (object["rules"] as PolicyRule[] | undefined) ?? []);
  return new Set(
    rules.flatMap((rule) =>
      rule.apiGroups.flatMap((group) =>
        rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${group}/${resource} ${verb}`)),
      ),
    ),
  );
}

test("the manifests are what src/deploy says; after a change run scripts/manifests.ts", async () => {
  expect(await drift(join(import.meta.dir, "..", "..", "manifests"))).toEqual([]);
});

test("a manifest reads back as the objects that it was written from", () => {
  const text = manifestFiles().get("gateway/service.yaml");
  expect(Bun.YAML.parse(text ?? "")).toMatchObject({ kind: "Service", metadata: { name: "clusterlink" } });
});

describe("the Service of the ingress", () => {
  const cases: [rule: string, ingress: IngressOptions, spec: object, annotations: object | undefined][] = [
    [
      "none is reached within the cluster",
      { type: "none", annotations: {} },
      { type: "ClusterIP", port: 443 },
      undefined,
    ],
    [
      "LoadBalancer has port 443",
      { type: "LoadBalancer", annotations: {} },
      { type: "LoadBalancer", port: 443 },
      undefined,
    ],
    [
      "LoadBalancer has the port that is asked for, and its annotations",
      { type: "LoadBalancer", port: 8443, annotations: { "lb.example/type": "nlb" } },
      { type: "LoadBalancer", port: 8443 },
      { "lb.example/type": "nlb" },
    ],
    [
      "NodePort has the nodes' port that is asked for",
      { type: "NodePort", port: 30443, annotations: {} },
      { type: "NodePort", port: 443, nodePort: 30443 },
      undefined,
    ],
    [
      "NodePort leaves the nodes' port to Kubernetes",
      { type: "NodePort", annotations: {} },
      { type: "NodePort", port: 443, nodePort: undefined },
      undefined,
    ],
  ];
  test.each(cases)("%s", (_, ingress, spec, annotations) => {
    const object = objectOf("Service", gatewayObjects({ ...options, ingress }));
    const { type, ports } = object["spec"] as { type: string; ports: [{ port: number; nodePort?: number }] };
    const [{ port, nodePort }] = ports;
    expect({ type, port, nodePort }).toEqual({ nodePort: undefined, ...spec } as never);
    expect(object.metadata.annotations).toEqual(annotations as never);
  });
});

describe("every pod of ours", () => {
  const pods: [string, PodSpec][] = [
    ["the gateway's", podSpec(gatewayObjects(options))],
    ["the operator's", podSpec(operatorObjects({ image: "clusterlink:test", logLevel: "info" }))],
  ];
  test.each(pods)("%s is no root, has no capability and cannot write its root file system", (_, pod) => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });
});

test("a gateway is told to drain, and is not killed before it has", () => {
  const pod = podSpec(gatewayObjects(options));
  const seconds = (flag: string) =>
    Number(/=(\d+)s$/.exec(pod.containers[0]?.args.find((arg) => arg.startsWith(flag)) ?? "")?.[1]);
  expect(seconds("--drain-delay")).toBe(5);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(seconds("--drain-delay") + seconds("--grace"));
});

test("a gateway that waits for the API server is not killed for ten minutes", () => {
  const probe = podSpec(gatewayObjects(options)).containers[0]?.startupProbe;
  expect((probe?.periodSeconds ?? 0) * (probe?.failureThreshold ?? 0)).toBe(600);
});

test("pods that cannot start do not hold up the drain of a node", () => {
  expect(objectOf("PodDisruptionBudget")["spec"]).toMatchObject({ unhealthyPodEvictionPolicy: "AlwaysAllow" });
});

test("labels, level and namespaces become the gateway's flags, whatever order they came in", () => {
  const flags = (peerLabels: Record<string, string>) =>
    podSpec(gatewayObjects({ ...options, peerLabels, logLevel: "debug", watchNamespace: "shop" })).containers[0]?.args;
  expect(flags({ b: "2", a: "1" })).toEqual(flags({ a: "1", b: "2" }));
  expect(flags({ b: "2", a: "1" })).toEqual(
    expect.arrayContaining(["--log-level=debug", "--peer-label=a=1", "--peer-label=b=2", "--watch-namespace=shop"]),
  );
});

describe("access", () => {
  const namespaced = gatewayObjects({ ...options, watchNamespace: "shop" });

  test("no rule has a wildcard", () => {
    const operator = operatorObjects({ image: "clusterlink:test", logLevel: "info" });
    const all = [...granted(gatewayObjects(options)), ...granted(namespaced), ...granted(operator)];
    expect(all.filter((rule) => rule.includes("*"))).toEqual([]);
  });

  test("a gateway of one namespace has nothing cluster-wide but to read the administrators' policies", () => {
    const wide = namespaced.filter((object) => object.kind === "ClusterRole");
    expect([...granted(wide)].sort()).toEqual([
      "clusterlink.net/privilegedaccesspolicies get",
      "clusterlink.net/privilegedaccesspolicies list",
      "clusterlink.net/privilegedaccesspolicies watch",
    ]);
    expect(namespaced.flatMap(({ kind, metadata }) => (kind === "Role" ? [metadata.namespace] : [])).sort()).toEqual([
      "clusterlink-system",
      "shop",
    ]);
  });

  test("the operator has every right that it grants, or the API server would refuse it", () => {
    const operator = granted(
      operatorObjects({ image: "clusterlink:test", logLevel: "info" }).filter(({ kind }) => kind === "ClusterRole"),
    );
    const gateway = [...granted(gatewayObjects(options)), ...granted(namespaced)];
    expect(gateway.filter((rule) => !operator.has(rule))).toEqual([]);
  });

  test("nobody touches a Lease but its own", () => {
    const named = (objects: ManifestObject[]) =>
      objects
        .flatMap((object) => (object["rules"] as PolicyRule[] | undefined) ?? [])
        .filter((rule) => rule.resources.includes("leases") && rule.verbs.some((verb) => verb !== "create"))
        .map((rule) => rule.resourceNames);
    expect(named(gatewayObjects(options))).toEqual([["clusterlink-gateway"]]);
    const operator = operatorObjects({ image: "clusterlink:test", logLevel: "info" });
    expect(named(operator.filter(({ kind }) => kind === "Role"))).toEqual([["clusterlink-operator"]]);
  });

  test("Instances are the operator's in its own namespace only", () => {
    const [role, ...rest] = operatorObjects({ image: "clusterlink:test", logLevel: "info" }).filter((object) =>
      [...granted([object])].some((right) => right.startsWith("clusterlink.net/instances")),
    );
    expect(rest).toEqual([]);
    expect(role).toMatchObject({ kind: "Role", metadata: { namespace: "clusterlink-operator" } });
  });

  test("nobody reads a Secret but the one with the key of the tokens", () => {
    const rules = [...gatewayObjects(options), ...operatorObjects({ image: "clusterlink:test", logLevel: "info" })]
      .flatMap((object) => (object["rules"] as PolicyRule[] | undefined) ?? [])
      .filter((rule) => rule.resources.includes("secrets") && rule.verbs.some((verb) => verb !== "create"));
    expect(rules.length).toBeGreaterThan(0);
    for (const rule of rules) expect(rule.resourceNames).toEqual(["jwk"]);
  });
});

test("a removal selects what the gateway takes for its own, and nothing else", () => {
  expect(IMPORT_SERVICES).toBe(`${MANAGED_BY}=${MANAGER},${IMPORT_NAME},${IMPORT_NAMESPACE}`);
  expect(IMPORT_SLICES).toBe(`${SLICE_MANAGED_BY}=${MANAGER},${SERVICE_NAME}`);
  expect(GATEWAY_NAMESPACE_LABEL).toBe(GATEWAY_NAMESPACE);
});

test("what others need is applied first", () => {
  const kinds = gatewayObjects(options).map((object) => object.kind);
  expect(kinds[0]).toBe("ServiceAccount");
  expect(kinds.at(-1)).toBe("Deployment");
});

test("the CRDs are those of manifests/crds", () => {
  expect(crdObjects().map((object) => object.metadata.name)).toContain("imports.clusterlink.net");
});

test("the Secret has the files that the gateway reads, and shows none of them", () => {
  const secret = identitySecret("clusterlink-system", { name: "berlin", ca: "CA", cert: "CERT", key: "KEY" });
  const data = secret["data"] as Record<string, string>;
  const read = Object.entries(data).map(([file, text]) => [file, atob(text)]);
  expect(Object.fromEntries(read)).toEqual({ "ca.pem": "CA", "cert.pem": "CERT", "key.pem": "KEY" });
  expect(JSON.stringify(withoutSecrets(secret))).not.toContain(btoa("KEY"));
});

describe("the image", () => {
  const cases: [registry: string, tag: string, image: string][] = [
    ["", "1.0", "clusterlink:1.0"],
    ["ghcr.io/clusterlink-net", "latest", "ghcr.io/clusterlink-net/clusterlink:latest"],
    ["registry.example/", "1.0", "registry.example/clusterlink:1.0"],
  ];
  test.each(cases)("of registry '%s' and tag %s is %s", (registry, tag, image) => {
    expect(imageOf(registry, tag)).toBe(image);
  });
});
