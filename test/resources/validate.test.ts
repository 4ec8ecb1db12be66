import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FaultType } from "../../src/resources/faults.ts";
import { KIND_NAMES, KINDS, type KindName } from "../../src/resources/kinds.ts";
import { validate } from "../../src/resources/validate.ts";

const API = "clusterlink.net/v1alpha1";
const SOURCE = { peer: "east", exportName: "web", exportNamespace: "shop" };
const SELECTOR = { workloadSelector: { matchLabels: { "client.clusterlink.net/namespace": "shop" } } };

const SPECS: Record<KindName, Record<string, unknown>> = {
  Peer: { gateways: [{ host: "192.0.2.1", port: 8443 }] },
  Export: { host: "db.example", port: 5432 },
  Import: { port: 80, targetPort: 8080, sources: [SOURCE], lbScheme: "static" },
  AccessPolicy: { action: "allow", from: [SELECTOR], to: [{ workloadSelector: {} }] },
  PrivilegedAccessPolicy: { action: "deny", from: [SELECTOR], to: [SELECTOR] },
  Workload: { cidrs: ["10.0.0.0/8", "fd00::/64"], serviceAccount: "front" },
  Instance: {
    namespace: "edge",
    dataplane: { type: "go", replicas: 2 },
    ingress: { type: "NodePort", port: 30443, annotations: { "example.com/a": "b" } },
    logLevel: "debug",
    containerRegistry: "ghcr.io/clusterlink-net",
    tag: "v1.0",
    peerLabels: { region: "eu" },
  },
};

function anObject(kind: KindName, spec: unknown = SPECS[kind], metadata: Record<string, unknown> = {}) {
  const namespace = KINDS[kind].namespaced ? { namespace: "default" } : {};
  return { apiVersion: API, kind, metadata: { name: "x", ...namespace, ...metadata }, spec };
}

function faultsOf(kind: KindName, object: unknown): string[] {
  const result = validate(kind, object);
  return result.ok ? [] : result.faults.map(({ path, type }) => `${path} ${type}`);
}

