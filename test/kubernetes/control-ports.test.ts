import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PortRegister } from "../../src/control/kubernetes/port-register.ts";
import { ALLOTTED_PORTS, type Allotment, allotPorts } from "../../src/control/kubernetes/ports.ts";
import type { ImportResource } from "../../src/resources/kinds.ts";
import { keyOf } from "../../src/resources/meta.ts";
import type { ListenerFailure } from "../../src/snapshot/messages.ts";
import { importOf, object } from "../control/objects.ts";

const reserved = new Map([[8443, "the gateway's peer port (--listen)"]]);
const barred = new Map();
const older = { creationTimestamp: "2025-01-01T00:00:00Z" };
const held = (targetPort: number) => ({ targetPort });
const portOf = (allotments: Map<string, Allotment>, name: string) => allotments.get(`default/${name}`)?.port;

function allot(...imports: ImportResource[]): Map<string, Allotment> {
  return allotPorts(imports, { reserved, barred });
}

describe("the port of an Import", () => {
  const web = object("Import", "web", importOf(80));
  const hashed = portOf(allot(web), "web") ?? 0;

  test("is in the range and follows from namespace and name alone", () => {
    expect(hashed).toBeGreaterThanOrEqual(ALLOTTED_PORTS.first);
    expect(hashed).toBeLessThanOrEqual(ALLOTTED_PORTS.last);
    const again = object("Import", "web", importOf(8080), {
      uid: "another",
      creationTimestamp: "2027-01-01T00:00:00Z",
    });
    expect(portOf(allot(object("Import", "api", importOf(80)), again), "web")).toBe(hashed);
  });

  test("stays the one that its status has", () => {
    expect(portOf(allot(object("Import", "web", importOf(80), {}, held(12_345))), "web")).toBe(12_345);
  });

  test("is another when its status has one that is not for allotment", () => {
    expect(portOf(allot(object("Import", "web", importOf(80), {}, held(8080))), "web")).toBe(hashed);
  });

  test("goes to whoever holds it, not to whoever is older", () => {
    const holder = object("Import", "holder", importOf(80), {}, held(hashed));
    const allotments = allot(object("Import", "web", importOf(80), older), holder);
    expect(portOf(allotments, "holder")).toBe(hashed);
    expect(portOf(allotments, "web")).toBe(hashed + 1);
  });

  test("goes to the older of two that hold it", () => {
    const allotments = allot(
      object("Import", "young", importOf(80), {}, held(12_345)),
      object("Import", "old", importOf(80), older, held(12_345)),
    );
    expect(portOf(allotments, "old")).toBe(12_345);
    expect(portOf(allotments, "young")).not.toBe(12_345);
  });

  test("that its user chose may be any, and comes before those that are allotted", () => {
    const allotments = allot(
      object("Import", "web", importOf(80), older),
      object("Import", "db", importOf(80, hashed)),
    );
    expect(allotments.get("default/db")).toEqual({ port: hashed, chosen: true });
    expect(portOf(allotments, "web")).toBe(hashed + 1);
  });

  test("that its user chose conflicts with one that is held, and the holder is named", () => {
    const holder = object("Import", "holder", importOf(80), {}, held(12_345));
    const allotments = allot(object("Import", "db", importOf(80, 12_345), older), holder);
    expect(allotments.get("default/db")).toEqual({
      port: undefined,
      conflict: { port: 12_345, holder: "Import default/holder" },
    });
  });

  test("is never one of the gateway's own listeners", () => {
    expect(allot(object("Import", "db", importOf(80, 8443))).get("default/db")).toEqual({
      port: undefined,
      conflict: { port: 8443, holder: "the gateway's peer port (--listen)" },
    });
    const taken = new Map([[hashed, "the control API (--api-listen)"]]);
    expect(portOf(allotPorts([web], { reserved: taken, barred }), "web")).toBe(hashed + 1);
  });

  test("is nowhere when every port is held", () => {
    const all = Array.from({ length: 20_000 }, (_, i) => [ALLOTTED_PORTS.first + i, "somebody"] as const);
    expect(allotPorts([web], { reserved: new Map(all), barred }).get("default/web")).toEqual({ port: undefined });
  });

  test("is nobody else's, and the same whatever the order of the list and however often it is allotted", () => {
    const anImport = fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9]{0,3}$/),
      chosen: fc.option(fc.integer({ min: 10_000, max: 10_005 }), { nil: undefined }),
      held: fc.option(fc.integer({ min: 9_999, max: 10_005 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(anImport, { selector: ({ name }) => name, maxLength: 12 }), (drafts) => {
        const imports = drafts.map(({ name, chosen, held: port }) =>
          object("Import", name, importOf(80, chosen), { uid: name }, port === undefined ? {} : held(port)),
        );
        const first = allot(...imports);
        expect([...allot(...imports.toReversed())].sort()).toEqual([...first].sort());
        const ports = [...first.values()].flatMap(({ port }) => port ?? []);
        expect(new Set(ports).size).toBe(ports.length);
        const written = imports.map((one) => {
          const { port } = first.get(keyOf(one)) ?? {};
          return { ...one, status: port === undefined ? {} : { targetPort: port } };
        });
        expect([...allot(...written)].sort()).toEqual([...first].sort());
      }),
    );
  });
});

describe("a port that cannot be bound", () => {
  const failure = (port: number, code = "EADDRINUSE"): Map<string, ListenerFailure> =>
    new Map([["default/web", { key: "default/web", port, code, message: "m" }]]);
  const asMap = (...imports: ImportResource[]) => new Map(imports.map((one) => [keyOf(one), one]));

  function register(leads = true) {
    const moves: string[] = [];
    const ports = new PortRegister({ reserved, leads: () => leads, onMoved: (_, message) => moves.push(message) });
    return { ports, moves };
  }

  test("is exchanged for another, once, and told", () => {
    const { ports, moves } = register();
    const imports = asMap(object("Import", "web", importOf(80), {}, held(12_345)));
    const moved = ports.allot(imports, failure(12_345)).get("default/web")?.port ?? 0;
    expect(moved).not.toBe(12_345);
    expect(ports.allot(imports, failure(12_345)).get("default/web")?.port).toBe(moved);
    expect(ports.allot(imports, new Map()).get("default/web")?.port).toBe(moved);
    expect(moves).toEqual([`Port 12345 cannot be bound (EADDRINUSE); the gateway listens on ${moved} instead.`]);
  });

  test("stays when its user chose it", () => {
    const imports = asMap(object("Import", "web", importOf(80, 12_345)));
    expect(register().ports.allot(imports, failure(12_345)).get("default/web")?.port).toBe(12_345);
  });

  test("stays when no other port would do either", () => {
    const imports = asMap(object("Import", "web", importOf(80), {}, held(12_345)));
    expect(register().ports.allot(imports, failure(12_345, "EADDRNOTAVAIL")).get("default/web")?.port).toBe(12_345);
  });

  test("is the leader's affair", () => {
    const imports = asMap(object("Import", "web", importOf(80), {}, held(12_345)));
    expect(register(false).ports.allot(imports, failure(12_345)).get("default/web")?.port).toBe(12_345);
  });

  test("is not exchanged without end", () => {
    const { ports, moves } = register();
    const imports = asMap(object("Import", "web", importOf(80)));
    let port = ports.allot(imports, new Map()).get("default/web")?.port ?? 0;
    for (let i = 0; i < 100; i++) port = ports.allot(imports, failure(port)).get("default/web")?.port ?? 0;
    expect(moves).toHaveLength(8);
  });
});
