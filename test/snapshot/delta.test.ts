import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { applyDelta, buildsOn, diffTables } from "../../src/snapshot/delta.ts";
import type { ImportEntry, SiteEntry, Tables } from "../../src/snapshot/tables.ts";

const site: SiteEntry = {
  name: "east",
  instance: "i",
  labels: {},
  listen: { address: "::", port: 8443 },
  certificates: { ca: "ca", cert: "cert", key: "key", name: "east", notAfter: 1 },
  authzKey: "a2V5",
  clientsFresh: true,
  deadlines: { handshake: 1, open: 1, dial: 1, grace: 1 },
};

const key = fc.constantFrom("ns/a", "ns/b", "ns/c", "other/a", "other/b");
const labels = fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("1", "2"), { maxKeys: 2 });
const imports: fc.Arbitrary<ImportEntry> = fc.record(
  {
    namespace: fc.constant("ns"),
    name: fc.constantFrom("a", "b"),
    labels,
    listen: fc.record({ address: fc.constant("::"), port: fc.integer({ min: 1, max: 3 }) }),
    sources: fc.array(
      fc.record({
        peer: fc.constantFrom("p", "q"),
        exportName: fc.constant("e"),
        exportNamespace: fc.constant("ns"),
      }),
      { maxLength: 2 },
    ),
    lbScheme: fc.constantFrom("random", "static"),
  },
  { requiredKeys: ["namespace", "name", "labels", "sources", "lbScheme"] },
);

const tables: fc.Arbitrary<Tables> = fc.record({
  site: fc.record({
    self: fc.tuple(fc.boolean(), labels).map(([clientsFresh, labels]) => ({ ...site, clientsFresh, labels })),
  }),
  imports: fc.dictionary(key, imports),
  exports: fc.dictionary(
    key,
    fc.record({
      namespace: fc.constant("ns"),
      name: fc.constant("a"),
      labels,
      host: fc.constantFrom("h", "i"),
      port: fc.constant(1),
    }),
  ),
  policies: fc.dictionary(
    key,
    fc.record({
      tier: fc.constantFrom("privileged", "regular"),
      name: fc.constant("p"),
      spec: fc.record({
        action: fc.constantFrom("allow", "deny"),
        from: fc.constant([{ workloadSelector: {} }]),
        to: fc.constant([{ workloadSelector: {} }]),
      }),
    }),
  ),
  peers: fc.dictionary(
    key,
    fc.record(
      {
        name: fc.constant("p"),
        gateways: fc.constant([]),
        reachable: fc.array(fc.boolean(), { maxLength: 2 }),
        labels,
      },
      { requiredKeys: ["name", "gateways", "reachable"] },
    ),
  ),
  clients: fc.dictionary(
    key,
    fc.record(
      { namespace: fc.constant("ns"), labels, ambiguous: fc.constant(true as const) },
      {
        requiredKeys: ["namespace", "labels"],
      },
    ),
  ),
});

const from = { epoch: "e", n: 1 };
const to = { epoch: "e", n: 2 };

describe("a delta", () => {
  test("applied to where it starts gives where it leads, also after a trip through JSON", () => {
    fc.assert(
      fc.property(tables, tables, (before, after) => {
        const change = diffTables(before, after);
        if (!change) return expect(before).toEqual(after);
        const delta = JSON.parse(JSON.stringify({ ...change, base: from, version: to }));
        expect(applyDelta(before, delta)).toEqual(after);
      }),
      { numRuns: 200 },
    );
  });

  test("is absent between two states that are equal", () => {
    fc.assert(
      fc.property(tables, (state) => expect(diffTables(state, structuredClone(state))).toBeUndefined()),
      {
        numRuns: 50,
      },
    );
  });

  test("names only what differs", () => {
    fc.assert(
      fc.property(tables, tables, (before, after) => {
        const change = diffTables(before, after);
        for (const [table, rows] of Object.entries(change?.set ?? {})) {
          for (const [name, value] of Object.entries(rows)) {
            expect(value).not.toEqual((before[table as keyof Tables] as Record<string, unknown>)[name]);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ["the version that it starts at", from, true],
    ["another number", { epoch: "e", n: 0 }, false],
    ["the same number of another control process", { epoch: "f", n: 1 }, false],
  ])("builds on its base only: %s", (_rule, version, fits) => {
    expect(buildsOn({ base: from, version: to, set: {}, remove: {} }, version)).toBe(fits);
  });

  test("leaves the tables alone that it is applied to, and keeps those that it does not touch", () => {
    const exports = { "ns/e": { namespace: "ns", name: "e", labels: {}, host: "h", port: 1 } };
    const before: Tables = { site: { self: site }, imports: {}, exports, policies: {}, peers: {}, clients: {} };
    const after = applyDelta(before, { base: from, version: to, set: {}, remove: { exports: ["ns/e"] } });
    expect(before.exports).toHaveProperty(["ns/e"]);
    expect(after.exports).toEqual({});
    expect(after.site).toBe(before.site);
  });
});
