/** Watches over a real socket: what is told, in which order, and how a watch ends. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Door } from "../../src/api/door.ts";
import { openUnixDoor } from "../../src/api/unix-door.ts";
import { createApi, imports, openSite, type TestSite, web } from "./site.ts";

interface Event {
  type: string;
  object: {
    kind: string;
    code?: number;
    metadata: { name?: string; resourceVersion: string; annotations?: Record<string, string> };
    columnDefinitions?: unknown[];
    rows?: { cells: unknown[] }[];
  };
}

let site: TestSite;
let door: Door;
let socket: string;
beforeAll(async () => {
  site = await openSite({ retention: 20, bookmarkInterval: 50, maxWatches: 4 });
  socket = join(site.folder, "api.sock");
  door = openUnixDoor(socket, createApi(site.deps));
});
afterAll(async () => {
  site.closing.abort();
  await door.close(0);
  await site.close();
});

const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(`http://site${path}`, {
    unix: socket,
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const create = async (name: string, metadata = {}) =>
  await (await call("POST", imports, web({}, { name, ...metadata }))).json();
const versionNow = async () =>
  ((await (await call("GET", imports)).json()) as Event["object"]).metadata.resourceVersion;

/** Opens a watch and reads its events one by one. */
async function watch(query: string, accept = "application/json") {
  const leave = new AbortController();
  const response = await fetch(`http://site${imports}?watch=true&${query}`, {
    unix: socket,
    headers: { accept },
    signal: leave.signal,
  });
  const events = read(response);
  return {
    response,
    async next(): Promise<Event> {
      const { value } = await events.next();
      if (value === undefined) throw new Error("the watch has ended");
      return value;
    },
    async rest(): Promise<Event[]> {
      return await Array.fromAsync(events);
    },
    async leave() {
      leave.abort();
      await events.next().catch(() => undefined);
    },
  };
}

async function* read(response: Response): AsyncGenerator<Event> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

