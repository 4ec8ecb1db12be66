import { describe, expect, test } from "bun:test";
import { manifestsOf } from "../../src/cli/manifest.ts";
import type { NamespaceFinder } from "../../src/cli/namespace.ts";
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
  test("not a v1 Namespace, which exists as soon as an object names it", () => {
    expect(names(`apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n${yaml("b")}`)).toEqual(["b"]);
  });
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
  const find: NamespaceFinder = async (definition) => (definition.kind === "Peer" ? "gateways-own" : "default");
  const place = (manifest: ReturnType<typeof importOf>, given?: string) => placeOf(manifest, given, find);
  test("its own namespace", async () => expect((await place(importOf("a", "shop"))).namespace).toBe("shop"));
  test("the default one when it names none", async () =>
    expect((await place(importOf("a"))).namespace).toBe("default"));
  test("the gateway's own when it is a Peer that names none", async () => {
    expect((await place({ ...importOf("a"), kind: "Peer" })).namespace).toBe("gateways-own");
  });
  test("no namespace when it is cluster-scoped", async () => {
    expect(await place({ ...importOf("a", "shop"), kind: "PrivilegedAccessPolicy" })).not.toHaveProperty("namespace");
  });
  test("nowhere when -n says otherwise", () => {
    expect(place(importOf("a", "shop"), "n")).rejects.toThrow("is in namespace 'shop', not in 'n' as -n says");
  });
  test("nowhere when its kind is unknown", () => {
    expect(place({ ...importOf("a"), apiVersion: "v1" })).rejects.toThrow(/Import 'a' of v1 is unknown/);
  });
});
