import { describe, expect, test } from "bun:test";
import { ExplainTargetError, explain } from "../../src/control/explain.ts";
import type { AccessPolicySpec } from "../../src/resources/access-policy.ts";
import type { PolicyEntry, Tables } from "../../src/snapshot/tables.ts";
import { ALLOW_ALL } from "./objects.ts";

const APP = "client.clusterlink.net/labels.app";

/** Site east: an Import of two sources, an Export, and clients with the label app=web in 10.0.0.0/8. */
function tables(...policies: PolicyEntry[]): Tables {
  const certificates = { ca: "", cert: "", key: "", name: "east", notAfter: 0 };
  const source = (peer: string) => ({ peer, exportName: "db", exportNamespace: "data" });
  return {
    site: {
      self: {
        name: "east",
        instance: "i",
        labels: { region: "eu" },
        listen: { address: "::", port: 8443 },
        certificates,
        authzKey: "",
        clientsFresh: true,
        deadlines: { handshake: 1, open: 1, dial: 1, grace: 1 },
      },
    },
    imports: {
      "shop/db": {
        namespace: "shop",
        name: "db",
        labels: {},
        sources: [source("west"), source("north"), source("gone")],
        lbScheme: "static",
      },
    },
    exports: { "data/pg": { namespace: "data", name: "pg", labels: { tier: "db" }, host: "::1", port: 5432 } },
    policies: Object.fromEntries(
      policies.map((policy) => [`${policy.tier}/${policy.namespace}/${policy.name}`, policy]),
    ),
    peers: {
      west: { name: "west", gateways: [{ host: "w", port: 1 }], reachable: [false], labels: { region: "us" } },
      north: { name: "north", gateways: [{ host: "n", port: 1 }], reachable: [true] },
    },
    clients: { "10.0.0.0/8": { namespace: "shop", labels: { app: "web" } } },
  };
}

function regular(name: string, spec: AccessPolicySpec, namespace = "shop"): PolicyEntry {
  return { tier: "regular", namespace, name, spec };
}

const webOnly: AccessPolicySpec = { ...ALLOW_ALL, from: [{ workloadSelector: { matchLabels: { [APP]: "web" } } }] };
const query = (address: string) => ({ side: "client", import: "shop/db", client: { address } }) as const;

describe("explaining an Import", () => {
  test("identifies the client by its address, as relays do", () => {
    const explained = explain(query("::ffff:10.1.2.3"), tables(regular("web", webOnly)), {});
    expect(explained.allowed).toBe(true);
    expect(explained.decidedBy).toBe("shop/web");
    expect(explained.from).toMatchObject({ "peer.clusterlink.net/name": "east", [APP]: "web" });
  });

  test("tells that a client is unknown, and that the default denies it then", () => {
    const explained = explain(query("192.0.2.1"), tables(regular("web", webOnly)), {});
    expect(explained.allowed).toBe(false);
    expect(explained.decidedBy).toBe("default-deny");
    expect(explained.unknown).toContain("client.clusterlink.net/*");
    expect(explained.candidates[0]?.considered).toMatchObject([
      { policy: "shop/web", from: "unknown", decisive: false },
    ]);
  });

  test("takes attributes in place of an address", () => {
    const attributes = { "client.clusterlink.net/namespace": "other", [APP]: "web" };
    const explained = explain({ ...query(""), client: { attributes } }, tables(regular("web", webOnly)), {});
    expect(explained.allowed).toBe(true);
    expect(explained.from).toMatchObject(attributes);
  });

  test("lists reachable sources first, unreachable ones next, and last those that are never tried", () => {
    const explained = explain(query("10.0.0.1"), tables(regular("all", ALLOW_ALL)), {});
    expect(explained.candidates.map(({ source }) => source?.peer)).toEqual(["north", "west", "gone"]);
    expect(explained.candidates[2]?.reason).toContain("never tried");
    expect(explained.summary).toContain("source north comes first");
  });

  test("chooses the first source that a policy allows", () => {
    const toWest: AccessPolicySpec = {
      ...ALLOW_ALL,
      to: [{ workloadSelector: { matchLabels: { "peer.clusterlink.net/name": "west" } } }],
    };
    const explained = explain(query("10.0.0.1"), tables(regular("west", toWest)), {});
    expect(explained.allowed).toBe(true);
    expect(explained.candidates.map(({ allowed }) => allowed)).toEqual([false, true, false]);
    expect(explained.summary).toContain("source west comes first");
  });

  test("takes a source for what it is where its peer has the name of what every object inherits", () => {
    const strange = tables(regular("all", ALLOW_ALL));
    const [shop] = Object.values(strange.imports);
    shop?.sources.splice(0, 3, { peer: "constructor", exportName: "db", exportNamespace: "data" });
    const explained = explain(query("10.0.0.1"), strange, {});
    expect(explained.candidates[0]?.reason).toContain("never tried");
    expect(explained.candidates[0]?.to).not.toHaveProperty("peer.clusterlink.net/labels.name");
    expect(() => explain({ ...query("10.0.0.1"), import: "toString" }, strange, {})).toThrow(ExplainTargetError);
  });

  test("does not count a source without a Peer, even where a policy allows it", () => {
    const lonely = tables(regular("all", ALLOW_ALL));
    lonely.peers = {};
    const explained = explain(query("10.0.0.1"), lonely, {});
    expect(explained.allowed).toBe(false);
    expect(explained.summary).toContain("No source of Import shop/db has a Peer");
  });

  test("believes the labels of a tunnel before those of a heartbeat", () => {
    const explained = explain(query("10.0.0.1"), tables(), { west: { region: "moon" } });
    const west = explained.candidates.find(({ source }) => source?.peer === "west");
    expect(west?.to).toMatchObject({ "peer.clusterlink.net/labels.region": "moon" });
  });

  test("identifies nobody while identities are too old", () => {
    const stale = tables(regular("web", webOnly));
    stale.site.self.clientsFresh = false;
    expect(explain(query("10.0.0.1"), stale, {}).allowed).toBe(false);
  });

  test("of a name that is not there is an error that names it", () => {
    const missing = () => explain({ ...query("10.0.0.1"), import: "shop/nope" }, tables(), {});
    expect(missing).toThrow(ExplainTargetError);
    expect(missing).toThrow('"shop/nope"');
  });
});

describe("explaining an Export", () => {
  const asked = (attributes: Record<string, string>) =>
    ({ side: "server", export: "data/pg", peer: "west", client: { attributes } }) as const;

  test("judges by the policies of the Export's namespace, with the peer's claims about its client", () => {
    const known = { "client.clusterlink.net/namespace": "shop", [APP]: "web" };
    const explained = explain(asked(known), tables(regular("web", webOnly, "data")), {});
    expect(explained).toMatchObject({ allowed: true, decidedBy: "data/web", unknown: [] });
    expect(explained.candidates).toHaveLength(1);
    expect(explained.candidates[0]).toMatchObject({
      reason: "[::1]:5432 would be dialled",
      to: { "peer.clusterlink.net/name": "east", "export.clusterlink.net/labels.tier": "db" },
    });
  });

  test("does not believe claims about the peer itself", () => {
    const explained = explain(asked({ "peer.clusterlink.net/name": "east" }), tables(), {});
    expect(explained.from["peer.clusterlink.net/name"]).toBe("west");
  });

  test("of a name that is not there is an error", () => {
    expect(() => explain({ ...asked({}), export: "data/nope" }, tables(), {})).toThrow(ExplainTargetError);
  });
});
