import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import type { ListOptions } from "../../src/store/store.ts";
import { anExport, openStore, temporaryFolder } from "./objects.ts";

let folder: ReturnType<typeof temporaryFolder>;
let store: StandaloneStore;

beforeEach(async () => {
  folder = temporaryFolder();
  store = openStore(folder.path, { retention: { changes: 40 } });
  for (const name of ["a", "b", "c", "d", "e"]) {
    await store.create("Export", anExport(name, { labels: { app: name < "c" ? "web" : "db" } }));
  }
  await store.create("Export", anExport("a", { namespace: "shop" }));
});

afterEach(() => {
  store.close();
  folder.dispose();
});

async function names(options: ListOptions): Promise<string[]> {
  return (await store.list("Export", options)).items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

describe("a list", () => {
  test("is sorted by namespace and name", async () => {
    expect(await names({})).toEqual(["default/a", "default/b", "default/c", "default/d", "default/e", "shop/a"]);
  });

  test.each<[string, ListOptions, string[]]>([
    ["of a namespace", { namespace: "shop" }, ["shop/a"]],
    ["of a namespace without objects", { namespace: "nowhere" }, []],
    ["by label", { labelSelector: "app in (web)" }, ["default/a", "default/b"]],
    ["by absent label", { labelSelector: "!app" }, ["shop/a"]],
    ["by name", { fieldSelector: "metadata.name=a" }, ["default/a", "shop/a"]],
    ["by namespace field", { fieldSelector: "metadata.namespace!=default" }, ["shop/a"]],
    [
      "by everything together",
      { namespace: "default", labelSelector: "app=db", fieldSelector: "metadata.name!=c" },
      ["default/d", "default/e"],
    ],
  ])("%s", async (_rule, options, expected) => {
    expect(await names(options)).toEqual(expected);
  });

  test.each<[string, ListOptions, string]>([
    ["a bad label selector", { labelSelector: "a b" }, "labelSelector"],
    ["an unsupported field", { fieldSelector: "spec.port=80" }, "fieldSelector"],
    ["a token of its own making", { continue: "bm9uc2Vuc2U" }, "continue"],
    ["a version that is none", { resourceVersion: "x" }, "resourceVersion"],
  ])("%s is Invalid and says where", async (_rule, options, path) => {
    const error = await store.list("Export", options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "Invalid", faults: [{ path }] });
  });
});

describe("pages", () => {
  test("say how many items remain, and the last says nothing", async () => {
    const one = await store.list("Export", { limit: 4 });
    expect([one.items.length, one.remainingItemCount]).toEqual([4, 2]);
    const two = await store.list("Export", { limit: 4, continue: one.continue ?? "" });
    expect(two.items.map(({ metadata }) => metadata.name)).toEqual(["e", "a"]);
    expect([two.continue, two.remainingItemCount]).toEqual([undefined, undefined]);
  });

  test("count what remains in their namespace only", async () => {
    const { items, remainingItemCount } = await store.list("Export", { namespace: "default", limit: 1 });
    const whole = await store.list("Export", { namespace: "default" });
    expect(items.length + (remainingItemCount ?? 0)).toBe(whole.items.length);
    expect((await store.list("Export")).items.length).toBeGreaterThan(whole.items.length);
  });

  test("do not count what remains behind a selector", async () => {
    const page = await store.list("Export", { limit: 1, labelSelector: "app=db" });
    expect(page.continue).toBeDefined();
    expect(page.remainingItemCount).toBeUndefined();
  });

  test("are all of the version of the first, whatever happens between them", async () => {
    const whole = await store.list("Export");
    const one = await store.list("Export", { limit: 2 });
    const c = whole.items[2];
    if (!c) throw new Error("no third item");
    await store.delete("Export", "default", "a");
    await store.update("Export", { ...c, spec: { port: 99 } });
    await store.delete("Export", "default", "d");
    await store.create("Export", anExport("dd"));
    await store.create("Export", anExport("zz", { namespace: "zoo" }));
    await store.delete("Export", "shop", "a");
    const two = await store.list("Export", { limit: 2, continue: one.continue ?? "" });
    const three = await store.list("Export", { limit: 2, continue: two.continue ?? "" });
    expect([...one.items, ...two.items, ...three.items]).toEqual(whole.items);
    expect([one.remainingItemCount, two.remainingItemCount, three.remainingItemCount]).toEqual([4, 2, undefined]);
    expect([two.resourceVersion, three.resourceVersion]).toEqual([whole.resourceVersion, whole.resourceVersion]);
  });

  test("expire with the version of the first", async () => {
    const one = await store.list("Export", { limit: 2 });
    for (let i = 0; i < 80; i++) await store.create("Export", anExport(`x${i}`));
    const error = await store
      .list("Export", { limit: 2, continue: one.continue ?? "" })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "Expired" });
  });

  test("a token of another kind is Invalid", async () => {
    const one = await store.list("Export", { limit: 2 });
    const error = await store.list("Import", { continue: one.continue ?? "" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "Invalid" });
  });
});

test("a list at an exact version is as it was then", async () => {
  const then = await store.list("Export");
  await store.delete("Export", "default", "b");
  expect(await store.list("Export", { resourceVersion: then.resourceVersion })).toEqual(then);
  const ahead = String(Number(then.resourceVersion) + 100);
  expect(await store.list("Export", { resourceVersion: ahead }).catch((reason: unknown) => reason)).toMatchObject({
    code: "Expired",
  });
});

test("a long list is read in batches without losing any", async () => {
  const roomy = temporaryFolder();
  const large = openStore(roomy.path);
  const files = [
    {
      path: "all.yaml",
      objects: Array.from({ length: 1203 }, (_, i) => ({ kind: "Export" as const, object: anExport(`e${i}`) })),
    },
  ];
  expect(large.applyManifests(files)).toEqual([]);
  expect((await large.list("Export")).items).toHaveLength(1203);
  large.close();
  roomy.dispose();
});
