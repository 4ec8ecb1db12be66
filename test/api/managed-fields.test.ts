import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  difference,
  fieldsOf,
  fromFieldsV1,
  hasPath,
  intersection,
  isEmpty,
  toFieldsV1,
  union,
} from "../../src/api/field-set.ts";
import type { JsonObject } from "../../src/api/json.ts";
import { applyConfig, trackUpdate, type Writer } from "../../src/api/managed-fields.ts";
import type { ManagedFieldsEntry } from "../../src/resources/meta.ts";

const writer = (manager: string, more: Partial<Writer> = {}): Writer => ({
  manager,
  apiVersion: "clusterlink.net/v1alpha1",
  time: "2026-01-01T00:00:00Z",
  ...more,
});
const config = (spec: JsonObject, labels?: JsonObject): JsonObject => ({
  apiVersion: "clusterlink.net/v1alpha1",
  kind: "Import",
  metadata: { name: "web", namespace: "default", ...(labels === undefined ? {} : { labels }) },
  spec,
});
const managers = (object: JsonObject): Record<string, unknown> => {
  const entries = (object["metadata"] as JsonObject)["managedFields"] as unknown as ManagedFieldsEntry[] | undefined;
  return Object.fromEntries(
    (entries ?? []).map(({ manager, operation, subresource, fieldsV1 }) => [
      `${manager}/${operation}${subresource === undefined ? "" : `/${subresource}`}`,
      fieldsV1,
    ]),
  );
};
const conflictsOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return (error as { conflicts?: unknown }).conflicts ?? error;
  }
  return [];
};

