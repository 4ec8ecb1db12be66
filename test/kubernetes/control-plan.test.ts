import { describe, expect, test } from "bun:test";
import { sliceReclaim } from "../../src/control/kubernetes/desired-slices.ts";
import { importOfSlice, isOfGateway } from "../../src/control/kubernetes/ownership.ts";
import { planOf, type Scene } from "../../src/control/kubernetes/plan.ts";
import type { Write } from "../../src/control/kubernetes/write.ts";
import type { ImportResource } from "../../src/resources/kinds.ts";
import { MERGE_LABEL } from "../../src/resources/meta.ts";
import type { EndpointSlice, KubeMeta, Service } from "../../src/store/kubernetes/resource.ts";
import { importOf, object } from "../control/objects.ts";

const web = object("Import", "web", importOf(80), { uid: "import-uid" });
const merging = object("Import", "web", importOf(80), { uid: "import-uid", labels: { [MERGE_LABEL]: "true" } });

const OWNED = {
  "app.kubernetes.io/managed-by": "clusterlink.net",
  "clusterlink.net/import-name": "web",
  "clusterlink.net/import-namespace": "default",
};

function gatewaySlice(name: string, addressType = "IPv4", addresses = ["10.244.0.5"]): EndpointSlice {
  return {
    metadata: {
      name,
      namespace: "clusterlink-system",
      labels: { "kubernetes.io/service-name": "clusterlink" },
    },
    addressType,
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: "node",
    })),
    ports: [{ name: "peer", port: 8443, protocol: "TCP" }],
  };
}

function service(metadata: Partial<KubeMeta>, spec: object): Service {
  return {
    metadata: { name: "web", namespace: "default", uid: "service-uid", resourceVersion: "7", ...metadata },
    spec: { type: "ClusterIP", clusterIP: "10.96.0.9", ...spec },
  } as Service;
}

function scene(more: Partial<Scene> = {}): Scene {
  return {
    key: "default/web",
    imported: web,
    port: 12_345,
    service: undefined,
    strays: [],
    slices: [],
    ours: (slice) => importOfSlice(slice) !== undefined && isOfGateway(slice, "clusterlink-system"),
    gateway: [gatewaySlice("clusterlink-abc")],
    gatewayService: "clusterlink-system/clusterlink",
    ...more,
  };
}

/** What each write does, in a line: `create services default/web`. */
function lines(writes: readonly Write[]): string[] {
  return writes.map((write) => {
    const { namespace, name } = write.verb === "create" ? write.object.metadata : write.object;
    return `${write.verb} ${write.resource.plural} ${namespace}/${name}`;
  });
}

function created(scene: Scene): { service: Service; slices: EndpointSlice[] } {
  const objects = planOf(scene).writes.flatMap((write) => (write.verb === "create" ? [write] : []));
  const of = (plural: string) =>
    objects.filter(({ resource }) => resource.plural === plural).map((each) => each.object);
  return { service: of("services")[0] as Service, slices: of("endpointslices") as EndpointSlice[] };
}

/** The scene after its plan was carried out: creations only. */
function settled(before: Scene): Scene {
  const { service: made, slices } = created(before);
  const stored = <T extends { metadata: KubeMeta }>(one: T): T => ({
    ...one,
    metadata: { ...one.metadata, uid: `uid of ${one.metadata.name}`, resourceVersion: "1" },
  });
  return { ...before, service: made && stored(made), slices: slices.map(stored) };
}

function told(plan: ReturnType<typeof planOf>): string {
  const { status, reason, message } = plan.condition ?? { status: "none", reason: "", message: "" };
  return `${status} ${reason}: ${message}`;
}

