/** The store against a model that is nothing but maps: one per version. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ExportResource } from "../../src/resources/kinds.ts";
import { StoreError } from "../../src/store/errors.ts";
import type { StandaloneStore } from "../../src/store/standalone/standalone-store.ts";
import { anExport, openStore, temporaryFolder, withLabels } from "./objects.ts";

type Key = { name: string; namespace: string };
type Step =
  | ({ do: "create"; app: string } & Key)
  | ({ do: "update"; app: string; port: number; stale: boolean } & Key)
  | ({ do: "status" } & Key)
  | ({ do: "delete"; dryRun: boolean } & Key);

const key = { name: fc.constantFrom("a", "b", "c", "d"), namespace: fc.constantFrom("n", "o") };
const app = fc.constantFrom("web", "db");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("create" as const), app, ...key }),
  fc.record({ do: fc.constant("update" as const), app, port: fc.constantFrom(80, 81), stale: fc.boolean(), ...key }),
  fc.record({ do: fc.constant("status" as const), ...key }),
  fc.record({ do: fc.constant("delete" as const), dryRun: fc.boolean(), ...key }),
);

type State = Map<string, ExportResource>;

/** What the step should do to the state: the error's code, or the next state's entry. */
async function perform(store: StandaloneStore, state: State, next: Step): Promise<State> {
  const id = `${next.namespace}/${next.name}`;
  const known = state.get(id);
  const expected = known
    ? next.do === "create"
      ? "AlreadyExists"
      : undefined
    : next.do === "create"
      ? undefined
      : "NotFound";
  const stale = next.do === "update" && next.stale && known !== undefined;
  const outcome = await write(store, known, next).catch((error: unknown) => error);
  if (outcome instanceof StoreError) {
    expect(outcome.code).toBe(stale ? "Conflict" : (expected ?? "Invalid"));
    return state;
  }
  expect([expected, stale]).toEqual([undefined, false]);
  const after = new Map(state);
  if (next.do !== "delete") after.set(id, outcome as ExportResource);
  else if (!next.dryRun) after.delete(id);
  return after;
}

function write(store: StandaloneStore, known: ExportResource | undefined, next: Step): Promise<ExportResource> {
  const { name, namespace } = next;
  const object = known ?? anExport(name, { namespace });
  switch (next.do) {
    case "create":
      return store.create("Export", anExport(name, { namespace, labels: { app: next.app } }));
    case "update": {
      const changed = { ...withLabels(object, { app: next.app }), spec: { ...object.spec, port: next.port } };
      return store.update(
        "Export",
        next.stale ? { ...changed, metadata: { ...changed.metadata, resourceVersion: "1" } } : changed,
      );
    }
    case "status":
      return store.updateStatus("Export", { ...object, status: { conditions: [] } });
    case "delete":
      return store.delete("Export", namespace, name, { dryRun: next.dryRun });
  }
}

function sorted(state: State, selected: (object: ExportResource) => boolean = () => true): ExportResource[] {
  return [...state].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, object]) => (selected(object) ? [object] : []));
}

const isWeb = (object: ExportResource) => object.metadata.labels?.app === "web";

test("any sequence of writes leaves what the model has, at every version, in pages and by watching", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 15, maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, limit) => {
        const folder = temporaryFolder();
        const store = openStore(folder.path, {
          retention: { changes: 5 },
          watcher: { buffer: 2, bookmarkInterval: 0 },
        });
        try {
          const versions: { version: string; state: State }[] = [];
          let state: State = new Map();
          versions.push({ version: (await store.list("Export")).resourceVersion, state });
          for (const next of steps) {
            const before = state;
            state = await perform(store, state, next);
            const { items, resourceVersion } = await store.list("Export");
            expect(items).toEqual(sorted(state));
            const { version } = versions.at(-1) ?? { version: "" };
            if (resourceVersion === version) expect(sorted(state)).toEqual(sorted(before));
            else expect(Number(resourceVersion)).toBe(Number(version) + 1);
            versions.push({ version: resourceVersion, state });
          }
          for (const past of versions) {
            const paged = await pages(store, past.version, limit);
            if (paged) expect(paged).toEqual(sorted(past.state));
            const watched = await replay(store, past);
            expect(watched === undefined).toBe(paged === undefined);
            if (watched) expect(watched).toEqual(sorted(state, isWeb));
          }
        } finally {
          store.close();
          folder.dispose();
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** The list at a version, page by page; `undefined` when it has expired. */
async function pages(store: StandaloneStore, version: string, limit: number): Promise<ExportResource[] | undefined> {
  const items: ExportResource[] = [];
  let token: string | undefined;
  do {
    const page = await store
      .list("Export", token === undefined ? { limit, resourceVersion: version } : { limit, continue: token })
      .catch((error: unknown) =>
        error instanceof StoreError && error.code === "Expired" ? undefined : Promise.reject(error),
      );
    if (!page) return undefined;
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    token = page.continue;
  } while (token !== undefined);
  return items;
}

/** What a mirror of the web objects becomes by watching from a version to now; `undefined` when it has expired. */
async function replay(
  store: StandaloneStore,
  past: { version: string; state: State },
): Promise<ExportResource[] | undefined> {
  const mirror: State = new Map([...past.state].filter(([, object]) => isWeb(object)));
  const now = (await store.list("Export")).resourceVersion;
  const options = { resourceVersion: past.version, labelSelector: "app=web", signal: new AbortController().signal };
  try {
    if (past.version === now) return sorted(mirror);
    for await (const event of store.watch("Export", options)) {
      if (event.type === "BOOKMARK") {
        expect(event.resourceVersion).toBe(now);
        break;
      }
      const { namespace, name, resourceVersion } = event.object.metadata;
      expect(mirror.has(`${namespace}/${name}`)).toBe(event.type !== "ADDED");
      if (event.type === "DELETED") mirror.delete(`${namespace}/${name}`);
      else mirror.set(`${namespace}/${name}`, event.object);
      if (resourceVersion === now) break;
    }
  } catch (error) {
    if (error instanceof StoreError && error.code === "Expired") return undefined;
    throw error;
  }
  return sorted(mirror);
}