describe("a good object", () => {
  test.each([...KIND_NAMES, "Instance" as const].map((kind) => [kind]))("of kind %s is accepted as it is", (kind) => {
    const result = validate(kind, anObject(kind));
    if (!result.ok) throw new Error(JSON.stringify(result.faults));
    expect(result.object.spec as unknown).toEqual(SPECS[kind]);
    expect(result.object.metadata).toMatchObject({ name: "x", uid: "", resourceVersion: "", generation: 0 });
    expect(result.unknown).toEqual([]);
  });

  test.each<[string, KindName, Record<string, unknown>]>([
    ["an Export may leave the host out", "Export", { port: 1 }],
    ["an Export may have an IPv6 host", "Export", { host: "2001:db8::1", port: 1 }],
    ["an Export may have a loopback host", "Export", { host: "127.0.0.1", port: 65535 }],
    ["an Export may have a host with a zone", "Export", { host: "fe80::1%eth0", port: 1 }],
    ["an Export may have a host with underscores", "Export", { host: "my_service", port: 1 }],
    ["an Import may leave targetPort and lbScheme out", "Import", { port: 1, sources: [SOURCE] }],
    ["an Import may have no source yet", "Import", { port: 1, sources: [] }],
    ["every scheme is accepted", "Import", { port: 1, sources: [], lbScheme: "least-connections" }],
    ["a null stands for an absent field", "Import", { port: 1, targetPort: null, lbScheme: null, sources: [] }],
    ["an empty selector is one", "AccessPolicy", { action: "deny", from: [{ workloadSelector: {} }], to: [SELECTOR] }],
    [
      "a label key may have a prefix of its own",
      "AccessPolicy",
      policy({ matchLabels: { "client.clusterlink.net/labels.app.kubernetes.io/name": "a" } }),
    ],
    [
      "In takes values",
      "AccessPolicy",
      policy({ matchExpressions: [{ key: "a", operator: "In", values: ["x", "y"] }] }),
    ],
    [
      "Exists takes an empty list of values",
      "AccessPolicy",
      policy({ matchExpressions: [{ key: "a", operator: "Exists", values: [] }] }),
    ],
    ["a Workload may leave the service account out", "Workload", { cidrs: ["192.0.2.7/32"] }],
  ])("%s", (_rule, kind, spec) => {
    expect(faultsOf(kind, anObject(kind, spec))).toEqual([]);
  });

  test("gets the default scheme, and nothing else that it did not say", () => {
    const result = validate("Import", anObject("Import", { port: 80, sources: [SOURCE] }));
    if (!result.ok) throw new Error(JSON.stringify(result.faults));
    expect(result.object.spec).toEqual({ port: 80, sources: [SOURCE], lbScheme: "round-robin" });
  });

  test("may carry a status and everything that a server sets, as kubectl sends it back", () => {
    const condition = {
      type: "PeerReachable",
      status: "True",
      lastTransitionTime: "2026-01-01T00:00:00Z",
      reason: "Up",
      message: "",
    };
    const metadata = {
      creationTimestamp: null,
      resourceVersion: "7",
      uid: "u",
      generation: 3,
      selfLink: "/x",
      deletionGracePeriodSeconds: 0,
      managedFields: [
        {
          manager: "kubectl",
          operation: "Apply",
          apiVersion: API,
          fieldsType: "FieldsV1",
          fieldsV1: { "f:spec": { "f:x": {} } },
        },
      ],
    };
    const object = {
      ...anObject("Peer", SPECS.Peer, metadata),
      status: { labels: { a: "b" }, conditions: [condition] },
    };
    expect(faultsOf("Peer", object)).toEqual([]);
  });

  test("is not changed by being judged", () => {
    const object = anObject("Import", { port: 80, targetPort: null, sources: [SOURCE] });
    const before = structuredClone(object);
    validate("Import", object);
    expect(object).toEqual(before);
  });
});

function policy(workloadSelector: unknown) {
  return { action: "allow", from: [{ workloadSelector }], to: [SELECTOR] };
}

