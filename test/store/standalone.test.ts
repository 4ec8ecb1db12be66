import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { API_VERSION } from "../../src/resources/meta.ts";
import { StoreError } from "../../src/store/errors.ts";
import { DATABASE_FILE } from "../../src/store/standalone/database.ts";
import type { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { anExport, anImport, aPeer, GATEWAY_NAMESPACE, openStore, temporaryFolder, withLabels } from "./objects.ts";

let folder: ReturnType<typeof temporaryFolder>;
let store: StandaloneStore;
const now = Date.parse("2026-02-03T04:05:06.789Z");

beforeEach(() => {
  folder = temporaryFolder();
  store = openStore(folder.path, { clock: () => now });
});

afterEach(() => {
  store.close();
  folder.dispose();
});

async function failure(promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StoreError) return error;
  throw new Error(`expected a StoreError, got ${String(error)}`);
}

describe("creating", () => {
  test("sets the server's metadata and drops the status", async () => {
    const made = await store.create("Export", {
      ...anExport("a", { uid: "mine", generation: 7 }),
      status: { conditions: [] },
    });
    expect(made.metadata).toMatchObject({
      name: "a",
      namespace: "default",
      generation: 1,
      creationTimestamp: "2026-02-03T04:05:06Z",
    });
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.metadata.resourceVersion).not.toBe("");
    expect(made.status).toBeUndefined();
    expect(await store.get("Export", "default", "a")).toEqual(made);
  });

  test("applies defaults", async () => {
    const object = anImport("a");
    const { lbScheme, ...spec } = object.spec;
    const made = await store.create("Import", { ...object, spec: spec as typeof object.spec });
    expect(made.spec.lbScheme).toBe("round-robin");
  });

  test("is refused when the name is taken", async () => {
    await store.create("Export", anExport("a"));
    const error = await failure(store.create("Export", anExport("a")));
    expect(error.code).toBe("AlreadyExists");
    expect(error.message).toBe('exports.clusterlink.net "a" already exists');
  });

  test("the same name in another namespace or kind is another object", async () => {
    await store.create("Export", anExport("a"));
    await store.create("Export", anExport("a", { namespace: "shop" }));
    await store.create("Import", anImport("a"));
    expect((await store.list("Export")).items).toHaveLength(2);
  });

  test("tells every fault of an invalid object", async () => {
    const error = await failure(store.create("Export", anExport("A_", {}, 0)));
    expect(error.code).toBe("Invalid");
    expect(error.faults.map(({ path }) => path)).toEqual(["metadata.name", "spec.port"]);
    expect(error.message).toContain('Export.clusterlink.net "A_" is invalid: metadata.name: Invalid value');
  });

  test("completes generateName", async () => {
    const object = anExport("", { generateName: "job-" });
    const [one, two] = [
      await store.create("Export", withoutName(object)),
      await store.create("Export", withoutName(object)),
    ];
    expect(one.metadata.name).toMatch(/^job-[a-z0-9]{5}$/);
    expect(two.metadata.name).not.toBe(one.metadata.name);
  });

  test("an object beyond the size limit is refused", async () => {
    const annotations = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, "x".repeat(100)]));
    const managedFields = Array.from({ length: 200 }, () => ({
      manager: "m",
      operation: "Update" as const,
      apiVersion: "clusterlink.net/v1alpha1",
      fieldsType: "FieldsV1" as const,
      fieldsV1: { "f:x": "y".repeat(5000) },
    }));
    const error = await failure(store.create("Export", anExport("a", { annotations, managedFields })));
    expect(error.code).toBe("Invalid");
    expect(error.message).toContain("may not be larger than");
  });
});

function withoutName<T extends { metadata: { name: string } }>(object: T): T {
  const { name, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as T["metadata"] };
}

