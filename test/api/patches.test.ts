import { describe, expect, test } from "bun:test";
import { type Json, plainJson } from "../../src/api/json.ts";
import { jsonPatch } from "../../src/api/json-patch.ts";
import { mergePatch } from "../../src/api/merge-patch.ts";

describe("a merge patch (the examples of RFC 7386)", () => {
  const cases: [Json, Json, Json][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  test.each(cases)("%j patched with %j is %j", (target, patch, wanted) => {
    expect(mergePatch(target, patch)).toEqual(wanted);
  });
});

describe("a JSON patch (RFC 6902)", () => {
  const cases: [string, Json, Json, Json][] = [
    ["add sets a field", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["add replaces a field", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
    ["add inserts into a list", { a: [1, 3] }, [{ op: "add", path: "/a/1", value: 2 }], { a: [1, 2, 3] }],
    ["add appends to a list", { a: [1] }, [{ op: "add", path: "/a/-", value: 2 }], { a: [1, 2] }],
    ["remove takes a field away", { a: 1, b: 2 }, [{ op: "remove", path: "/b" }], { a: 1 }],
    ["remove takes an item away", { a: [1, 2] }, [{ op: "remove", path: "/a/0" }], { a: [2] }],
    ["replace changes an item", { a: [1, 2] }, [{ op: "replace", path: "/a/1", value: 3 }], { a: [1, 3] }],
    ["replace changes the whole", { a: 1 }, [{ op: "replace", path: "", value: { b: 1 } }], { b: 1 }],
    ["move takes along", { a: { x: 1 }, b: {} }, [{ op: "move", from: "/a/x", path: "/b/y" }], { a: {}, b: { y: 1 } }],
    ["copy leaves the first", { a: 1 }, [{ op: "copy", from: "/a", path: "/b" }], { a: 1, b: 1 }],
    [
      "test lets an equal value pass",
      { a: { x: 1, y: 2 } },
      [{ op: "test", path: "/a", value: { y: 2, x: 1 } }],
      { a: { x: 1, y: 2 } },
    ],
    [
      "~1 is a slash and ~0 a tilde",
      { "a/b": 1, "c~d": 2 },
      [
        { op: "remove", path: "/a~1b" },
        { op: "remove", path: "/c~0d" },
      ],
      {},
    ],
    ["a value may be null", { a: 1 }, [{ op: "replace", path: "/a", value: null }], { a: null }],
  ];
  test.each(cases)("%s", (_rule, target, patch, wanted) => {
    const before = structuredClone(target);
    expect(jsonPatch(target, patch)).toEqual(wanted);
    expect(target).toEqual(before);
  });

  test("does the same each time that it is applied", () => {
    const patch: Json = [
      { op: "add", path: "/a", value: { x: [1] } },
      { op: "copy", from: "/a", path: "/b" },
      { op: "add", path: "/a/x/-", value: 2 },
      { op: "replace", path: "/b/x/0", value: 3 },
    ];
    const wanted = { a: { x: [1, 2] }, b: { x: [3] } };
    expect([jsonPatch({}, patch), jsonPatch({}, patch)]).toEqual([wanted, wanted]);
  });
  test("of as many operations as are allowed, on an object of as many fields as fit, is applied", () => {
    const fields = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`k${i}`, i]));
    const patch = Array.from({ length: 10_000 }, (_, i) => ({ op: "replace", path: `/a/k${i}`, value: -1 }));
    expect(jsonPatch({ a: fields }, patch)).toMatchObject({ a: { k9999: -1, k10000: 10_000 } });
  });

  const refused: [string, Json, Json, "malformed" | "inapplicable"][] = [
    ["a failed test", { a: 1 }, [{ op: "test", path: "/a", value: 2 }], "inapplicable"],
    ["a removal of what is not there", {}, [{ op: "remove", path: "/a" }], "inapplicable"],
    ["a replacement of what is not there", {}, [{ op: "replace", path: "/a", value: 1 }], "inapplicable"],
    ["an item past the end", { a: [1] }, [{ op: "add", path: "/a/2", value: 1 }], "inapplicable"],
    ["an index with a leading zero", { a: [1, 2] }, [{ op: "remove", path: "/a/01" }], "inapplicable"],
    ["a parent that is not there", {}, [{ op: "add", path: "/a/b", value: 1 }], "inapplicable"],
    ["a move into itself", { a: { b: {} } }, [{ op: "move", from: "/a", path: "/a/b" }], "inapplicable"],
    ["removal of the whole", {}, [{ op: "remove", path: "" }], "inapplicable"],
    ["an unknown op", {}, [{ op: "merge", path: "/a" }], "malformed"],
    ["an object instead of an array", {}, { op: "remove" }, "malformed"],
    ["a path without a slash", { a: 1 }, [{ op: "remove", path: "a" }], "malformed"],
    ["add without a value", {}, [{ op: "add", path: "/a" }], "malformed"],
    ["move without from", {}, [{ op: "move", path: "/a" }], "malformed"],
    ["the prototype", {}, [{ op: "add", path: "/__proto__/x", value: 1 }], "malformed"],
    [
      "copies that double the object again and again",
      { a: "x" },
      Array.from({ length: 60 }, (_, i) => ({ op: "copy", from: "", path: `/${i}` })),
      "inapplicable",
    ],
    [
      "many copies of a long text",
      { a: "x".repeat(400_000) },
      Array.from({ length: 10 }, (_, i) => ({ op: "copy", from: "/a", path: `/${i}` })),
      "inapplicable",
    ],
  ];
  test.each(refused)("%s is refused", (_rule, target, patch, code) => {
    expect(() => jsonPatch(target, patch)).toThrow(expect.objectContaining({ code }));
  });
});

describe("a parsed document", () => {
  test("that expands to more values than any resource has is refused", () => {
    let bomb: unknown[] = ["x"];
    for (let level = 0; level < 30; level += 1) bomb = [bomb, bomb];
    expect(() => plainJson(bomb)).toThrow("more than 100000 values");
  });
  test("that contains itself is refused", () => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    expect(() => plainJson(loop)).toThrow("nested more than 64 levels deep");
  });
  test("with a field named __proto__ is refused", () => {
    expect(() => plainJson(JSON.parse('{"__proto__": {"x": 1}}'))).toThrow("__proto__");
  });
});
