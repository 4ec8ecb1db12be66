import { describe, expect, test } from "bun:test";
import { manifestsOf } from "../../src/cli/manifest.ts";
import { placeOf } from "../../src/cli/place.ts";

const importOf = (name: string, namespace?: string) => ({
  apiVersion: "clusterlink.net/v1alpha1",
  kind: "Import",
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
});

describe("the objects of a manifest are", () => {
  const names = (text: string) => manifestsOf(text).map((one) => one.metadata.name);
  const yaml = (name: string) => Bun.YAML.stringify(importOf(name), null, 2);
  test("those of every document", () => expect(names(`${yaml("a")}\n---\n${yaml("b")}`)).toEqual(["a", "b"]));
  test("none of an empty document", () => expect(names(`---\n# nothing\n---\n${yaml("b")}\n---\n`)).toEqual(["b"]));
  test("none of an empty text", () => expect(names("")).toEqual([]));
  test("those of JSON", () => expect(names(JSON.stringify(importOf("j")))).toEqual(["j"]));
  test("the items of a List", () => {
    const list = { apiVersion: "v1", kind: "List", items: [importOf("a"), importOf("b")] };
    expect(names(JSON.stringify(list))).toEqual(["a", "b"]);
  });
});

describe("a manifest is refused", () => {
  const cases = [
    ["without a kind", "apiVersion: v1\nmetadata: {name: x}", "object 1 has no 'kind'"],
    ["without an apiVersion", "kind: Import", "object 1 has no 'apiVersion'"],
    ["without a name", "apiVersion: v1\nkind: Import", "object 1 (Import) has no 'metadata.name'"],
    ["as plain text", "hello", "object 1 is no object"],
    [
      "by the place of the bad object",
      `${JSON.stringify(importOf("a"))}\n---\nkind: x`,
      "object 2 has no 'apiVersion'",
    ],
    ["for broken YAML", "a: [1\nb: }", "YAML Parse error"],
  ] as const;
  test.each(cases)("%s", (_rule, text, message) => expect(() => manifestsOf(text)).toThrow(message));
});

describe("an object goes to", () => {
  test("its own namespace", () => expect(placeOf(importOf("a", "shop"), undefined).namespace).toBe("shop"));
  test("that of -n when it names none", () => expect(placeOf(importOf("a"), "n").namespace).toBe("n"));
  test("'default' when nothing names one", () => expect(placeOf(importOf("a"), undefined).namespace).toBe("default"));
  test("no namespace when it is cluster-scoped", () => {
    const policy = { ...importOf("a"), kind: "PrivilegedAccessPolicy" };
    expect(placeOf(policy, "shop")).not.toHaveProperty("namespace");
  });
  test("nowhere when -n says otherwise", () => {
    expect(() => placeOf(importOf("a", "shop"), "n")).toThrow("is in namespace 'shop', not in 'n' as -n says");
  });
  test("nowhere when its kind is unknown", () => {
    expect(() => placeOf({ ...importOf("a"), apiVersion: "v1" }, undefined)).toThrow(/Import 'a' of v1 is unknown/);
  });
});
