import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ManifestFolder } from "../../src/store/manifests.ts";
import type { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { anExport, aPeer, GATEWAY_NAMESPACE, openStore, temporaryFolder, withLabels } from "./objects.ts";

let folder: ReturnType<typeof temporaryFolder>;
let directory: string;
let store: StandaloneStore;
let manifests: ManifestFolder;
const told: (readonly string[])[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  directory = join(folder.path, "manifests");
  mkdirSync(directory);
  store = openStore(join(folder.path, "state"));
  manifests = open();
  told.length = 0;
});

afterEach(() => {
  manifests.close();
  store.close();
  folder.dispose();
});

function open(more: { pollInterval?: number } = {}): ManifestFolder {
  const onProblems = (problems: readonly string[]) => void told.push(problems);
  return new ManifestFolder({
    directory,
    namespace: GATEWAY_NAMESPACE,
    store,
    settle: 5,
    pollInterval: 60_000,
    onProblems,
    ...more,
  });
}

function yamlOf(name: string, port = 80, more = ""): string {
  return `apiVersion: clusterlink.net/v1alpha1\nkind: Export\nmetadata: {name: ${name}${more}}\nspec: {host: 127.0.0.1, port: ${port}}\n`;
}

function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

async function names(): Promise<string[]> {
  return (await store.list("Export")).items.map(({ metadata, spec }) => `${metadata.name}:${spec.port}`);
}

/** Waits until the folder has been followed; fails after 3 s. */
async function until(expected: string[]): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (JSON.stringify(await names()) === JSON.stringify(expected)) return;
    await Bun.sleep(10);
  }
  expect(await names()).toEqual(expected);
}

