/** What a server fills into built-in objects, and what it refuses of them: as far as gateways notice. */
import { type Cause, invalid } from "./failure.ts";
import { asObject, asText, type Json, type JsonObject } from "./json.ts";
import { type Resource, resourceName } from "./resources.ts";

/** Addresses and node ports that Services have. */
export interface Allotted {
  takes(field: "clusterIP" | "nodePort", value: Json): boolean;
}

type Defaulting = (object: JsonObject, before: JsonObject | undefined, allotted: Allotted) => JsonObject;

const DEFAULTS: Record<string, Defaulting> = {
  namespaces: (object, before) => ({
    ...object,
    spec: { finalizers: ["kubernetes"] },
    status: before?.["status"] ?? { phase: "Active" },
  }),
  services: defaultService,
  secrets: ({ stringData, ...object }) => {
    const texts = Object.entries(asObject(stringData)).map(([key, text]) => [key, btoa(asText(text))]);
    const data = { ...asObject(object["data"]), ...Object.fromEntries(texts) };
    return { type: "Opaque", ...object, ...(Object.keys(data).length > 0 ? { data } : {}) };
  },
  pods: (object) => ({
    ...object,
    spec: { restartPolicy: "Always", serviceAccountName: "default", ...asObject(object["spec"]) },
    status: { phase: "Pending", ...asObject(object["status"]) },
  }),
  "endpointslices.discovery.k8s.io": (object) => ({
    ...object,
    ports: listOf(object["ports"]).map((port) => ({ name: "", protocol: "TCP", ...port })),
    endpoints: listOf(object["endpoints"]),
  }),
  "deployments.apps": (object) => ({ ...object, spec: { replicas: 1, ...asObject(object["spec"]) } }),
  "customresourcedefinitions.apiextensions.k8s.io": (object) => ({
    ...object,
    status: {
      acceptedNames: asObject(asObject(object["spec"])["names"]),
      conditions: [
        { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" },
        { type: "Established", status: "True", reason: "InitialNamesAccepted", message: "accepted" },
      ],
      storedVersions: ["v1alpha1"],
    },
  }),
};

/** @throws Failure 422 for what the server refuses */
export function withDefaults(
  resource: Resource,
  object: JsonObject,
  before: JsonObject | undefined,
  allotted: Allotted,
): JsonObject {
  const defaulted = DEFAULTS[resourceName(resource)]?.(object, before, allotted) ?? object;
  const causes = RULES[resourceName(resource)]?.(defaulted, before) ?? [];
  if (causes.length > 0) throw invalid(resource, asText(asObject(object["metadata"])["name"]), causes);
  return defaulted;
}

function defaultService(object: JsonObject, before: JsonObject | undefined, allotted: Allotted): JsonObject {
  const given = asObject(object["spec"]);
  const old = asObject(before?.["spec"]);
  const type = asText(given["type"]) || "ClusterIP";
  const addressed = type !== "ExternalName";
  const clusterIP = asText(given["clusterIP"]) || asText(old["clusterIP"]) || freeAddress(allotted);
  const nodePorts = type === "NodePort" || type === "LoadBalancer";
  const ports = listOf(given["ports"]).map((port, index) => ({
    protocol: "TCP",
    targetPort: port["port"] ?? null,
    ...port,
    ...(nodePorts ? { nodePort: port["nodePort"] ?? nodePortOf(old, index) ?? freeNodePort(allotted) } : {}),
  }));
  const spec = {
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
    ...(addressed ? { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" } : {}),
    ...given,
    type,
    ...(addressed ? { clusterIP, clusterIPs: [clusterIP] } : {}),
    ports,
  };
  return { ...object, spec, status: object["status"] ?? { loadBalancer: {} } };
}

function nodePortOf(old: JsonObject, index: number): Json | undefined {
  return listOf(old["ports"])[index]?.["nodePort"];
}

function freeAddress(allotted: Allotted): string {
  for (let host = 2; host < 65_536; host++) {
    const address = `10.0.${host >> 8}.${host & 255}`;
    if (!allotted.takes("clusterIP", address)) return address;
  }
  throw new Error("every address of Services is taken");
}

function freeNodePort(allotted: Allotted): number {
  for (let port = 30_000; port < 32_768; port++) if (!allotted.takes("nodePort", port)) return port;
  throw new Error("every node port is taken");
}

const RULES: Record<string, (object: JsonObject, before: JsonObject | undefined) => Cause[]> = {
  services: judgeService,
  "endpointslices.discovery.k8s.io": (object, before) => {
    const { addressType } = object;
    if (addressType !== "IPv4" && addressType !== "IPv6" && addressType !== "FQDN") {
      return [{ field: "addressType", reason: "FieldValueRequired", message: "Required value" }];
    }
    return before && before["addressType"] !== addressType ? [immutable("addressType", asText(addressType))] : [];
  },
};

function judgeService(object: JsonObject, before: JsonObject | undefined): Cause[] {
  const name = asText(asObject(object["metadata"])["name"]);
  const spec = asObject(object["spec"]);
  const ports = listOf(spec["ports"]);
  const causes: Cause[] = [];
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name) || name.length > 63) {
    const message = `Invalid value: "${name}": a DNS-1035 label must start with an alphabetic character`;
    causes.push({ field: "metadata.name", reason: "FieldValueInvalid", message });
  }
  if (ports.length === 0 && spec["clusterIP"] !== "None" && spec["type"] !== "ExternalName") {
    causes.push({ field: "spec.ports", reason: "FieldValueRequired", message: "Required value" });
  }
  if (ports.length > 1 && ports.some((port) => !port["name"])) {
    causes.push({ field: "spec.ports[0].name", reason: "FieldValueRequired", message: "Required value" });
  }
  const old = asText(asObject(before?.["spec"])["clusterIP"]);
  if (old !== "" && spec["type"] !== "ExternalName" && spec["clusterIP"] !== old) {
    causes.push(immutable("spec.clusterIPs[0]", asText(spec["clusterIP"])));
  }
  return causes;
}

function immutable(field: string, value: string): Cause {
  return { field, reason: "FieldValueInvalid", message: `Invalid value: "${value}": field is immutable` };
}

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(asObject) : [];
}