describe("a fault has its path and type", () => {
  const long = "x".repeat(300);
  const cases: [string, KindName, unknown, string, FaultType][] = [
    ["spec is needed", "Peer", anObject("Peer", null), "spec", "FieldValueRequired"],
    ["spec must be an object", "Peer", anObject("Peer", "x"), "spec", "FieldValueTypeInvalid"],
    ["gateways are needed", "Peer", anObject("Peer", {}), "spec.gateways", "FieldValueRequired"],
    ["gateways must not be empty", "Peer", anObject("Peer", { gateways: [] }), "spec.gateways", "FieldValueRequired"],
    ["gateways must be a list", "Peer", anObject("Peer", { gateways: {} }), "spec.gateways", "FieldValueTypeInvalid"],
    [
      "gateways are bounded",
      "Peer",
      anObject("Peer", { gateways: Array(65).fill({ host: "a", port: 1 }) }),
      "spec.gateways",
      "FieldValueTooMany",
    ],
    [
      "a gateway has a host",
      "Peer",
      anObject("Peer", { gateways: [{ port: 1 }] }),
      "spec.gateways[0].host",
      "FieldValueRequired",
    ],
    [
      "a gateway's host is not empty",
      "Peer",
      anObject("Peer", { gateways: [{ host: "", port: 1 }] }),
      "spec.gateways[0].host",
      "FieldValueRequired",
    ],
    [
      "a host has no brackets",
      "Peer",
      anObject("Peer", { gateways: [{ host: "[::1]", port: 1 }] }),
      "spec.gateways[0].host",
      "FieldValueInvalid",
    ],
    [
      "a host has no port",
      "Peer",
      anObject("Peer", { gateways: [{ host: "a:1", port: 1 }] }),
      "spec.gateways[0].host",
      "FieldValueInvalid",
    ],
    ["a host is no URL", "Export", anObject("Export", { host: "http://a", port: 1 }), "spec.host", "FieldValueInvalid"],
    [
      "a host is no bad address",
      "Export",
      anObject("Export", { host: "10.0.0.256", port: 1 }),
      "spec.host",
      "FieldValueInvalid",
    ],
    ["a host is bounded", "Export", anObject("Export", { host: long, port: 1 }), "spec.host", "FieldValueTooLong"],
    ["an Export has a port", "Export", anObject("Export", { host: "a" }), "spec.port", "FieldValueRequired"],
    ["a port is at least 1", "Export", anObject("Export", { port: 0 }), "spec.port", "FieldValueInvalid"],
    ["a port is at most 65535", "Export", anObject("Export", { port: 65536 }), "spec.port", "FieldValueInvalid"],
    ["a port is whole", "Export", anObject("Export", { port: 1.5 }), "spec.port", "FieldValueTypeInvalid"],
    ["a port is a number", "Export", anObject("Export", { port: "80" }), "spec.port", "FieldValueTypeInvalid"],
    ["an Import has a port", "Import", anObject("Import", { sources: [] }), "spec.port", "FieldValueRequired"],
    ["an Import has sources", "Import", anObject("Import", { port: 1 }), "spec.sources", "FieldValueRequired"],
    [
      "a targetPort is a port",
      "Import",
      anObject("Import", { port: 1, sources: [], targetPort: 70000 }),
      "spec.targetPort",
      "FieldValueInvalid",
    ],
    ["a source has a peer", "Import", imports({ peer: undefined }), "spec.sources[0].peer", "FieldValueRequired"],
    [
      "a source has an exportName",
      "Import",
      imports({ exportName: undefined }),
      "spec.sources[0].exportName",
      "FieldValueRequired",
    ],
    [
      "a source has an exportNamespace",
      "Import",
      imports({ exportNamespace: undefined }),
      "spec.sources[0].exportNamespace",
      "FieldValueRequired",
    ],
    ["a source's peer is a name", "Import", imports({ peer: "East" }), "spec.sources[0].peer", "FieldValueInvalid"],
    [
      "a source's namespace is a label",
      "Import",
      imports({ exportNamespace: "a.b" }),
      "spec.sources[0].exportNamespace",
      "FieldValueInvalid",
    ],
    [
      "a scheme is one of four",
      "Import",
      anObject("Import", { port: 1, sources: [], lbScheme: "best" }),
      "spec.lbScheme",
      "FieldValueNotSupported",
    ],
    [
      "an Import's name has 63 characters at most",
      "Import",
      anObject("Import", SPECS.Import, { name: "x".repeat(64) }),
      "metadata.name",
      "FieldValueTooLong",
    ],
    [
      "the merge label is true or false",
      "Import",
      anObject("Import", SPECS.Import, { labels: { "import.clusterlink.net/merge": "yes" } }),
      "metadata.labels[import.clusterlink.net/merge]",
      "FieldValueNotSupported",
    ],
    [
      "an action is allow or deny",
      "AccessPolicy",
      anObject("AccessPolicy", { ...SPECS.AccessPolicy, action: "drop" }),
      "spec.action",
      "FieldValueNotSupported",
    ],
    [
      "an action is needed",
      "AccessPolicy",
      anObject("AccessPolicy", { from: [SELECTOR], to: [SELECTOR] }),
      "spec.action",
      "FieldValueRequired",
    ],
    [
      "from is needed",
      "AccessPolicy",
      anObject("AccessPolicy", { action: "deny", to: [SELECTOR] }),
      "spec.from",
      "FieldValueRequired",
    ],
    [
      "from is not empty",
      "AccessPolicy",
      anObject("AccessPolicy", { ...SPECS.AccessPolicy, from: [] }),
      "spec.from",
      "FieldValueRequired",
    ],
    [
      "to is not empty",
      "PrivilegedAccessPolicy",
      anObject("PrivilegedAccessPolicy", { ...SPECS.AccessPolicy, to: [] }),
      "spec.to",
      "FieldValueRequired",
    ],
    [
      "a workloadSelector is needed",
      "AccessPolicy",
      anObject("AccessPolicy", { ...SPECS.AccessPolicy, to: [{}] }),
      "spec.to[0].workloadSelector",
      "FieldValueRequired",
    ],
    [
      "workloadSets are refused",
      "AccessPolicy",
      anObject("AccessPolicy", { ...SPECS.AccessPolicy, to: [{ ...SELECTOR, workloadSets: ["a"] }] }),
      "spec.to[0].workloadSets",
      "FieldValueForbidden",
    ],
    [
      "a null in a selector is not dropped",
      "AccessPolicy",
      anObject("AccessPolicy", policy({ matchLabels: { app: null } })),
      "spec.from[0].workloadSelector.matchLabels.app",
      "FieldValueTypeInvalid",
    ],
    [
      "a selector's key is a key",
      "AccessPolicy",
      anObject("AccessPolicy", policy({ matchLabels: { "a b": "c" } })),
      "spec.from[0].workloadSelector.matchLabels[a b]",
      "FieldValueInvalid",
    ],
    [
      "a selector's value is a value",
      "AccessPolicy",
      anObject("AccessPolicy", policy({ matchLabels: { app: "a b" } })),
      "spec.from[0].workloadSelector.matchLabels.app",
      "FieldValueInvalid",
    ],
    [
      "In needs values",
      "AccessPolicy",
      requirement({ operator: "In" }),
      "spec.from[0].workloadSelector.matchExpressions[0].values",
      "FieldValueRequired",
    ],
    [
      "NotIn needs a value",
      "AccessPolicy",
      requirement({ operator: "NotIn", values: [] }),
      "spec.from[0].workloadSelector.matchExpressions[0].values",
      "FieldValueRequired",
    ],
    [
      "Exists forbids values",
      "AccessPolicy",
      requirement({ operator: "Exists", values: ["a"] }),
      "spec.from[0].workloadSelector.matchExpressions[0].values",
      "FieldValueForbidden",
    ],
    [
      "DoesNotExist forbids values",
      "AccessPolicy",
      requirement({ operator: "DoesNotExist", values: ["a"] }),
      "spec.from[0].workloadSelector.matchExpressions[0].values",
      "FieldValueForbidden",
    ],
    [
      "an operator is one of four",
      "AccessPolicy",
      requirement({ operator: "Gt", values: ["1"] }),
      "spec.from[0].workloadSelector.matchExpressions[0].operator",
      "FieldValueNotSupported",
    ],
    [
      "a requirement has a key",
      "AccessPolicy",
      requirement({ key: "", operator: "Exists" }),
      "spec.from[0].workloadSelector.matchExpressions[0].key",
      "FieldValueRequired",
    ],
    ["cidrs are not empty", "Workload", anObject("Workload", { cidrs: [] }), "spec.cidrs", "FieldValueRequired"],
    [
      "a cidr has a prefix",
      "Workload",
      anObject("Workload", { cidrs: ["10.0.0.1"] }),
      "spec.cidrs[0]",
      "FieldValueInvalid",
    ],
    [
      "a cidr has no host bits",
      "Workload",
      anObject("Workload", { cidrs: ["10.0.0.1/8"] }),
      "spec.cidrs[0]",
      "FieldValueInvalid",
    ],
    [
      "a cidr is listed once, however it is written",
      "Workload",
      anObject("Workload", { cidrs: ["10.0.0.0/8", "::ffff:10.0.0.0/104"] }),
      "spec.cidrs[1]",
      "FieldValueDuplicate",
    ],
    [
      "a service account is a name",
      "Workload",
      anObject("Workload", { cidrs: ["::/0"], serviceAccount: "A" }),
      "spec.serviceAccount",
      "FieldValueInvalid",
    ],
    [
      "apiVersion is needed",
      "Peer",
      { ...anObject("Peer"), apiVersion: undefined },
      "apiVersion",
      "FieldValueRequired",
    ],
    ["apiVersion is ours", "Peer", { ...anObject("Peer"), apiVersion: "v1" }, "apiVersion", "FieldValueInvalid"],
    [
      "kind is the one that was asked for",
      "Peer",
      { ...anObject("Peer"), kind: "Export" },
      "kind",
      "FieldValueInvalid",
    ],
    ["a name is needed", "Peer", anObject("Peer", SPECS.Peer, { name: "" }), "metadata.name", "FieldValueRequired"],
    [
      "a name is a subdomain",
      "Peer",
      anObject("Peer", SPECS.Peer, { name: "a_b" }),
      "metadata.name",
      "FieldValueInvalid",
    ],
    [
      "a name has 253 characters at most",
      "Peer",
      anObject("Peer", SPECS.Peer, { name: long }),
      "metadata.name",
      "FieldValueTooLong",
    ],
    [
      "a namespace is needed",
      "Peer",
      anObject("Peer", SPECS.Peer, { namespace: undefined }),
      "metadata.namespace",
      "FieldValueRequired",
    ],
    [
      "a namespace is a label",
      "Peer",
      anObject("Peer", SPECS.Peer, { namespace: "a.b" }),
      "metadata.namespace",
      "FieldValueInvalid",
    ],
    [
      "a cluster-scoped kind has no namespace",
      "PrivilegedAccessPolicy",
      anObject("PrivilegedAccessPolicy", SPECS.AccessPolicy, { namespace: "a" }),
      "metadata.namespace",
      "FieldValueForbidden",
    ],
    [
      "a label's key is a qualified name",
      "Peer",
      anObject("Peer", SPECS.Peer, { labels: { "-a": "b" } }),
      "metadata.labels[-a]",
      "FieldValueInvalid",
    ],
    [
      "a label's value is a label value",
      "Peer",
      anObject("Peer", SPECS.Peer, { labels: { a: "b c" } }),
      "metadata.labels.a",
      "FieldValueInvalid",
    ],
    [
      "a label's value is a text",
      "Peer",
      anObject("Peer", SPECS.Peer, { labels: { a: true } }),
      "metadata.labels.a",
      "FieldValueTypeInvalid",
    ],
    [
      "a label's value has 63 characters at most",
      "Peer",
      anObject("Peer", SPECS.Peer, { labels: { a: "b".repeat(64) } }),
      "metadata.labels.a",
      "FieldValueTooLong",
    ],
    [
      "annotations are bounded",
      "Peer",
      anObject("Peer", SPECS.Peer, { annotations: { a: "b".repeat(300_000) } }),
      "metadata.annotations",
      "FieldValueTooLong",
    ],
    [
      "annotations are bounded in bytes, not in characters",
      "Peer",
      anObject("Peer", SPECS.Peer, { annotations: { a: "é".repeat(140_000) } }),
      "metadata.annotations",
      "FieldValueTooLong",
    ],
    [
      "a finalizer is a qualified name",
      "Peer",
      anObject("Peer", SPECS.Peer, { finalizers: ["a b"] }),
      "metadata.finalizers[0]",
      "FieldValueInvalid",
    ],
    ["an unknown field of the object", "Peer", { ...anObject("Peer"), specs: {} }, "specs", "FieldValueUnknown"],
    [
      "an unknown field of metadata",
      "Peer",
      anObject("Peer", SPECS.Peer, { label: {} }),
      "metadata.label",
      "FieldValueUnknown",
    ],
    [
      "an unknown field of spec",
      "Export",
      anObject("Export", { port: 1, hosts: "a" }),
      "spec.hosts",
      "FieldValueUnknown",
    ],
    ["an unknown field deep in spec", "Import", imports({ weight: 1 }), "spec.sources[0].weight", "FieldValueUnknown"],
    [
      "an inherited property is no known field",
      "Export",
      anObject("Export", { port: 1, toString: 1 }),
      "spec.toString",
      "FieldValueUnknown",
    ],
    [
      "an unknown field of status",
      "Export",
      { ...anObject("Export"), status: { phase: "x" } },
      "status.phase",
      "FieldValueUnknown",
    ],
    [
      "a condition's status is one of three",
      "Export",
      withCondition({ status: "Yes" }),
      "status.conditions[0].status",
      "FieldValueNotSupported",
    ],
    [
      "a condition's time is RFC 3339",
      "Export",
      withCondition({ lastTransitionTime: "today" }),
      "status.conditions[0].lastTransitionTime",
      "FieldValueInvalid",
    ],
    ["an object is an object", "Export", [1], "", "FieldValueTypeInvalid"],
  ];
  test.each(cases)("%s", (_rule, kind, object, path, type) => {
    expect(faultsOf(kind, object)).toContain(`${path} ${type}`);
    const others = faultsOf(kind, object).filter((fault) => fault !== `${path} ${type}`);
    expect(others).toEqual([]);
  });

  test("every kind of fault is in the table", () => {
    const types: FaultType[] = [
      "FieldValueRequired",
      "FieldValueInvalid",
      "FieldValueTypeInvalid",
      "FieldValueNotSupported",
      "FieldValueForbidden",
      "FieldValueDuplicate",
      "FieldValueTooLong",
      "FieldValueTooMany",
      "FieldValueUnknown",
    ];
    expect(new Set(cases.map(([, , , , type]) => type))).toEqual(new Set(types));
  });
});

