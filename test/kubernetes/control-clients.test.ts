import { describe, expect, test } from "bun:test";
import { projectPod, reconcilePods } from "../../src/control/kubernetes/clients.ts";
import type { Pod } from "../../src/store/kubernetes/resource.ts";

interface Draft {
  ips?: string[];
  phase?: string;
  hostNetwork?: boolean;
  created?: string;
  ending?: boolean;
  account?: string;
}

function pod(
  name: string,
  { ips = ["10.0.0.7"], phase = "Running", hostNetwork, created, ending, account }: Draft = {},
) {
  return {
    metadata: {
      name,
      namespace: "shop",
      uid: name,
      labels: { app: name },
      creationTimestamp: created ?? "2026-01-01T00:00:00Z",
      ...(ending ? { deletionTimestamp: "2026-01-02T00:00:00Z" } : {}),
    },
    spec: {
      containers: [],
      ...(hostNetwork ? { hostNetwork } : {}),
      ...(account ? { serviceAccountName: account } : {}),
    },
    status: { phase, ...(ips.length > 0 ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}) },
  } as Pod;
}

const clients = (...pods: Pod[]) => reconcilePods(pods.flatMap((one) => projectPod(one) ?? []));
const appAt = (rows: ReturnType<typeof clients>, cidr: string) =>
  rows[cidr]?.ambiguous ? "nobody" : rows[cidr]?.labels["app"];

describe("a pod as a client", () => {
  test("has its namespace, service account and labels, at the addresses of both families in canonical form", () => {
    const entry = { namespace: "shop", serviceAccount: "buyer", labels: { app: "a" } };
    expect(clients(pod("a", { ips: ["10.0.0.7", "FD00:0::7"], account: "buyer" }))).toEqual({
      "10.0.0.7/32": entry,
      "fd00::7/128": entry,
    });
  });

  test("has the service account `default` when it names none", () => {
    expect(clients(pod("a"))["10.0.0.7/32"]?.serviceAccount).toBe("default");
  });

  test("is one that nobody can tell when its labels would fill the memory of every relay", () => {
    const large = pod("a");
    large.metadata.labels = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`label-${i}`, "x".repeat(60)]));
    expect(clients(large)).toEqual({ "10.0.0.7/32": { namespace: "shop", labels: {}, ambiguous: true } });
    large.metadata.labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`label-${i}`, "x".repeat(60)]));
    expect(Object.keys(clients(large)["10.0.0.7/32"]?.labels ?? {})).toHaveLength(100);
  });

  test.each([
    ["on its host's network", { hostNetwork: true }],
    ["without an address yet", { ips: [], phase: "Pending" }],
    ["that has succeeded", { phase: "Succeeded" }],
    ["that has failed", { phase: "Failed" }],
  ])("is nobody in particular: one %s", (_, draft) => {
    expect(clients(pod("a", draft))).toEqual({});
  });

  test("is known while it is told to end, since it may still connect", () => {
    expect(appAt(clients(pod("a", { ending: true })), "10.0.0.7/32")).toBe("a");
  });
});

describe("an address that two pods claim", () => {
  const old = pod("old", { created: "2026-01-01T00:00:00Z" });
  const young = pod("young", { created: "2026-01-02T00:00:00Z" });
  const rule = (name: string, pods: Pod[], holder: string) =>
    test(name, () => {
      expect(appAt(clients(...pods), "10.0.0.7/32")).toBe(holder);
      expect(appAt(clients(...pods.toReversed()), "10.0.0.7/32")).toBe(holder);
    });

  rule("is the newer one's", [old, young], "young");
  rule("is not a finished pod's", [pod("done", { phase: "Succeeded", created: "2026-01-03T00:00:00Z" }), old], "old");
  rule(
    "is not that of one which was told to end",
    [old, pod("going", { created: "2026-01-03T00:00:00Z", ending: true })],
    "old",
  );
  rule("is nobody's when they are of the same second", [old, pod("twin")], "nobody");
  rule("is the newest one's, whoever quarrels below", [old, young, pod("twin")], "young");
  rule(
    "is nobody's when the two newest are of the same second",
    [old, young, pod("twin", { created: "2026-01-02T00:00:00Z" })],
    "nobody",
  );
});
