import { describe, expect, test } from "bun:test";
import { reconcileStandaloneExports } from "../../src/control/reconcile/exports.ts";
import { type ImportSurroundings, reconcileStandaloneImports } from "../../src/control/reconcile/imports.ts";
import { type PeerHealth, reconcilePeers } from "../../src/control/reconcile/peers.ts";
import { reconcilePolicies } from "../../src/control/reconcile/policies.ts";
import { reconcileWorkloads } from "../../src/control/reconcile/workloads.ts";
import type { WantedStatus } from "../../src/control/status-writer.ts";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { ListenerFailure } from "../../src/snapshot/messages.ts";
import { ALLOW_ALL, importOf, object, SYSTEM } from "./objects.ts";

/** A status in one line: `STATUS REASON: message`. */
function told(status: WantedStatus | undefined): string {
  return (status?.conditions ?? []).map(({ status, reason, message }) => `${status} ${reason}: ${message}`).join("\n");
}

describe("an Import without Kubernetes", () => {
  const surroundings: ImportSurroundings = {
    address: "::",
    reserved: new Map([[8443, "the gateway's peer port (--listen)"]]),
    failures: new Map(),
  };
  const older = { creationTimestamp: "2025-01-01T00:00:00Z" };

  test("listens on its targetPort, or else on its port", () => {
    const { rows, statuses } = reconcileStandaloneImports(
      [object("Import", "a", importOf(80)), object("Import", "b", importOf(80, 8080))],
      surroundings,
    );
    expect(rows["default/a"]?.listen).toEqual({ address: "::", port: 80 });
    expect(rows["default/b"]?.listen).toEqual({ address: "::", port: 8080 });
    expect(told(statuses.get("default/b"))).toStartWith("True Listening: Port 8080");
    expect(statuses.get("default/b")?.fields).toEqual({ targetPort: 8080 });
  });

  test("does not get a port of the gateway itself, and is told whose it is", () => {
    const { rows, statuses } = reconcileStandaloneImports([object("Import", "a", importOf(8443))], surroundings);
    expect(rows["default/a"]).not.toHaveProperty("listen");
    expect(told(statuses.get("default/a"))).toStartWith(
      "False PortConflict: Port 8443 is held by the gateway's peer port",
    );
    expect(statuses.get("default/a")?.fields).toBeUndefined();
  });

  test("leaves a port to the older Import, whatever the order of the list", () => {
    const young = object("Import", "a", importOf(80));
    const old = object("Import", "b", importOf(80), older);
    for (const list of [
      [young, old],
      [old, young],
    ]) {
      const { rows, statuses } = reconcileStandaloneImports(list, surroundings);
      expect(rows["default/b"]?.listen?.port).toBe(80);
      expect(rows["default/a"]).not.toHaveProperty("listen");
      expect(told(statuses.get("default/a"))).toContain("held by Import default/b");
    }
  });

  test("keeps the port that it has when an older Import comes to want it", () => {
    const holder = object("Import", "a", importOf(80), {}, { targetPort: 80 });
    const { rows } = reconcileStandaloneImports([object("Import", "b", importOf(80), older), holder], surroundings);
    expect(rows["default/a"]?.listen?.port).toBe(80);
    expect(rows["default/b"]).not.toHaveProperty("listen");
  });

  test("gives up its port when it wants another one", () => {
    const mover = object("Import", "a", importOf(80, 81), {}, { targetPort: 80 });
    const { rows } = reconcileStandaloneImports([object("Import", "b", importOf(80)), mover], surroundings);
    expect(rows["default/a"]?.listen?.port).toBe(81);
    expect(rows["default/b"]?.listen?.port).toBe(80);
  });

  test("tells when the relays cannot bind its port, and stays in the table so that they try again", () => {
    const failure: ListenerFailure = { key: "default/a", port: 80, code: "EACCES", message: "permission denied" };
    const { rows, statuses } = reconcileStandaloneImports([object("Import", "a", importOf(80))], {
      ...surroundings,
      failures: new Map([["default/a", failure]]),
    });
    expect(rows["default/a"]?.listen?.port).toBe(80);
    expect(told(statuses.get("default/a"))).toStartWith(
      "False BindFailed: Port 80 cannot be bound (EACCES): permission denied",
    );
  });
});

describe("an Export without Kubernetes", () => {
  test("needs a host, and has no row without", () => {
    const { rows, statuses } = reconcileStandaloneExports([
      object("Export", "a", { port: 80 }),
      object("Export", "b", { host: "127.0.0.1", port: 80 }, { labels: { app: "web" } }),
    ]);
    expect(rows).toEqual({
      "default/b": { namespace: "default", name: "b", labels: { app: "web" }, host: "127.0.0.1", port: 80 },
    });
    expect(told(statuses.get("default/a"))).toStartWith("False HostMissing");
    expect(told(statuses.get("default/b"))).toStartWith("True Valid");
  });
});