describe("tracking of updates", () => {
  test("the creator manages every field and map, but neither identity nor status", () => {
    const created = trackUpdate(
      undefined,
      { ...config({ port: 80 }, { app: "a" }), status: { x: 1 } },
      writer("kubectl-create"),
    );
    expect(managers(created)).toEqual({
      "kubectl-create/Update": {
        "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
        "f:spec": { ".": {}, "f:port": {} },
      },
    });
  });
  test("a changed field moves to who changed it", () => {
    const created = trackUpdate(undefined, config({ port: 80, targetPort: 81 }), writer("a"));
    const updated = trackUpdate(created, { ...created, spec: { port: 90, targetPort: 81 } }, writer("b"));
    expect(managers(updated)).toEqual({
      "a/Update": { "f:spec": { ".": {}, "f:targetPort": {} } },
      "b/Update": { "f:spec": { "f:port": {} } },
    });
  });
  test("a removed field is managed by nobody", () => {
    const created = trackUpdate(undefined, config({ port: 80, targetPort: 81 }), writer("a"));
    const updated = trackUpdate(created, { ...created, spec: { port: 80 } }, writer("b"));
    expect(managers(updated)).toEqual({ "a/Update": { "f:spec": { ".": {}, "f:port": {} } } });
  });
  test("a removed label is managed by nobody, also where its name is one that every object inherits", () => {
    const created = trackUpdate(undefined, config({ port: 80 }, { constructor: "x", app: "a" }), writer("a"));
    const removed = trackUpdate(created, config({ port: 80 }, { app: "a" }), writer("b"));
    expect(managers(removed)).toEqual({
      "a/Update": { "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { ".": {}, "f:port": {} } },
    });
  });
  test("status belongs to who writes the subresource, and is an entry of its own", () => {
    const created = trackUpdate(undefined, config({ port: 80 }), writer("a"));
    const after = trackUpdate(
      created,
      { ...created, status: { targetPort: 81 } },
      writer("a", { subresource: "status" }),
    );
    expect(managers(after)).toEqual({
      "a/Update": { "f:spec": { ".": {}, "f:port": {} } },
      "a/Update/status": { "f:status": { ".": {}, "f:targetPort": {} } },
    });
  });
  test("an empty list from the client changes nothing, a single empty entry forgets all", () => {
    const created = trackUpdate(undefined, config({ port: 80 }), writer("a"));
    const metadata = created["metadata"] as JsonObject;
    const cleared = trackUpdate(created, { ...created, metadata: { ...metadata, managedFields: [] } }, writer("b"));
    expect(managers(cleared)).toEqual(managers(created));
    const reset = trackUpdate(created, { ...created, metadata: { ...metadata, managedFields: [{}] } }, writer("b"));
    expect(managers(reset)).toEqual({});
  });
  test("an object that nobody is recorded for stays so until its first apply", () => {
    const updated = trackUpdate(config({ port: 80 }), config({ port: 81 }), writer("a"));
    expect(managers(updated)).toEqual({});
    expect(managers(applyConfig(updated, config({ port: 81 }), writer("me"), false))).toEqual({
      "before-first-apply/Update": { "f:spec": { ".": {}, "f:port": {} } },
      "me/Apply": { "f:spec": { "f:port": {} } },
    });
  });
  test("more than ten managers are folded into one, oldest first", () => {
    let object = trackUpdate(undefined, config({ port: 80 }), writer("m00"));
    for (let i = 1; i <= 12; i += 1) {
      const labels = { ...((object["metadata"] as JsonObject)["labels"] as JsonObject), [`l${i}`]: "x" };
      const next = { ...object, metadata: { ...(object["metadata"] as JsonObject), labels } };
      const time = `2026-01-01T00:00:${String(i).padStart(2, "0")}Z`;
      object = trackUpdate(object, next, writer(`m${String(i).padStart(2, "0")}`, { time }));
    }
    const names = Object.keys(managers(object));
    expect(names).toHaveLength(10);
    expect(names).toContain("ancient-changes/Update");
    expect(names).not.toContain("m00/Update");
  });
});

describe("server-side apply", () => {
  test("creates what is not there, managing the leaves that it sets", () => {
    const made = applyConfig(undefined, config({ port: 80, sources: [{ peer: "p" }] }), writer("me"), false);
    expect(made["spec"]).toEqual({ port: 80, sources: [{ peer: "p" }] });
    expect(managers(made)).toEqual({ "me/Apply": { "f:spec": { "f:port": {}, "f:sources": {} } } });
  });
  test("a field that is applied no longer is removed", () => {
    const first = applyConfig(undefined, config({ port: 80, targetPort: 81 }, { a: "1" }), writer("me"), false);
    const second = applyConfig(first, config({ port: 80 }), writer("me"), false);
    expect(second["spec"]).toEqual({ port: 80 });
    expect((second["metadata"] as JsonObject)["labels"]).toBeUndefined();
  });
  test("a field that another manager owns too stays when the first lets go", () => {
    const first = applyConfig(undefined, config({ port: 80, targetPort: 81 }), writer("me"), false);
    const shared = applyConfig(first, config({ targetPort: 81 }), writer("other"), false);
    const left = applyConfig(shared, config({ port: 80 }), writer("me"), false);
    expect(left["spec"]).toEqual({ port: 80, targetPort: 81 });
    expect(managers(left)["other/Apply"]).toEqual({ "f:spec": { "f:targetPort": {} } });
  });
  test("a default that nobody applied stays", () => {
    const first = applyConfig(undefined, config({ port: 80 }), writer("me"), false);
    const defaulted = { ...first, spec: { port: 80, lbScheme: "round-robin" } };
    const second = applyConfig(defaulted, config({ port: 81 }), writer("me"), false);
    expect(second["spec"]).toEqual({ port: 81, lbScheme: "round-robin" });
  });
  test("another value for a field of another manager is a conflict that names manager and field", () => {
    const created = trackUpdate(undefined, config({ port: 80 }), writer("kubectl-create"));
    expect(conflictsOf(() => applyConfig(created, config({ port: 90 }), writer("me"), false))).toEqual([
      { manager: '"kubectl-create" using clusterlink.net/v1alpha1', field: ".spec.port" },
    ]);
  });
  test("the same value is no conflict: both manage the field then", () => {
    const created = trackUpdate(undefined, config({ port: 80 }), writer("kubectl-create"));
    const applied = applyConfig(created, config({ port: 80 }), writer("me"), false);
    expect(managers(applied)).toEqual({
      "me/Apply": { "f:spec": { "f:port": {} } },
      "kubectl-create/Update": { "f:spec": { ".": {}, "f:port": {} } },
    });
  });
  test("force takes the field over", () => {
    const created = trackUpdate(undefined, config({ port: 80, targetPort: 81 }), writer("kubectl-create"));
    const applied = applyConfig(created, config({ port: 90 }), writer("me"), true);
    expect(applied["spec"]).toEqual({ port: 90, targetPort: 81 });
    expect(managers(applied)["kubectl-create/Update"]).toEqual({ "f:spec": { ".": {}, "f:targetPort": {} } });
  });
  test("a list is one field: a change of one item conflicts as a whole", () => {
    const first = applyConfig(undefined, config({ sources: [{ peer: "a" }, { peer: "b" }] }), writer("one"), false);
    expect(conflictsOf(() => applyConfig(first, config({ sources: [{ peer: "a" }] }), writer("two"), false))).toEqual([
      { manager: '"one"', field: ".spec.sources" },
    ]);
  });
  test("what nobody is recorded for belongs to a manager before the first apply", () => {
    expect(conflictsOf(() => applyConfig(config({ port: 80 }), config({ port: 81 }), writer("me"), false))).toEqual([
      { manager: '"before-first-apply" using clusterlink.net/v1alpha1', field: ".spec.port" },
    ]);
  });
  describe("by kubectl, after its client-side apply", () => {
    const annotated = (applied: JsonObject, live: JsonObject): JsonObject =>
      trackUpdate(
        undefined,
        {
          ...live,
          metadata: {
            ...(live["metadata"] as JsonObject),
            annotations: { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(applied) },
          },
        },
        writer("kubectl-client-side-apply"),
      );
    test("takes over what was applied before, and keeps the annotation in step", () => {
      const live = annotated(config({ port: 80 }), config({ port: 80 }));
      const after = applyConfig(live, config({ port: 81 }), writer("kubectl"), false);
      expect(after["spec"]).toEqual({ port: 81 });
      const { annotations } = after["metadata"] as { annotations: Record<string, string> };
      expect(JSON.parse(Object.values(annotations)[0] ?? "")).toEqual(config({ port: 81 }));
      expect(applyConfig(after, config({ port: 81 }), writer("kubectl"), false)).toEqual(after);
    });
    test("conflicts where somebody changed the field since", () => {
      const live = annotated(config({ port: 80 }), config({ port: 99 }));
      expect(conflictsOf(() => applyConfig(live, config({ port: 81 }), writer("kubectl"), false))).toHaveLength(1);
    });
    test("conflicts for another manager", () => {
      const live = annotated(config({ port: 80 }), config({ port: 80 }));
      expect(conflictsOf(() => applyConfig(live, config({ port: 81 }), writer("me"), false))).toHaveLength(1);
    });
  });
  test("status in an applied configuration is ignored outside its subresource", () => {
    const made = applyConfig(undefined, { ...config({ port: 80 }), status: { targetPort: 1 } }, writer("me"), false);
    expect(made["status"]).toBeUndefined();
    expect(managers(made)).toEqual({ "me/Apply": { "f:spec": { "f:port": {} } } });
  });
});

const leaf = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom("x", "y"),
  fc.array(fc.integer({ max: 2 }), { maxLength: 2 }),
);
const { tree } = fc.letrec<{ tree: JsonObject; value: JsonObject }>((tie) => ({
  value: fc.oneof(
    { weight: 3, arbitrary: leaf as fc.Arbitrary<never> },
    { weight: 1, arbitrary: tie("tree") },
  ) as fc.Arbitrary<never>,
  tree: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3 }) as fc.Arbitrary<JsonObject>,
}));
const spec = tree.map((value) => config(value));
const specOf = (object: JsonObject) => object["spec"];