describe("updating", () => {
  test("generation rises with the spec only", async () => {
    const made = await store.create("Export", anExport("a"));
    const labelled = await store.update("Export", withLabels(made, { app: "x" }));
    expect(labelled.metadata.generation).toBe(1);
    const changed = await store.update("Export", { ...labelled, spec: { ...labelled.spec, port: 81 } });
    expect(changed.metadata.generation).toBe(2);
    const judged = await store.updateStatus("Export", { ...changed, status: { conditions: [] } });
    expect(judged.metadata.generation).toBe(2);
    expect(Number(judged.metadata.resourceVersion)).toBeGreaterThan(Number(changed.metadata.resourceVersion));
  });

  test("writes nothing when nothing changes, whatever the order of the fields", async () => {
    const made = await store.create("Export", anExport("a", { labels: { a: "1", b: "2" } }));
    const same = {
      ...made,
      spec: { port: 80, host: "127.0.0.1" },
      metadata: { ...made.metadata, labels: { b: "2", a: "1" } },
    };
    expect(await store.update("Export", same)).toEqual(made);
  });

  test("leaves the status alone, and a status update everything else", async () => {
    const made = await store.create("Import", anImport("a"));
    await store.updateStatus("Import", { ...made, spec: { ...made.spec, port: 99 }, status: { targetPort: 7 } });
    const stored = await store.update("Import", {
      ...made,
      metadata: { ...made.metadata, resourceVersion: "" },
      status: { targetPort: 8 },
    });
    expect(stored.status).toEqual({ targetPort: 7 });
    expect(stored.spec.port).toBe(80);
  });

  test("an equal status is not written", async () => {
    const made = await store.create("Import", anImport("a"));
    const one = await store.updateStatus("Import", { ...made, status: { targetPort: 7 } });
    const two = await store.updateStatus("Import", { ...one, status: { targetPort: 7 } });
    expect(two.metadata.resourceVersion).toBe(one.metadata.resourceVersion);
  });

  test("an object may have a mebibyte, counted in bytes", async () => {
    const condition = (message: string) => {
      const rest = { type: "ImportServiceValid", status: "True" as const, reason: "Made" };
      return { ...rest, message, lastTransitionTime: "2026-01-01T00:00:00Z" };
    };
    await store.create("Import", anImport("a"));
    const withMessages = (text: string) => ({
      ...anImport("a"),
      status: { conditions: Array(20).fill(condition(text)) },
    });
    expect((await store.updateStatus("Import", withMessages("e".repeat(30_000)))).status?.conditions).toHaveLength(20);
    const refused = await store.updateStatus("Import", withMessages("é".repeat(30_000))).catch((error) => error);
    expect([refused.code, refused.faults[0].type]).toEqual(["Invalid", "FieldValueTooLong"]);
  });

  describe("a status update takes along who manages the status", () => {
    const entry = { manager: "me", operation: "Apply", apiVersion: API_VERSION, subresource: "status" } as const;
    const managedBy = (fieldsV1: Record<string, unknown>) => [
      { ...entry, time: "2026-01-01T00:00:00Z", fieldsType: "FieldsV1" as const, fieldsV1 },
    ];
    const managedFields = managedBy({ "f:status": {} });

    test("when it names the version that it rests on", async () => {
      const made = await store.create("Import", anImport("a"));
      const metadata = { ...made.metadata, managedFields, labels: { not: "taken" } };
      const written = await store.updateStatus("Import", { ...made, metadata, status: { targetPort: 7 } });
      expect(written.metadata.managedFields).toEqual(managedFields);
      expect(written.metadata.labels).toBeUndefined();
      expect(written.metadata.generation).toBe(made.metadata.generation);
    });

    test("also when the status is the same, but not for the sake of a time", async () => {
      const made = await store.create("Import", anImport("a"));
      const one = await store.updateStatus("Import", { ...made, metadata: { ...made.metadata, managedFields } });
      expect(one.metadata.managedFields).toEqual(managedFields);
      const later = managedFields.map((each) => ({ ...each, time: "2026-01-02T00:00:00Z" }));
      const two = await store.updateStatus("Import", { ...one, metadata: { ...one.metadata, managedFields: later } });
      expect(two.metadata.resourceVersion).toBe(one.metadata.resourceVersion);
    });

    test("but not without a version, when they may be of any age, nor by leaving them out", async () => {
      const made = await store.create("Import", anImport("a"));
      const known = { ...made.metadata, managedFields };
      const one = await store.updateStatus("Import", { ...made, metadata: known, status: { targetPort: 7 } });
      const stale = { ...one.metadata, resourceVersion: "", managedFields: managedBy({}) };
      const two = await store.updateStatus("Import", { ...one, metadata: stale, status: { targetPort: 8 } });
      const { managedFields: _, ...bare } = two.metadata;
      const three = await store.updateStatus("Import", { ...two, metadata: bare, status: { targetPort: 9 } });
      expect(three.metadata.managedFields).toEqual(managedFields);
    });
  });

  test("what the server sets cannot be changed", async () => {
    const made = await store.create("Export", anExport("a"));
    const { uid, creationTimestamp } = made.metadata;
    const forged = {
      ...made.metadata,
      uid: "",
      creationTimestamp: "2000-01-01T00:00:00Z",
      generation: 99,
      labels: { x: "y" },
    };
    const stored = await store.update("Export", { ...made, metadata: forged });
    expect(stored.metadata).toMatchObject({ uid, creationTimestamp, generation: 1 });
  });

  test.each([
    ["an old resourceVersion is a conflict", { resourceVersion: "1" }, "the object has been modified"],
    ["another uid is a conflict", { uid: "other" }, "UID in precondition"],
  ])("%s", async (_rule, change, message) => {
    const made = await store.create("Export", anExport("a"));
    const stale = { ...made, metadata: { ...made.metadata, ...change }, spec: { ...made.spec, port: 1 } };
    for (const write of [store.update("Export", stale), store.updateStatus("Export", stale)]) {
      const error = await failure(write);
      expect(error.code).toBe("Conflict");
      expect(error.message).toContain(message);
    }
  });

  test("of an object that is not there is NotFound", async () => {
    for (const write of [store.update("Export", anExport("a")), store.updateStatus("Export", anExport("a"))]) {
      expect((await failure(write)).code).toBe("NotFound");
    }
  });
});