describe("policies", () => {
  test("of both tiers have rows under their own keys", () => {
    const { rows } = reconcilePolicies([
      object("AccessPolicy", "p", ALLOW_ALL),
      object("PrivilegedAccessPolicy", "p", { ...ALLOW_ALL, action: "deny" }),
    ]);
    expect(Object.keys(rows).sort()).toEqual(["privileged/p", "regular/default/p"]);
    expect(rows["privileged/p"]).toMatchObject({ tier: "privileged", spec: { action: "deny" } });
  });

  test("that are not valid are not in force and say why", () => {
    const spec = { ...ALLOW_ALL, from: [{ workloadSets: ["x"] }] } as unknown as AccessPolicySpec;
    const { rows, statuses } = reconcilePolicies([object("AccessPolicy", "p", spec)]);
    expect(rows).toEqual({});
    expect(told(statuses.get("default/p"))).toMatch(/^False Invalid: .*spec\.from\.0/);
  });
});

describe("Workloads", () => {
  test("identify the clients of their blocks, in canonical form", () => {
    const { rows, statuses } = reconcileWorkloads([
      object("Workload", "w", { cidrs: ["10.0.0.7/32", "FD00::/64"], serviceAccount: "sa" }, { labels: { app: "w" } }),
    ]);
    const entry = { namespace: "default", labels: { app: "w" }, serviceAccount: "sa" };
    expect(rows).toEqual({ "10.0.0.7/32": entry, "fd00::/64": entry });
    expect(told(statuses.get("default/w"))).toStartWith("True Valid");
  });

  test("that claim the same block identify nobody there, and both say so", () => {
    const { rows, statuses } = reconcileWorkloads([
      object("Workload", "a", { cidrs: ["fd00::1/128", "10.0.0.1/32"] }),
      object("Workload", "b", { cidrs: ["FD00:0::1/128"] }),
    ]);
    expect(rows["fd00::1/128"]).toMatchObject({ ambiguous: true, labels: {} });
    expect(rows["10.0.0.1/32"]).not.toHaveProperty("ambiguous");
    expect(told(statuses.get("default/a"))).toContain("False AddressClaimedTwice");
    expect(told(statuses.get("default/a"))).toContain("fd00::1/128 (default/b)");
    expect(told(statuses.get("default/b"))).toContain("fd00::1/128 (default/a)");
  });
});

describe("Peers", () => {
  const gateways = [
    { host: "192.0.2.1", port: 8443 },
    { host: "2001:db8::1", port: 8443 },
  ];
  const peer = (status?: object) => object("Peer", "west", { gateways }, { namespace: SYSTEM }, status);
  const reconcile = (one: ReturnType<typeof peer>, health?: PeerHealth) =>
    reconcilePeers([one], { namespace: SYSTEM, health: () => health });

  test("count in the gateway's own namespace only", () => {
    const stray = object("Peer", "west", { gateways });
    const { rows, statuses } = reconcile(stray);
    expect(rows).toEqual({});
    expect(told(statuses.get("default/west"))).toStartWith(
      "False WrongNamespace: Only Peers in namespace clusterlink-system",
    );
  });

  test("count as reachable while nothing is known", () => {
    const { rows, statuses } = reconcile(peer());
    expect(rows.west?.reachable).toEqual([true, true]);
    expect(rows.west).not.toHaveProperty("labels");
    expect(told(statuses.get(`${SYSTEM}/west`))).toStartWith("Unknown Pending");
  });

  test("keep what an earlier control process knew, until there is news", () => {
    const known = { type: "PeerReachable", status: "True", reason: "Heartbeat", message: "m", lastTransitionTime: "t" };
    const { rows, statuses } = reconcile(peer({ labels: { region: "eu" }, conditions: [known] }), {
      gateways: [{ reachable: undefined }, { reachable: undefined }],
    });
    expect(rows.west?.labels).toEqual({ region: "eu" });
    expect(statuses.get(`${SYSTEM}/west`)).toMatchObject({ conditions: [known], fields: { labels: { region: "eu" } } });
  });

  test("are reachable with one gateway that answers", () => {
    const { rows, statuses } = reconcile(peer(), {
      gateways: [{ reachable: true }, { reachable: false, lastError: "no route" }],
      labels: { region: "us" },
    });
    expect(rows.west).toMatchObject({ reachable: [true, false], labels: { region: "us" } });
    expect(told(statuses.get(`${SYSTEM}/west`))).toBe("True Heartbeat: 1 of 2 gateways answer heartbeats.");
  });

  test("are unreachable when all gateways are, and say why of each", () => {
    const { rows, statuses } = reconcile(peer(), {
      gateways: [
        { reachable: false, lastError: "refused" },
        { reachable: false, lastError: "timeout" },
      ],
    });
    expect(rows.west?.reachable).toEqual([false, false]);
    const text = told(statuses.get(`${SYSTEM}/west`));
    expect(text).toStartWith("False NoHeartbeat");
    expect(text).toContain("192.0.2.1:8443: refused; [2001:db8::1]:8443: timeout");
  });
});