describe("at start", () => {
  test("every document of every manifest file is applied, and nothing else is read", async () => {
    write("a.yaml", `${yamlOf("a1")}---\n# nothing here\n---\n${yamlOf("a2")}`);
    write("b.yml", yamlOf("b"));
    write("c.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: [anExport("c1"), anExport("c2")] }));
    write(
      "d.yaml",
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n${yamlOf("d", 80, ", namespace: shop")}`,
    );
    write("empty.yaml", "");
    write("notes.txt", "not yaml: [");
    write(".hidden.yaml", yamlOf("hidden"));
    mkdirSync(join(directory, "sub.yaml"));
    await manifests.start();
    expect(await names()).toEqual(["a1:80", "a2:80", "b:80", "c1:80", "c2:80", "d:80"]);
    expect(manifests.problems()).toEqual([]);
  });

  test("what has no namespace is in default, a Peer in the gateway's own", async () => {
    const { namespace, ...metadata } = aPeer("east").metadata;
    expect(namespace).toBe(GATEWAY_NAMESPACE);
    write("a.yaml", yamlOf("a"));
    write("peer.json", JSON.stringify({ ...aPeer("east"), metadata: { ...metadata, namespace: "" } }));
    await manifests.start();
    expect(await store.get("Export", "default", "a")).toBeDefined();
    expect(await store.get("Peer", GATEWAY_NAMESPACE, "east")).toBeDefined();
  });

  test("what is the same already is not written again", async () => {
    write("a.yaml", yamlOf("a"));
    await manifests.start();
    const before = await store.list("Export");
    manifests.close();
    manifests = open();
    await manifests.start();
    expect(await store.list("Export")).toEqual(before);
  });

  test("what changed while the gateway was down is applied", async () => {
    write("a.yaml", yamlOf("a"));
    write("b.yaml", yamlOf("b"));
    await manifests.start();
    manifests.close();
    write("a.yaml", yamlOf("a", 81));
    rmSync(join(directory, "b.yaml"));
    manifests = open();
    await manifests.start();
    expect(await names()).toEqual(["a:81"]);
  });
});

describe("a change of the folder is followed", () => {
  beforeEach(async () => {
    write("a.yaml", `${yamlOf("a")}---\n${yamlOf("b")}`);
    await manifests.start();
  });

  test("a new file", async () => {
    write("c.yaml", yamlOf("c"));
    await until(["a:80", "b:80", "c:80"]);
  });

  test("a changed object keeps its uid, and its generation rises", async () => {
    const before = await store.get("Export", "default", "a");
    write("a.yaml", `${yamlOf("a", 81)}---\n${yamlOf("b")}`);
    await until(["a:81", "b:80"]);
    const after = await store.get("Export", "default", "a");
    expect([after?.metadata.uid, after?.metadata.generation]).toEqual([before?.metadata.uid, 2]);
  });

  test("an object that is no longer in its file is removed", async () => {
    write("a.yaml", yamlOf("b"));
    await until(["b:80"]);
  });

  test("a removed file takes its objects with it, and no others", async () => {
    await store.create("Export", anExport("mine"));
    rmSync(join(directory, "a.yaml"));
    await until(["mine:80"]);
  });

  test("an object that moves to another file stays the same object", async () => {
    const before = await store.get("Export", "default", "b");
    write("z.yaml", yamlOf("b"));
    write("a.yaml", yamlOf("a"));
    await Bun.sleep(50);
    await manifests.check();
    expect(await store.get("Export", "default", "b")).toEqual(before);
    expect(store.origin("Export", "default", "b")).toBe("z.yaml");
    expect(manifests.problems()).toEqual([]);
  });

  test("a file that is replaced by renaming", async () => {
    writeFileSync(join(folder.path, "new"), yamlOf("a", 82));
    renameSync(join(folder.path, "new"), join(directory, "a.yaml"));
    await until(["a:82"]);
  });

  test("a file that is emptied for a moment removes nothing", async () => {
    const before = await store.get("Export", "default", "a");
    truncateSync(join(directory, "a.yaml"), 0);
    write("a.yaml", `${yamlOf("a")}---\n${yamlOf("b")}`);
    await Bun.sleep(50);
    await manifests.check();
    expect(await store.get("Export", "default", "a")).toEqual(before);
  });

  test("by polling, where the file system reports nothing", async () => {
    manifests.close();
    rmSync(directory, { recursive: true });
    manifests = open({ pollInterval: 20 });
    await manifests.start();
    mkdirSync(directory);
    write("n.yaml", yamlOf("n"));
    await until(["n:80"]);
  });
});

test("the link swap of a ConfigMap volume is followed", async () => {
  const version = (name: string, text: string) => {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, "a.yaml"), text);
  };
  version("..v1", yamlOf("a"));
  symlinkSync("..v1", join(directory, "..data"));
  symlinkSync("..data/a.yaml", join(directory, "a.yaml"));
  await manifests.start();
  expect(await names()).toEqual(["a:80"]);
  version("..v2", yamlOf("a", 81));
  symlinkSync("..v2", join(directory, "..data_tmp"));
  renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  await until(["a:81"]);
});

describe("a broken file changes nothing and is told", () => {
  const broken: [string, string, string][] = [
    ["bad syntax", "a: [", "YAML Parse error"],
    [
      "an invalid object beside a good one",
      `${yamlOf("b", 90)}---\n${yamlOf("a", 0)}`,
      'object 2 (export "a"): spec.port: Invalid value: 0',
    ],
    ["an unknown field", `${yamlOf("a")}extra: 1\n`, 'unknown field "extra"'],
    [
      "a kind that is not ours",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
      'kind: Unsupported value: "Deployment"',
    ],
    ["no object at all", "just text\n", "object 1: must be an object"],
    [
      "the same object twice",
      `${yamlOf("b", 90)}---\n${yamlOf("a")}---\n${yamlOf("a")}---\n${yamlOf("a")}`,
      "export default/a is in the file twice",
    ],
    [
      "no name",
      "apiVersion: clusterlink.net/v1alpha1\nkind: Export\nmetadata: {generateName: x-}\nspec: {port: 1}\n",
      "a manifest gives the name",
    ],
    ["a cycle of aliases", `&a\nx: *a\n`, "nested too deeply"],
  ];
  test.each(broken)("%s", async (_rule, text, problem) => {
    write("a.yaml", yamlOf("a"));
    write("good.yaml", yamlOf("good"));
    await manifests.start();
    write("a.yaml", text);
    write("good.yaml", yamlOf("good", 81));
    await until(["a:80", "good:81"]);
    expect(manifests.problems()).toHaveLength(1);
    expect(manifests.problems()[0]).toStartWith("a.yaml: ");
    expect(manifests.problems()[0]).toContain(problem);
    expect(told.at(-1)).toEqual(manifests.problems());
    write("a.yaml", yamlOf("a", 82));
    await until(["a:82", "good:81"]);
    expect(manifests.problems()).toEqual([]);
    expect(told.at(-1)).toEqual([]);
  });

  test("a file that was emptied, perhaps for what a command is about to write", async () => {
    write("a.yaml", yamlOf("a"));
    await manifests.start();
    const { items } = await store.list("Export");
    write("a.yaml", "");
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()).toEqual([
      "a.yaml: is empty, so that what came from it stays; remove the file to delete it",
    ]);
    write("a.yaml", yamlOf("a"));
    await manifests.check();
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()).toEqual([]);
    expect((await store.list("Export")).items).toEqual(items);
  });

  test("files that are too large together", async () => {
    write("a.yaml", yamlOf("a"));
    await manifests.start();
    for (let i = 0; i < 9; i++) write(`b${i}.yaml`, `${yamlOf(`b${i}`)}# ${"x".repeat(4_000_000)}`);
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()[0]).toContain("holds more than 33554432 bytes of manifests; nothing was changed");
    expect(await names()).toEqual(["a:80"]);
  });

  test("a file that is too large", async () => {
    write("a.yaml", yamlOf("a"));
    await manifests.start();
    write("a.yaml", `#${"x".repeat(4 * 1024 * 1024)}\n${yamlOf("b")}`);
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()).toEqual(["a.yaml: is larger than 4194304 bytes; split it"]);
    expect(await names()).toEqual(["a:80"]);
  });

  test("a file that is no UTF-8", async () => {
    write("a.yaml", yamlOf("a"));
    await manifests.start();
    writeFileSync(
      join(directory, "a.yaml"),
      Buffer.concat([Buffer.from(yamlOf("b")), Buffer.from([0x23, 0xff, 0xfe])]),
    );
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()[0]).toStartWith("a.yaml: cannot be read");
    expect(await names()).toEqual(["a:80"]);
  });

  test("a link to nowhere", async () => {
    symlinkSync("nowhere", join(directory, "a.yaml"));
    write("b.yaml", yamlOf("b"));
    await manifests.start();
    expect(manifests.problems()[0]).toContain("a.yaml: cannot be read");
    expect(await names()).toEqual(["b:80"]);
  });

  test("a folder that cannot be read removes nothing", async () => {
    write("a.yaml", yamlOf("a"));
    await manifests.start();
    renameSync(directory, `${directory}-gone`);
    await manifests.check();
    expect(manifests.problems()[0]).toContain("nothing was changed");
    expect(await names()).toEqual(["a:80"]);
    renameSync(`${directory}-gone`, directory);
    await manifests.check();
    expect(manifests.problems()).toEqual([]);
  });
});