function imports(source: Record<string, unknown>) {
  return anObject("Import", { port: 1, sources: [{ ...SOURCE, ...source }] });
}

function requirement(change: Record<string, unknown>) {
  return anObject("AccessPolicy", policy({ matchExpressions: [{ key: "app", ...change }] }));
}

function withCondition(change: Record<string, unknown>) {
  const condition = {
    type: "ExportValid",
    status: "True",
    lastTransitionTime: "2026-01-01T00:00:00Z",
    reason: "Ok",
    message: "",
    ...change,
  };
  return { ...anObject("Export"), status: { conditions: [condition] } };
}

describe("a message names the value and the remedy", () => {
  test.each<[KindName, unknown, string]>([
    ["Export", { port: 70000 }, "Invalid value: 70000: must be between 1 and 65535, inclusive"],
    ["Export", { port: "80" }, 'Invalid value: "80": must be an integer, not a string'],
    ["Export", {}, "Required value: The service's TCP port."],
    [
      "Export",
      { port: 1, host: true },
      'Invalid value: true: must be a string, not a boolean; write it in quotes: "true"',
    ],
    [
      "Import",
      { port: 1, sources: [], lbScheme: "x" },
      'Unsupported value: "x": supported values: "round-robin", "random", "static", "least-connections"',
    ],
    [
      "Import",
      { port: 1, sources: [], target: 1 },
      'unknown field "spec.target"; the fields here are port, targetPort, sources, lbScheme',
    ],
    ["Workload", { cidrs: ["10.0.0.1/8"] }, 'Invalid value: "10.0.0.1/8": must have no bits set beyond its prefix'],
    ["Peer", { gateways: [] }, "Required value: must have at least 1 item(s)"],
    ["Export", { port: 1, host: "a".repeat(254) }, "Too long: may not be more than 253 characters, has 254"],
  ])("%s %j", (kind, spec, message) => {
    const result = validate(kind, anObject(kind, spec));
    expect(result.ok ? "" : (result.faults[0]?.message ?? "")).toStartWith(message);
  });
});

