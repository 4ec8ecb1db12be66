import { describe, expect, test } from "bun:test";
import {
  attributesFromPeer,
  destinationAttributes,
  type PeerClaims,
  sourceAttributes,
} from "../../src/policy/endpoints.ts";

describe("attributes of a connection's ends", () => {
  test("a client's namespace, service account and labels", () => {
    const client = { namespace: "shop", serviceAccount: "web", labels: { app: "web" } };
    const source = sourceAttributes({ name: "east", labels: { region: "eu" } }, client);
    expect({ ...source.values }).toEqual({
      "peer.clusterlink.net/name": "east",
      "peer.clusterlink.net/labels.region": "eu",
      "client.clusterlink.net/namespace": "shop",
      "client.clusterlink.net/service-account": "web",
      "client.clusterlink.net/labels.app": "web",
    });
    expect([source.clientKnown, source.peerLabelsKnown]).toEqual([true, true]);
  });

  test("a client of whom another site claims more than 9 KiB is one that nobody can tell", () => {
    const claims = (size: number) => ({
      "client.clusterlink.net/namespace": "shop",
      ...Object.fromEntries(
        Array.from({ length: 64 }, (_, i) => [
          `client.clusterlink.net/labels.${"k".repeat(60)}${i + 10}`,
          "v".repeat(size),
        ]),
      ),
    });
    for (const dialect of ["clusterlink/2", "http"] as const) {
      const most = attributesFromPeer({ name: "east" }, claims(66), dialect);
      expect([most.clientKnown, Object.keys(most.values).length]).toEqual([true, 66]);
      const more = attributesFromPeer({ name: "east" }, claims(90), dialect);
      expect([more.clientKnown, { ...more.values }]).toEqual([false, { "peer.clusterlink.net/name": "east" }]);
    }
  });

  test("an unidentified client is unknown as a whole", () => {
    for (const client of [undefined, { namespace: "shop", labels: { app: "web" }, ambiguous: true as const }]) {
      const source = sourceAttributes({ name: "east", labels: {} }, client);
      expect({ ...source.values }).toEqual({ "peer.clusterlink.net/name": "east" });
      expect(source.clientKnown).toBe(false);
    }
  });

  test("a site whose labels nobody has told has unknown labels, one that has none has empty ones", () => {
    expect(sourceAttributes({ name: "east" }, undefined).peerLabelsKnown).toBe(false);
    expect(sourceAttributes({ name: "east", labels: {} }, undefined).peerLabelsKnown).toBe(true);
  });

  test("an export with its labels, without a client", () => {
    const to = destinationAttributes({ name: "west" }, { name: "orders", namespace: "shop", labels: { tier: "db" } });
    expect({ ...to.values }).toEqual({
      "peer.clusterlink.net/name": "west",
      "export.clusterlink.net/name": "orders",
      "export.clusterlink.net/namespace": "shop",
      "export.clusterlink.net/labels.tier": "db",
    });
    expect([to.clientKnown, to.peerLabelsKnown]).toEqual([true, false]);
  });

  test("values have no prototype that a selector could hit", () => {
    expect(Object.getPrototypeOf(sourceAttributes({ name: "east" }, undefined).values)).toBeNull();
  });
});

describe("what is believed of a peer's claims", () => {
  const peer = { name: "east", labels: { region: "eu" } };
  const NAMESPACE = { "client.clusterlink.net/namespace": "shop" };
  const cases: [string, PeerClaims, "clusterlink/2" | "http", Record<string, string>, boolean][] = [
    [
      "its clients' attributes",
      { ...NAMESPACE, "client.clusterlink.net/labels.app": "web" },
      "clusterlink/2",
      { ...NAMESPACE, "client.clusterlink.net/labels.app": "web", "peer.clusterlink.net/labels.region": "eu" },
      true,
    ],
    [
      "never another's name",
      { ...NAMESPACE, "peer.clusterlink.net/name": "west" },
      "http",
      { ...NAMESPACE, "peer.clusterlink.net/labels.region": "eu" },
      true,
    ],
    [
      "no attributes of exports, nor any other key",
      { ...NAMESPACE, "export.clusterlink.net/name": "x", role: "admin" },
      "http",
      { ...NAMESPACE, "peer.clusterlink.net/labels.region": "eu" },
      true,
    ],
    [
      "no labels of its own in an OPEN: HELLO has told them",
      { ...NAMESPACE, "peer.clusterlink.net/labels.region": "us" },
      "clusterlink/2",
      { ...NAMESPACE, "peer.clusterlink.net/labels.region": "eu" },
      true,
    ],
    [
      "its labels in the HTTP dialect, instead of the heartbeat's",
      { ...NAMESPACE, "peer.clusterlink.net/labels.zone": "1" },
      "http",
      { ...NAMESPACE, "peer.clusterlink.net/labels.zone": "1" },
      true,
    ],
    [
      "no client without a namespace, whatever else is claimed",
      { "client.clusterlink.net/labels.app": "web" },
      "clusterlink/2",
      { "peer.clusterlink.net/labels.region": "eu" },
      false,
    ],
    ["an empty claim is an unidentified client", {}, "http", { "peer.clusterlink.net/labels.region": "eu" }, false],
    [
      "a key that every object inherits is no claim",
      JSON.parse('{"__proto__": "x"}'),
      "http",
      { "peer.clusterlink.net/labels.region": "eu" },
      false,
    ],
  ];
  for (const [rule, claims, dialect, values, clientKnown] of cases) {
    test(rule, () => {
      const source = attributesFromPeer(peer, claims, dialect);
      expect({ ...source.values }).toEqual({ "peer.clusterlink.net/name": "east", ...values });
      expect(source.clientKnown).toBe(clientKnown);
      expect(source.peerLabelsKnown).toBe(true);
    });
  }

  test("labels are unknown while neither HELLO, heartbeat nor claim has told them", () => {
    expect(attributesFromPeer({ name: "east" }, NAMESPACE, "http").peerLabelsKnown).toBe(false);
    const claims = { "peer.clusterlink.net/labels.zone": "1" };
    expect(attributesFromPeer({ name: "east" }, claims, "http").peerLabelsKnown).toBe(true);
    expect(attributesFromPeer({ name: "east" }, claims, "clusterlink/2").peerLabelsKnown).toBe(false);
  });
});