describe("what came from a file belongs to it", () => {
  beforeEach(async () => {
    write("site.yaml", yamlOf("a"));
    await manifests.start();
  });

  test("a write of spec or labels, and a deletion, are conflicts that name the file", async () => {
    const object = await store.get("Export", "default", "a");
    if (!object) throw new Error("no object");
    const writes = [
      () => store.update("Export", { ...object, spec: { port: 1 } }),
      () => store.update("Export", withLabels(object, { app: "x" })),
      () => store.delete("Export", "default", "a"),
      () => store.delete("Export", "default", "a", { dryRun: true }),
    ];
    for (const write of writes) {
      const error = await write().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "Conflict" });
      expect(String(error)).toContain('it comes from the manifest file "site.yaml"; change it there');
    }
    expect(await store.get("Export", "default", "a")).toEqual(object);
  });

  test("its status is written, and an update without a change is none", async () => {
    const object = await store.get("Export", "default", "a");
    if (!object) throw new Error("no object");
    const judged = await store.updateStatus("Export", { ...object, status: { conditions: [] } });
    expect(judged.status).toEqual({ conditions: [] });
    expect(await store.update("Export", judged)).toEqual(judged);
  });

  test("that is remembered across a restart", async () => {
    store.close();
    store = openStore(join(folder.path, "state"));
    expect(store.origin("Export", "default", "a")).toBe("site.yaml");
  });

  test("until it is released to the API", async () => {
    store.releaseManifests();
    await store.delete("Export", "default", "a");
    expect(await names()).toEqual([]);
  });

  test("two files that have one object: the first keeps it, the second is told of", async () => {
    write("aaa.yaml", yamlOf("a", 99));
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()).toEqual(["aaa.yaml: export default/a is in site.yaml too; keep it in one of them"]);
    expect(await names()).toEqual(["a:80"]);
    rmSync(join(directory, "site.yaml"));
    await until(["a:99"]);
    expect(manifests.problems()).toEqual([]);
  });
});

describe("what was made through the API", () => {
  test("is not taken over by a file that says something else, until it is gone", async () => {
    const object = await store.create("Export", anExport("a", {}, 7));
    write("site.yaml", `${yamlOf("a")}---\n${yamlOf("b")}`);
    await manifests.start();
    expect(manifests.problems()).toEqual([
      "site.yaml: export default/a was made through the API and differs; delete it there, or take it out of the file",
    ]);
    expect(await names()).toEqual(["a:7", "b:80"]);
    expect(store.origin("Export", "default", "a")).toBeUndefined();
    await store.delete("Export", "default", "a", { preconditions: { uid: object.metadata.uid } });
    await manifests.check();
    expect(await names()).toEqual(["a:80", "b:80"]);
    expect(manifests.problems()).toEqual([]);
  });

  test("is taken over by a file that says the same", async () => {
    const object = await store.create("Export", anExport("a"));
    write("site.yaml", yamlOf("a"));
    await manifests.start();
    expect(await store.get("Export", "default", "a")).toEqual(object);
    expect(store.origin("Export", "default", "a")).toBe("site.yaml");
  });

  test("and waits for its finalizers is made anew by the file when it is gone", async () => {
    write("site.yaml", yamlOf("a", 80, ", finalizers: [example.com/x]"));
    await manifests.start();
    rmSync(join(directory, "site.yaml"));
    await Bun.sleep(30);
    await manifests.check();
    const marked = await store.get("Export", "default", "a");
    if (!marked) throw new Error("it did not wait");
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    write("site.yaml", yamlOf("a", 81));
    await Bun.sleep(30);
    await manifests.check();
    expect(manifests.problems()[0]).toContain("is being deleted");
    await store.update("Export", { ...marked, metadata: { ...marked.metadata, finalizers: [] } });
    await manifests.check();
    expect(await names()).toEqual(["a:81"]);
  });
});