test("all faults come at once, each field once, in the order type, metadata, spec, unknown fields", () => {
  const spec = { port: 0, targetPort: "x", sources: [{ peer: "A" }, 3], lbScheme: "x", zz: 1 };
  const object = { apiVersion: "v2", kind: "Import", metadata: { name: "X".repeat(64), labels: { "a b": "c" } }, spec };
  expect(faultsOf("Import", object)).toEqual([
    "apiVersion FieldValueInvalid",
    "metadata.name FieldValueInvalid",
    "metadata.labels[a b] FieldValueInvalid",
    "metadata.namespace FieldValueRequired",
    "spec.port FieldValueInvalid",
    "spec.targetPort FieldValueTypeInvalid",
    "spec.sources[0].peer FieldValueInvalid",
    "spec.sources[0].exportName FieldValueRequired",
    "spec.sources[0].exportNamespace FieldValueRequired",
    "spec.sources[1] FieldValueTypeInvalid",
    "spec.lbScheme FieldValueNotSupported",
    "spec.zz FieldValueUnknown",
  ]);
});

describe("dropping unknown fields", () => {
  test("leaves them out and tells them", () => {
    const result = validate(
      "Export",
      { ...anObject("Export", { port: 1, x: { y: 1 } }), z: 1 },
      { unknownFields: "drop" },
    );
    if (!result.ok) throw new Error(JSON.stringify(result.faults));
    expect(result.object.spec).toEqual({ port: 1 });
    expect(result.unknown.map(({ path }) => path)).toEqual(["z", "spec.x"]);
  });

  test.each<[string, unknown]>([
    ["workloadSets", { ...SELECTOR, workloadSets: ["a"] }],
    ["a misspelt selector", { workloadSelector: { matchLabel: { app: "web" } } }],
    ["a misspelt element", { ...SELECTOR, workloadselector: {} }],
    [
      "a misspelt requirement",
      { workloadSelector: { matchExpressions: [{ key: "a", operator: "Exists", value: "x" }] } },
    ],
  ])("still refuses %s, so that no policy is widened in silence", (_what, element) => {
    const spec = { ...SPECS.AccessPolicy, from: [element] };
    expect(validate("AccessPolicy", anObject("AccessPolicy", spec), { unknownFields: "drop" }).ok).toBe(false);
  });
});