describe("a watch", () => {
  test("from a version tells what came after it, in order", async () => {
    const stream = await watch(`resourceVersion=${await versionNow()}`);
    await create("one");
    await call("PATCH", `${imports}/one`, { spec: { port: 81 } }, { "content-type": "application/merge-patch+json" });
    await call("DELETE", `${imports}/one`);
    const seen = [await stream.next(), await stream.next(), await stream.next()];
    expect(seen.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ["ADDED", "one"],
      ["MODIFIED", "one"],
      ["DELETED", "one"],
    ]);
    await stream.leave();
  });
  test("without a version begins with what is there", async () => {
    await create("there");
    const stream = await watch("");
    expect(await stream.next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "there" } } });
    await create("later");
    expect(await stream.next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "later" } } });
    await stream.leave();
    for (const name of ["there", "later"]) await call("DELETE", `${imports}/${name}`);
  });
  test("answers at once, also while nothing happens", async () => {
    const { response, leave } = await watch(`resourceVersion=${await versionNow()}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    await leave();
  });
  test("with sendInitialEvents tells where the initial events end", async () => {
    await create("first");
    const stream = await watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    expect((await stream.next()).type).toBe("ADDED");
    const end = await stream.next();
    expect(end).toMatchObject({
      type: "BOOKMARK",
      object: { kind: "Import", metadata: { annotations: { "k8s.io/initial-events-end": "true" } } },
    });
    await stream.leave();
    await call("DELETE", `${imports}/first`);
  });
  test("with sendInitialEvents=false begins with what comes", async () => {
    await create("old");
    const stream = await watch("sendInitialEvents=false&resourceVersionMatch=NotOlderThan");
    await create("new");
    expect((await stream.next()).object.metadata.name).toBe("new");
    await stream.leave();
    for (const name of ["old", "new"]) await call("DELETE", `${imports}/${name}`);
  });
  test("sends bookmarks to who allows them, and to nobody else", async () => {
    const version = await versionNow();
    const [allowing, other] = [
      await watch(`resourceVersion=${version}&allowWatchBookmarks=true`),
      await watch(`resourceVersion=${version}`),
    ];
    await call("POST", imports.replace("default", "far"), web({}, { name: "elsewhere", namespace: "far" }));
    const bookmark = await allowing.next();
    expect(bookmark.type).toBe("BOOKMARK");
    expect(BigInt(bookmark.object.metadata.resourceVersion)).toBeGreaterThan(BigInt(version));
    await create("real");
    expect((await other.next()).type).toBe("ADDED");
    await allowing.leave();
    await other.leave();
    await call("DELETE", `${imports}/real`);
  });
  test("tells a change that leaves the selection as a deletion", async () => {
    const stream = await watch(`resourceVersion=${await versionNow()}&labelSelector=app`);
    await create("chosen", { labels: { app: "a" } });
    await call(
      "PATCH",
      `${imports}/chosen`,
      { metadata: { labels: null } },
      { "content-type": "application/merge-patch+json" },
    );
    expect([(await stream.next()).type, (await stream.next()).type]).toEqual(["ADDED", "DELETED"]);
    await stream.leave();
    await call("DELETE", `${imports}/chosen`);
  });
  test("as Tables names the columns once", async () => {
    const stream = await watch(`resourceVersion=${await versionNow()}`, "application/json;as=Table;v=v1;g=meta.k8s.io");
    await create("row");
    await call("DELETE", `${imports}/row`);
    const [first, second] = [await stream.next(), await stream.next()];
    expect([first.object.kind, first.object.columnDefinitions?.length, first.object.rows?.[0]?.cells[0]]).toEqual([
      "Table",
      8,
      "row",
    ]);
    expect([second.object.columnDefinitions?.length, second.object.rows?.length]).toEqual([0, 1]);
    await stream.leave();
  });
  test("ends by itself after timeoutSeconds", async () => {
    const stream = await watch(`resourceVersion=${await versionNow()}&timeoutSeconds=1`);
    expect(await stream.rest()).toEqual([]);
  });
  test("from a version that is no longer retained is 410", async () => {
    const old = await versionNow();
    for (let i = 0; i < 30; i += 1)
      await call("PATCH", `${imports}/many`, web({}, { name: "many", labels: { i: `${i}` } }), {
        "content-type": "application/merge-patch+json",
      }).then((answer) => (answer.status === 404 ? create("many") : answer));
    const { response } = await watch(`resourceVersion=${old}`);
    expect([response.status, ((await response.json()) as { reason: string }).reason]).toEqual([410, "Expired"]);
  });
  test("is refused to HEAD, which would hold a place among the watches and read nothing", async () => {
    for (let i = 0; i < 6; i++) {
      const { status, headers } = await call("HEAD", `${imports}?watch=true`);
      expect([status, headers.get("allow")]).toEqual([405, "GET"]);
    }
    const open = await watch("");
    expect(open.response.status).toBe(200);
    await open.leave();
  });
  test("beyond the allowed number is told to come again, until another one leaves", async () => {
    const version = await versionNow();
    const open = await Promise.all(Array.from({ length: 4 }, () => watch(`resourceVersion=${version}`)));
    const refused = await watch(`resourceVersion=${version}`);
    expect([refused.response.status, refused.response.headers.get("retry-after")]).toEqual([429, "1"]);
    for (const stream of open) await stream.leave();
    for (let tries = 0; ; tries += 1) {
      const again = await watch(`resourceVersion=${version}`);
      await again.leave();
      if (again.response.status === 200) break;
      expect(tries).toBeLessThan(100);
      await Bun.sleep(10);
    }
  });
});

describe("what is there at the beginning, where it is more than a page", () => {
  const open = async (retention: number, count: number) => {
    const large = await openSite({ retention });
    for (let i = 0; i < count; i++) await large.store.create("Import", validImport(`i${String(i).padStart(3, "0")}`));
    const query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const events = read(await createApi(large.deps).request(`${imports}?${query}`));
    return { large, events, next: async () => (await events.next()).value };
  };
  const validImport = (name: string) => ({
    apiVersion: "clusterlink.net/v1alpha1" as const,
    kind: "Import" as const,
    metadata: { name, namespace: "default", uid: "", resourceVersion: "", generation: 0, creationTimestamp: "" },
    spec: { port: 80, sources: [], lbScheme: "round-robin" as const },
  });

  test("is told whole, in order, as it was at the beginning, and then what came since", async () => {
    const { large, next } = await open(1000, 250);
    const seen = [await next()];
    await large.store.create("Import", validImport("i100-b"));
    while (seen.at(-1)?.type === "ADDED") seen.push(await next());
    expect(seen.slice(0, -1).map((event) => event?.object.metadata.name)).toEqual(
      Array.from({ length: 250 }, (_, i) => `i${String(i).padStart(3, "0")}`),
    );
    expect(seen.at(-1)?.type).toBe("BOOKMARK");
    expect(await next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "i100-b" } } });
    await large.close();
  });
  test("is not held for who does not read on: when the rest is no longer retained, that is told", async () => {
    const { large, events, next } = await open(20, 150);
    const first = await next();
    for (let i = 0; i < 40; i++) await large.store.create("Import", validImport(`later${i}`));
    const rest = await Array.fromAsync(events);
    expect([first, ...rest].filter((event) => event?.type === "ADDED")).toHaveLength(100);
    expect(rest.at(-1)).toMatchObject({ type: "ERROR", object: { code: 410 } });
    await large.close();
  });
});