describe("properties", () => {
  test("a set survives its JSON form", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const set = fieldsOf(value);
        expect(toFieldsV1(fromFieldsV1(toFieldsV1(set)))).toEqual(toFieldsV1(set));
      }),
    );
  });
  test("set algebra: (a ∪ b) − b ⊆ a, (a − b) ∩ b = ∅, (a − b) ∪ (a ∩ b) = a", () => {
    fc.assert(
      fc.property(tree, tree, (x, y) => {
        const [a, b] = [fieldsOf(x), fieldsOf(y)];
        expect(isEmpty(difference(difference(union(a, b), b), a))).toBe(true);
        expect(isEmpty(intersection(difference(a, b), b))).toBe(true);
        expect(toFieldsV1(union(difference(a, b), intersection(a, b)))).toEqual(toFieldsV1(a));
      }),
    );
  });
  test("a forced apply makes every applied leaf so, whatever was there", () => {
    fc.assert(
      fc.property(spec, spec, spec, (live, one, two) => {
        const start = trackUpdate(undefined, live, writer("creator"));
        const first = applyConfig(start, one, writer("one"), true);
        const second = applyConfig(first, two, writer("two"), true);
        const check = (applied: unknown, result: unknown): void => {
          for (const [key, value] of Object.entries(applied as JsonObject)) {
            const there = (result as JsonObject)[key];
            if (typeof value === "object" && !Array.isArray(value) && Object.keys(value as JsonObject).length > 0)
              check(value, there);
            else if (typeof value === "object" && !Array.isArray(value)) expect(there).toBeObject();
            else expect(there).toEqual(value);
          }
        };
        if (Object.keys(two["spec"] as JsonObject).length > 0) check(specOf(two), specOf(second));
      }),
    );
  });
  test("applying the same again changes nothing", () => {
    fc.assert(
      fc.property(spec, spec, (live, one) => {
        const start = trackUpdate(undefined, live, writer("creator"));
        const first = applyConfig(start, one, writer("one"), true);
        const again = applyConfig(first, one, writer("one", { time: "2027-01-01T00:00:00Z" }), false);
        expect(again).toEqual(first);
      }),
    );
  });
  test("what a manager applied to an empty object is gone once it applies nothing", () => {
    fc.assert(
      fc.property(spec, (one) => {
        const first = applyConfig(undefined, one, writer("one"), false);
        const none = applyConfig(first, config({ kept: 1 }), writer("one"), false);
        expect(specOf(none)).toEqual({ kept: 1 });
      }),
    );
  });
  test("no field of an update is managed by two updaters", () => {
    fc.assert(
      fc.property(spec, spec, (before, after) => {
        const created = trackUpdate(undefined, before, writer("one"));
        const updated = trackUpdate(created, { ...after, metadata: created["metadata"] ?? {} }, writer("two"));
        const entries = managers(updated);
        const one = fromFieldsV1(entries["one/Update"] ?? {});
        const two = fromFieldsV1(entries["two/Update"] ?? {});
        expect(isEmpty(intersection(one, two))).toBe(true);
      }),
    );
  });
  test("hasPath finds every leaf of fieldsOf", () => {
    expect(hasPath(fieldsOf({ a: { b: 1 } }), ["a", "b"])).toBe(true);
    expect(hasPath(fieldsOf({ a: { b: 1 } }), ["a"])).toBe(false);
  });
});