test("whatever the input, there is an answer, and what is accepted is accepted again unchanged", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const spec = fc.oneof(
    value,
    fc.constantFrom(...KIND_NAMES).map((kind) => SPECS[kind]),
  );
  fc.assert(
    fc.property(fc.constantFrom(...KIND_NAMES), spec, value, (kind, wanted, labels) => {
      const result = validate(kind, anObject(kind, wanted, { labels }));
      if (!result.ok) return expect(result.faults.length).toBeGreaterThan(0);
      const again = validate(kind, result.object);
      expect(again.ok && again.object).toEqual(result.object);
    }),
    { numRuns: 500 },
  );
});

describe("an Instance", () => {
  test("without any field is one gateway of its own, reached within the cluster", () => {
    const result = validate("Instance", anObject("Instance", {}));
    expect(result).toMatchObject({
      ok: true,
      object: {
        spec: {
          namespace: "clusterlink-system",
          dataplane: { type: "envoy", replicas: 1 },
          ingress: { type: "none" },
          logLevel: "info",
          tag: "latest",
        },
      },
    });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["no replica", { dataplane: { replicas: 0 } }, "spec.dataplane.replicas FieldValueInvalid"],
    ["eleven replicas", { dataplane: { replicas: 11 } }, "spec.dataplane.replicas FieldValueInvalid"],
    ["another data plane", { dataplane: { type: "rust" } }, "spec.dataplane.type FieldValueNotSupported"],
    ["another ingress", { ingress: { type: "ClusterIP" } }, "spec.ingress.type FieldValueNotSupported"],
    ["another level", { logLevel: "loud" }, "spec.logLevel FieldValueNotSupported"],
    ["a tag with a space", { tag: "a b" }, "spec.tag FieldValueInvalid"],
    ["a label that is none", { peerLabels: { region: "e u" } }, "spec.peerLabels.region FieldValueInvalid"],
  ])("with %s is refused", (_, spec, fault) => {
    expect(faultsOf("Instance", anObject("Instance", spec))).toEqual([fault]);
  });
});