describe("a new Import", () => {
  test("gets a Service with a cluster IP and no selector, labelled as ours and owned by the Import", () => {
    expect(created(scene()).service).toEqual({
      metadata: {
        name: "web",
        namespace: "default",
        labels: OWNED,
        ownerReferences: [{ apiVersion: "clusterlink.net/v1alpha1", kind: "Import", name: "web", uid: "import-uid" }],
      },
      spec: { type: "ClusterIP", ports: [{ port: 80, protocol: "TCP", targetPort: 12_345 }] },
    } as Service);
  });

  test("gets one EndpointSlice for each of the gateway's and of each family, with the same endpoints on its own port", () => {
    const gateway = [
      gatewaySlice("clusterlink-a"),
      gatewaySlice("clusterlink-b", "IPv4", ["10.244.1.5", "10.244.1.6"]),
      gatewaySlice("clusterlink-a6", "IPv6", ["fd00::5"]),
      gatewaySlice("clusterlink-names", "FQDN", ["gateway.example"]),
    ];
    const { service: made, slices } = created(scene({ gateway }));
    expect(slices.map(({ addressType, endpoints }) => [addressType, endpoints])).toEqual(
      gateway.slice(0, 3).map(({ addressType, endpoints }) => [addressType, endpoints]),
    );
    for (const slice of slices) {
      expect(slice.ports).toEqual([{ name: "", port: 12_345, protocol: "TCP" }]);
      expect(slice.metadata.labels).toMatchObject({
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "clusterlink.net",
        "clusterlink.net/gateway-namespace": "clusterlink-system",
      });
    }
    expect(new Set(slices.map(({ metadata }) => metadata.name)).size).toBe(3);
    expect(made.spec?.ipFamilyPolicy).toBe("PreferDualStack");
  });

  test("has its Service in place, and says so", () => {
    expect(told(planOf(settled(scene())))).toBe("True Ready: Service default/web leads to the gateway.");
  });

  test("is left alone from then on", () => {
    expect(lines(planOf(settled(scene())).writes)).toEqual([]);
  });

  test("has a valid Service without endpoints while the gateway has none, and is told why", () => {
    const plan = planOf(scene({ gateway: [] }));
    expect(lines(plan.writes)).toEqual(["create services default/web"]);
    expect(told(plan)).toContain(
      "True NoGatewayEndpoints: Service default/web leads to the gateway. But it has no end",
    );
    expect(told(plan)).toContain("Service clusterlink-system/clusterlink, the gateway's own, has no EndpointSlices");
  });

  test("waits for a port", () => {
    const plan = planOf(scene({ port: undefined }));
    expect(plan.writes).toEqual([]);
    expect(told(plan)).toBe("False NoPort: The gateway listens on no port for it; ImportTargetPortValid says why.");
  });

  test("cannot have a Service when its name is none for Services", () => {
    const numbered = object("Import", "1web", importOf(80));
    const plan = planOf(scene({ key: "default/1web", imported: numbered }));
    expect(plan.writes).toEqual([]);
    expect(told(plan)).toStartWith('False NameInvalid: A Service cannot be called "1web"');
  });

  test("waits until a Service of its name is gone that is being deleted", () => {
    const going = settled(scene()).service as Service;
    const marked = { ...going, metadata: { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    const plan = planOf(scene({ service: marked }));
    expect(plan.writes).toEqual([]);
    expect(told(plan)).toStartWith("False ServiceDeleting: Service default/web is being deleted");
  });
});

describe("a Service that somebody else has", () => {
  test.each([
    [
      "its controller",
      { ownerReferences: [{ apiVersion: "v1", kind: "Shop", name: "s", uid: "u", controller: true }] },
      "it belongs to Shop s",
    ],
    ["its label", { labels: { "app.kubernetes.io/managed-by": "Helm" } }, "it is managed by Helm"],
    ["who wrote it first", { managedFields: [{ manager: "kubectl-create" }] }, "it was made by kubectl-create"],
    ["nobody", {}, "it is not labelled as the gateway's"],
    [
      "only one of our labels",
      { labels: { "app.kubernetes.io/managed-by": "clusterlink.net" } },
      "it is not labelled as the gateway's",
    ],
  ])("is left alone, and the condition says whose it is by %s", (_, metadata, whose) => {
    const plan = planOf(scene({ service: service(metadata as Partial<KubeMeta>, { ports: [{ port: 80 }] }) }));
    expect(plan.writes).toEqual([]);
    expect(told(plan)).toStartWith("False ServiceConflict: There is a Service default/web already");
    expect(told(plan)).toContain(whose);
  });

  test("gets none of our endpoints any more", () => {
    const { slices } = settled(scene());
    const plan = planOf(scene({ service: service({}, {}), slices }));
    expect(lines(plan.writes)).toEqual([`delete endpointslices default/${slices[0]?.metadata.name}`]);
  });
});

describe("a Service of ours that was changed", () => {
  const before = settled(scene());
  const changed = (spec: object, metadata: object = {}) => {
    const { service: made } = before;
    const edited = { ...made, metadata: { ...made?.metadata, ...metadata }, spec: { ...made?.spec, ...spec } };
    const [write] = planOf({ ...before, service: edited as Service }).writes;
    return write?.verb === "patch" ? write.patch : write;
  };
  const resourceVersion = "1";
  const port = { port: 80, protocol: "TCP", targetPort: 12_345 };

  test.each([
    ["its type", { type: "LoadBalancer" }, { type: "ClusterIP" }],
    ["a selector", { selector: { app: "x" } }, { selector: null }],
    ["its port", { ports: [{ ...port, port: 81 }] }, { ports: [port] }],
    ["its target port", { ports: [{ ...port, targetPort: 1 }] }, { ports: [port] }],
    ["a second port", { ports: [port, { port: 81, name: "b" }] }, { ports: [port] }],
    ["a port's name", { ports: [{ ...port, name: "http" }] }, { ports: [port] }],
    [
      "an external name",
      { type: "ExternalName", externalName: "x.example" },
      { type: "ClusterIP", externalName: null },
    ],
  ])("is put right: %s", (_, spec, patch) => {
    expect(changed(spec)).toEqual({ metadata: { resourceVersion }, spec: patch });
  });

  test("gets its labels back, and an owner that is the Import of today", () => {
    expect(changed({}, { labels: { ...OWNED, "clusterlink.net/import-name": "old" } })).toEqual({
      metadata: { resourceVersion, labels: { "clusterlink.net/import-name": "web" } },
    });
    const former = { apiVersion: "clusterlink.net/v1alpha1", kind: "Import", name: "web", uid: "former" };
    const other = { apiVersion: "v1", kind: "ConfigMap", name: "c", uid: "u" };
    expect(changed({}, { ownerReferences: [former, other] })).toEqual({
      metadata: { resourceVersion, ownerReferences: [other, { ...former, uid: "import-uid" }] },
    });
  });

  test.each([
    ["labels of others", {}, { labels: { ...OWNED, team: "shop" } }],
    ["annotations", {}, { annotations: { note: "x" } }],
    ["session affinity", { sessionAffinity: "ClientIP" }, {}],
    ["what the server fills in", { ports: [{ ...port, nodePort: 30_000 }], ipFamilyPolicy: "SingleStack" }, {}],
  ])("keeps %s", (_, spec, metadata) => {
    expect(changed(spec, metadata)).toBeUndefined();
  });

  test("follows the Import's port and target port", () => {
    const imported = object("Import", "web", importOf(8080), { uid: "import-uid" });
    const { writes } = planOf({ ...before, imported, port: 20_000 });
    expect(writes.map((write) => (write.verb === "patch" ? write.patch : write))).toEqual([
      { metadata: { resourceVersion }, spec: { ports: [{ port: 8080, protocol: "TCP", targetPort: 20_000 }] } },
      { metadata: { resourceVersion }, ports: [{ name: "", port: 20_000, protocol: "TCP" }] },
    ]);
  });
});

describe("the EndpointSlices of an Import", () => {
  const before = settled(scene());
  const [slice] = before.slices;

  test("follow the gateway's: endpoints change, slices come before others go", () => {
    const moved = gatewaySlice("clusterlink-abc", "IPv4", ["10.244.0.6"]);
    const { writes } = planOf({ ...before, gateway: [moved] });
    expect(writes.map((write) => (write.verb === "patch" ? write.patch : write))).toEqual([
      { metadata: { resourceVersion: "1" }, endpoints: moved.endpoints },
    ]);
    const replaced = planOf({ ...before, gateway: [gatewaySlice("clusterlink-new")] }).writes;
    expect(replaced.map(({ verb }) => verb)).toEqual(["create", "delete"]);
  });

  test("go when the gateway's are gone", () => {
    expect(lines(planOf({ ...before, gateway: [] }).writes)).toEqual([
      `delete endpointslices default/${slice?.metadata.name}`,
    ]);
  });

  test("go when the Import loses its port: another one may be listening there", () => {
    expect(lines(planOf({ ...before, port: undefined }).writes)).toEqual([
      `delete endpointslices default/${slice?.metadata.name}`,
    ]);
  });

  test("are put right when they were changed", () => {
    const edited = { ...slice, ports: [{ name: "", port: 1, protocol: "TCP" }], endpoints: [] } as EndpointSlice;
    const [write] = planOf({ ...before, slices: [edited] }).writes;
    expect(write?.verb === "patch" ? write.patch : write).toEqual({
      metadata: { resourceVersion: "1" },
      endpoints: slice?.endpoints,
      ports: slice?.ports,
    });
  });

  test.each(["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"])(
    "are the Service's only ones: those that %s left of a selector go, with the Endpoints they may come from",
    (manager) => {
      const left = {
        ...gatewaySlice("web-left"),
        metadata: {
          name: "web-left",
          namespace: "default",
          uid: "u",
          labels: { "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": manager },
        },
      };
      expect(lines(planOf({ ...before, slices: [...before.slices, left] }).writes)).toEqual([
        "delete endpoints default/web",
        "delete endpointslices default/web-left",
      ]);
    },
  );

  test("of a gateway in another namespace stay, and one that does not say whose it is goes if it is not needed", () => {
    const labels = {
      "kubernetes.io/service-name": "web",
      "endpointslice.kubernetes.io/managed-by": "clusterlink.net",
    };
    const made = (name: string, more: Record<string, string> = {}) => ({
      ...gatewaySlice(name),
      metadata: { name, namespace: "default", uid: name, labels: { ...labels, ...more } },
    });
    const other = made("of-another", { "clusterlink.net/gateway-namespace": "other-system" });
    expect(planOf({ ...before, slices: [...before.slices, other] }).writes).toEqual([]);
    expect(lines(planOf({ ...before, imported: undefined, slices: [other] }).writes)).toEqual([
      "delete services default/web",
    ]);
    expect(lines(planOf({ ...before, slices: [...before.slices, made("of-old")] }).writes)).toEqual([
      "delete endpointslices default/of-old",
    ]);
  });

  test("have other names than those of a gateway in another namespace", () => {
    const [own] = created(scene()).slices;
    const there = gatewaySlice("clusterlink-abc");
    const moved = { ...there, metadata: { ...there.metadata, namespace: "other-system" } };
    const [other] = created(scene({ gateway: [moved] })).slices;
    expect(other?.metadata.name).not.toBe(own?.metadata.name as string);
  });

  test.each<[string, Partial<KubeMeta>, boolean]>([
    ["has lost the labels that it is known by", {}, true],
    ["was made for another Import", { labels: { "clusterlink.net/import-name": "api" } }, false],
    [
      "is that of a gateway in another namespace",
      { labels: { "clusterlink.net/gateway-namespace": "other-system" } },
      false,
    ],
    ["is being deleted", { deletionTimestamp: "2026-01-01T00:00:00Z" }, false],
  ])("one that stands in the way and %s", (_, metadata, reclaimed) => {
    const [wanted] = created(scene()).slices as [EndpointSlice];
    const labels = {
      "clusterlink.net/import-name": "web",
      "clusterlink.net/import-namespace": "default",
      ...metadata.labels,
    };
    const present = {
      ...wanted,
      endpoints: [],
      metadata: { ...wanted.metadata, resourceVersion: "5", ...metadata, labels },
    };
    const write = sliceReclaim(present, wanted);
    if (!reclaimed) expect(write).toBeUndefined();
    else {
      expect(write?.verb === "patch" ? write.patch : write).toEqual({
        metadata: { resourceVersion: "5", labels: wanted.metadata.labels },
        endpoints: wanted.endpoints,
        ports: wanted.ports,
      });
    }
  });

  test("of somebody else by hand stay", () => {
    const labels = { "kubernetes.io/service-name": "web" };
    const foreign = { ...gatewaySlice("by-hand"), metadata: { name: "by-hand", namespace: "default", labels } };
    expect(planOf({ ...before, slices: [...before.slices, foreign] }).writes).toEqual([]);
  });
});

describe("an Import that is deleted", () => {
  test("takes its Service and EndpointSlices with it, at the versions that are known", () => {
    const before = settled(scene());
    const { writes, condition } = planOf({ ...before, imported: undefined });
    expect(lines(writes)).toEqual([
      `delete endpointslices default/${before.slices[0]?.metadata.name}`,
      "delete services default/web",
    ]);
    expect(writes[1]).toMatchObject({ preconditions: { uid: "uid of web", resourceVersion: "1" } });
    expect(condition).toBeUndefined();
  });

  test("takes nothing that is not ours", () => {
    expect(planOf(scene({ imported: undefined, service: service({}, {}) })).writes).toEqual([]);
  });

  test("takes nothing that is being deleted already", () => {
    const { service: made } = settled(scene());
    const going = { ...made, metadata: { ...made?.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } } as Service;
    expect(planOf(scene({ imported: undefined, service: going })).writes).toEqual([]);
  });
});

describe("what ClusterLink left", () => {
  const left = service({ labels: OWNED }, { type: "ExternalName", externalName: "import-web.clusterlink-system.svc" });
  const system = {
    ...service({ labels: OWNED }, { selector: { app: "cl-dataplane" } }),
    metadata: { name: "import-web", namespace: "clusterlink-system", labels: OWNED, uid: "s", resourceVersion: "3" },
  };

  test("is converted where it is needed and removed where it is not", () => {
    const plan = planOf(scene({ service: left, strays: [system] }));
    expect(lines(plan.writes)).toMatchObject([
      "patch services default/web",
      expect.stringContaining("create endpointslices default/"),
      "delete services clusterlink-system/import-web",
    ]);
    expect(plan.writes[0]).toMatchObject({
      patch: { spec: { type: "ClusterIP", externalName: null, ports: [{ port: 80, targetPort: 12_345 }] } },
    });
  });

  test("is removed with its Import", () => {
    expect(lines(planOf(scene({ imported: undefined, service: left, strays: [system] })).writes)).toEqual([
      "delete services default/web",
      "delete services clusterlink-system/import-web",
    ]);
  });
});

describe("an Import that merges", () => {
  const existing = service(
    {},
    {
      selector: { app: "web" },
      ports: [
        { name: "http", port: 80 },
        { name: "admin", port: 81 },
      ],
    },
  );

  test("adds endpoints to the Service's port of its number, by that port's name, and leaves the Service alone", () => {
    const plan = planOf(scene({ imported: merging, service: existing }));
    expect(plan.writes.map(({ verb, resource }) => `${verb} ${resource.plural}`)).toEqual(["create endpointslices"]);
    expect(created(scene({ imported: merging, service: existing })).slices[0]?.ports).toEqual([
      { name: "http", port: 12_345, protocol: "TCP" },
    ]);
    expect(told(plan)).toBe("True Merged: The gateway is among the endpoints of Service default/web.");
  });

  test.each([
    ["there is none", undefined, "ServiceMissing: There is no Service default/web to merge into"],
    [
      "it lacks the port",
      service({}, { ports: [{ port: 81 }, { port: 80, protocol: "UDP" }] }),
      "PortMissing: Service default/web has no TCP port 80 (it has 81)",
    ],
    [
      "it is headless",
      service({}, { clusterIP: "None", ports: [{ port: 80 }] }),
      "ServiceUnsuitable: Service default/web is headless",
    ],
    [
      "it is an external name",
      service({}, { type: "ExternalName", externalName: "x" }),
      "ServiceUnsuitable: Service default/web is of type ExternalName",
    ],
  ])("cannot into a Service when %s, and takes back what it added", (_, target, message) => {
    const { slices } = settled(scene({ imported: merging, service: existing }));
    const plan = planOf(scene({ imported: merging, service: target, slices }));
    expect(lines(plan.writes)).toEqual([`delete endpointslices default/${slices[0]?.metadata.name}`]);
    expect(told(plan)).toStartWith(`False ${message}`);
  });

  test("removes the Service that was made for it before it did", () => {
    const before = settled(scene());
    const plan = planOf({ ...before, imported: merging as ImportResource });
    expect(lines(plan.writes)).toContain("delete services default/web");
    expect(told(plan)).toStartWith("False ServiceMissing");
  });

  test("takes its endpoints back when it is deleted, and leaves the Service", () => {
    const { slices } = settled(scene({ imported: merging, service: existing }));
    expect(lines(planOf(scene({ imported: undefined, service: existing, slices })).writes)).toEqual([
      `delete endpointslices default/${slices[0]?.metadata.name}`,
    ]);
  });
});