describe("deleting", () => {
  test("removes the object and answers its last state at a new version", async () => {
    const made = await store.create("Export", anExport("a"));
    const gone = await store.delete("Export", "default", "a");
    expect(gone.metadata.uid).toBe(made.metadata.uid);
    expect(Number(gone.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
    expect(await store.get("Export", "default", "a")).toBeUndefined();
    expect((await failure(store.delete("Export", "default", "a"))).code).toBe("NotFound");
  });

  test("preconditions must hold", async () => {
    const made = await store.create("Export", anExport("a"));
    const { uid, resourceVersion } = made.metadata;
    for (const preconditions of [{ uid: "other" }, { uid, resourceVersion: "1" }]) {
      expect((await failure(store.delete("Export", "default", "a", { preconditions }))).code).toBe("Conflict");
    }
    await store.delete("Export", "default", "a", { preconditions: { uid, resourceVersion } });
  });

  test("waits for finalizers, and is done with the last of them", async () => {
    const made = await store.create("Export", anExport("a", { finalizers: ["example.com/one", "example.com/two"] }));
    const marked = await store.delete("Export", "default", "a");
    expect(marked.metadata).toMatchObject({ deletionTimestamp: "2026-02-03T04:05:06Z", generation: 2 });
    expect(await store.delete("Export", "default", "a")).toEqual(marked);
    const error = await failure(
      store.update("Export", {
        ...marked,
        metadata: { ...marked.metadata, finalizers: ["example.com/one", "example.com/new"] },
      }),
    );
    expect(error.faults.map(({ path, type }) => `${path} ${type}`)).toEqual([
      "metadata.finalizers FieldValueForbidden",
    ]);
    const half = await store.update("Export", {
      ...marked,
      metadata: { ...marked.metadata, finalizers: ["example.com/two"] },
    });
    expect(half.metadata.deletionTimestamp).toBe(marked.metadata.deletionTimestamp ?? "");
    await store.update("Export", { ...half, metadata: { ...half.metadata, finalizers: [] } });
    expect(await store.get("Export", "default", "a")).toBeUndefined();
    const again = await store.create("Export", anExport("a"));
    expect(again.metadata.uid).not.toBe(made.metadata.uid);
  });

  test("deletionTimestamp cannot be set or taken away by an update", async () => {
    const made = await store.create(
      "Export",
      anExport("a", { finalizers: ["example.com/x"], deletionTimestamp: "2020-01-01T00:00:00Z" }),
    );
    expect(made.metadata.deletionTimestamp).toBeUndefined();
    const marked = await store.delete("Export", "default", "a");
    const { deletionTimestamp, ...kept } = marked.metadata;
    expect((await store.update("Export", { ...marked, metadata: kept })).metadata.deletionTimestamp).toBe(
      deletionTimestamp ?? "",
    );
  });
});

describe("a dry run", () => {
  test("answers as the write would and keeps nothing", async () => {
    const before = (await store.list("Export")).resourceVersion;
    expect((await store.create("Export", anExport("a"), { dryRun: true })).metadata.generation).toBe(1);
    expect((await store.list("Export")).resourceVersion).toBe(before);
    const made = await store.create("Export", anExport("a"));
    expect((await store.update("Export", { ...made, spec: { port: 9 } }, { dryRun: true })).metadata.generation).toBe(
      2,
    );
    await store.delete("Export", "default", "a", { dryRun: true });
    expect(await store.get("Export", "default", "a")).toEqual(made);
    expect((await failure(store.create("Export", anExport("a"), { dryRun: true }))).code).toBe("AlreadyExists");
  });

  test("is seen by no watch, and takes no version", async () => {
    const { resourceVersion } = await store.list("Export");
    await store.create("Export", anExport("dry"), { dryRun: true });
    const made = await store.create("Export", anExport("wet"));
    expect(Number(made.metadata.resourceVersion)).toBe(Number(resourceVersion) + 1);
    for await (const event of store.watch("Export", { resourceVersion, signal: new AbortController().signal })) {
      expect(event).toMatchObject({ type: "ADDED", object: { metadata: { name: "wet" } } });
      break;
    }
  });
});

describe("namespaces", () => {
  test("are those that objects are in, default and the gateway's own", async () => {
    expect(await store.namespaces()).toEqual([GATEWAY_NAMESPACE, "default"]);
    await store.create("Export", anExport("a", { namespace: "shop" }));
    await store.create("Peer", aPeer("east"));
    expect(await store.namespaces()).toEqual([GATEWAY_NAMESPACE, "default", "shop"]);
    await store.delete("Export", "shop", "a");
    expect(await store.namespaces()).toEqual([GATEWAY_NAMESPACE, "default"]);
  });
});

describe("the file", () => {
  test("and its companions are for the owner only", async () => {
    await store.create("Export", anExport("a"));
    const modes = readdirSync(folder.path).map((name) => statSync(join(folder.path, name)).mode & 0o777);
    expect(modes.length).toBeGreaterThanOrEqual(1);
    expect(modes.every((mode) => mode === 0o600)).toBe(true);
  });

  test("made too open by somebody is closed at the next start", async () => {
    store.close();
    chmodSync(join(folder.path, DATABASE_FILE), 0o644);
    store = openStore(folder.path);
    expect(statSync(join(folder.path, DATABASE_FILE)).mode & 0o777).toBe(0o600);
  });

  test("keeps objects and versions across a restart", async () => {
    const made = await store.create("Export", anExport("a"));
    await store.delete("Export", "default", (await store.create("Export", anExport("b"))).metadata.name);
    const { resourceVersion } = await store.list("Export");
    store.close();
    store = openStore(folder.path, { clock: () => 0 });
    expect(await store.list("Export")).toEqual({ items: [made], resourceVersion });
  });

  test("a store made anew does not repeat the versions of one that was lost", async () => {
    const old = await store.create("Export", anExport("a"));
    const other = temporaryFolder();
    const anew = openStore(other.path, { clock: () => now + 1000 });
    expect(Number((await anew.list("Export")).resourceVersion)).toBeGreaterThan(Number(old.metadata.resourceVersion));
    const watch = () =>
      anew.watch("Export", { resourceVersion: old.metadata.resourceVersion, signal: AbortSignal.abort() });
    expect(watch).toThrow(expect.objectContaining({ code: "Expired" }));
    anew.close();
    other.dispose();
  });

  test("of a later release is refused, and left as it is", () => {
    store.close();
    const database = new Database(join(folder.path, DATABASE_FILE));
    database.run("PRAGMA user_version = 99");
    database.close();
    expect(() => openStore(folder.path)).toThrow(/has schema 99, this release reads 1/);
    const again = new Database(join(folder.path, DATABASE_FILE));
    again.run("PRAGMA user_version = 1");
    again.close();
    store = openStore(folder.path);
  });

  test("that is no database is refused with its path", () => {
    const other = temporaryFolder();
    writeFileSync(join(other.path, DATABASE_FILE), "nonsense ".repeat(1000));
    expect(() => openStore(other.path)).toThrow(new RegExp(`cannot open the store ${other.path}`));
    other.dispose();
  });

  test("that fails under a write is Unavailable, not a lost write", async () => {
    const other = temporaryFolder();
    const broken = openStore(other.path);
    broken.close();
    const error = await failure(broken.create("Export", anExport("a")));
    expect(error.code).toBe("Unavailable");
    other.dispose();
  });
});
