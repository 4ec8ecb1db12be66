import { afterEach, expect, test } from "bun:test";
import type { KubeClient } from "../../src/store/kubernetes/client.ts";
import type { InformerOptions } from "../../src/store/kubernetes/informer.ts";
import { type KubeObject, SECRETS } from "../../src/store/kubernetes/resource.ts";
import { hastyTiming, type Recorder, record, until } from "./recorder.ts";
import { onTestApiServer, suite } from "./server.ts";

const running: Recorder<string | undefined>[] = [];

/** Follows the Secrets of a namespace; ends with the test. */
function start(
  client: KubeClient,
  namespace: string,
  more: Partial<InformerOptions<KubeObject, string | undefined>> = {},
) {
  const recorder = record({ client, selection: { namespace }, ...more });
  running.push(recorder);
  recorder.informer.start();
  return recorder;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ informer }) => informer.stop()));
});

function writer(client: KubeClient, namespace: string) {
  const name = (text: string) => ({ namespace, name: text });
  return {
    put: (text: string, v = "1") =>
      client.apply(SECRETS, { metadata: { ...name(text), labels: { v } } }, { force: true }).then(() => undefined),
    remove: (text: string) => client.delete(SECRETS, name(text)),
  };
}

suite("a reflector", (server) => {
  test("tells all there is at once, then every change", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put, remove } = writer(client, namespace);
    await put("a");
    await put("b");
    const { calls, called, informer } = start(client, namespace);
    await called(1);
    await put("c");
    await put("a", "2");
    await remove("b");
    await called(4);
    expect(calls).toEqual(["+a +b", "+c", "+a", "-b"]);
    expect([...informer.entries()].sort()).toEqual([
      [`${namespace}/a`, "2"],
      [`${namespace}/c`, "1"],
    ]);
    expect(informer.get(`${namespace}/a`)).toBe("2");
    expect(informer.lastContact).toBeNumber();
    expect(informer.failure).toBeUndefined();
  });

  test("tells an empty first list, so that nobody waits for it", async () => {
    const { informer, calls } = start(server().client, await server().namespace());
    await informer.whenSynced;
    expect(calls).toEqual([""]);
    expect(informer.size).toBe(0);
  });

  test("reads a list of several pages whole before it tells any of it", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put } = writer(client, namespace);
    for (const name of ["a", "b", "c", "d", "e"]) await put(name);
    const { calls, called } = start(client, namespace, { pageSize: 2 });
    await called(1);
    expect(calls).toEqual(["+a +b +c +d +e"]);
  });

  test("tells a change only where what is kept of the object changes", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put } = writer(client, namespace);
    await put("a");
    const { calls, called } = start(client, namespace);
    await called(1);
    await client.patch(SECRETS, { namespace, name: "a" }, { metadata: { annotations: { other: "1" } } });
    await put("a", "2");
    await called(2);
    expect(calls).toEqual(["+a", "+a"]);
  });

  test("forgets an object of which nothing is to be kept any more", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put } = writer(client, namespace);
    await put("a", "keep");
    await put("b", "drop");
    const project = ({ metadata }: KubeObject) => (metadata.labels?.["v"] === "keep" ? "kept" : undefined);
    const { calls, called } = start(client, namespace, { project });
    await called(1);
    await put("a", "drop");
    await put("b", "keep");
    await called(3);
    expect(calls).toEqual(["+a", "-a", "+b"]);
  });

  test("tells a new listener all that is known, before it tells it anything else", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put } = writer(client, namespace);
    await put("a");
    const { informer } = start(client, namespace);
    await informer.whenSynced;
    const heard: string[] = [];
    const end = informer.subscribe((changes) => {
      for (const { key } of changes) heard.push(key);
    });
    expect(heard).toEqual([`${namespace}/a`]);
    end();
    await put("b");
    await until(() => informer.size === 2);
    expect(heard).toHaveLength(1);
  });

  test("keeps telling the others when a listener fails", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put } = writer(client, namespace);
    const { informer, lines, calls, called } = start(client, namespace);
    await informer.whenSynced;
    informer.subscribe(() => {
      throw new Error("a defect");
    });
    await put("a");
    await called(2);
    expect(calls).toEqual(["", "+a"]);
    expect(lines.join("")).toContain("a defect");
  });

  test("says nothing more once it is stopped", async () => {
    const { client } = server();
    const namespace = await server().namespace();
    const { put } = writer(client, namespace);
    const { informer, calls } = start(client, namespace);
    await informer.whenSynced;
    await informer.stop();
    await put("a");
    await Bun.sleep(50);
    expect(calls).toEqual([""]);
  });
});

onTestApiServer("a reflector that is disturbed", (server) => {
  const watches = () => server().requests.filter(({ verb, resource }) => verb === "watch" && resource === "secrets");
  const lists = () => server().requests.filter(({ verb, resource }) => verb === "list" && resource === "secrets");

  async function following(more: Partial<InformerOptions<KubeObject, string | undefined>> = {}) {
    const namespace = await server().namespace();
    const { put, remove } = writer(server().client, namespace);
    await put("a");
    const recorder = start(server().client, namespace, more);
    await recorder.informer.whenSynced;
    await until(() => server().faults.watches.size > 0);
    return { ...recorder, namespace, put, remove };
  }

  test.each([
    ["breaks off", "dropWatches"],
    ["ends", "endWatches"],
  ] as const)("a watch that %s goes on where it was, without a new list", async (_, fault) => {
    const { put, remove, calls, called } = await following();
    await put("b");
    await called(2);
    server().faults[fault]();
    await put("c");
    await remove("a");
    await called(4);
    expect(calls).toEqual(["+a", "+b", "+c", "-a"]);
    expect(lists()).toHaveLength(1);
  });

  test("a bookmark moves the place that a broken watch goes on from", async () => {
    const { put, called, calls, namespace } = await following();
    const elsewhere = writer(server().client, await server().namespace());
    for (let i = 0; i < 5; i++) await elsewhere.put("x", String(i));
    await Bun.sleep(250);
    server().faults.expireHistory();
    server().faults.dropWatches();
    await put("b");
    await called(2);
    expect(calls).toEqual(["+a", "+b"]);
    expect(lists().filter((each) => each.namespace === namespace)).toHaveLength(1);
  });

  test("an expired history is answered by a new list, of which only the differences are told", async () => {
    const { put, remove, calls, called, informer, namespace } = await following();
    await put("b");
    await put("c");
    await called(3);
    server().faults.failNext(1_000, { when: ({ verb }) => verb === "watch" });
    server().faults.dropWatches();
    await remove("b");
    await put("c", "2");
    await put("d");
    server().faults.expireHistory();
    server().faults.clear();
    await called(4);
    expect(calls.slice(3)).toEqual(["+c +d -b"]);
    expect([...informer.entries()].sort()).toEqual([
      [`${namespace}/a`, "1"],
      [`${namespace}/c`, "2"],
      [`${namespace}/d`, "1"],
    ]);
  });

  test("an expiry that the watch itself tells is answered by a new list, and nothing is told when nothing differs", async () => {
    const { calls, put, called } = await following();
    server().faults.expireWatches();
    await until(() => lists().length === 2);
    await put("b");
    await called(2);
    expect(calls).toEqual(["+a", "+b"]);
  });

  test("an object that was made again under its name meanwhile is another one", async () => {
    const { put, remove, calls, called } = await following();
    server().faults.failNext(1_000, { when: ({ verb }) => verb === "watch" });
    server().faults.dropWatches();
    await remove("a");
    await put("a");
    server().faults.expireHistory();
    server().faults.clear();
    await called(2);
    expect(calls[1]).toBe("+a -a");
  });

  test("a list whose pages expire under way begins again, and nothing of the first try is told", async () => {
    const namespace = await server().namespace();
    const { put, remove } = writer(server().client, namespace);
    for (const name of ["a", "b", "c"]) await put(name);
    server().faults.delay(60, ({ verb, query }) => verb === "list" && query.has("continue"));
    const { calls, called } = start(server().client, namespace, { pageSize: 2 });
    await until(() => lists().length === 2);
    await remove("a");
    server().faults.expireHistory();
    server().faults.clear();
    await called(1);
    expect(calls).toEqual(["+b +c"]);
  });

  test("errors are met with growing pauses, and a success ends them", async () => {
    const { put, called, timing, informer } = await following();
    server().faults.failNext(4, { status: 500, when: ({ verb }) => verb === "watch" });
    server().faults.dropWatches();
    await until(() => timing.waits.length >= 5);
    expect(timing.waits).toEqual([200, 400, 800, 1600, 3200]);
    await until(() => informer.failure === undefined);
    await put("b");
    await called(2);
    server().faults.dropWatches();
    await until(() => timing.waits.length === 6);
    expect(timing.waits.at(-1)).toBe(200);
  });

  test("a watch that was open for a while counts as one that worked, though it had nothing to tell", async () => {
    let ahead = 0;
    const hasty = hastyTiming();
    const timing = { ...hasty, now: () => Date.now() + ahead };
    await following({ timing });
    for (let cuts = 1; cuts <= 8; cuts++) {
      await until(() => watches().length === cuts && server().faults.watches.size === 1);
      await Bun.sleep(20);
      ahead += 30_000;
      server().faults.dropWatches();
    }
    await until(() => watches().length === 9);
    expect(hasty.waits).toEqual(Array.from({ length: 8 }, () => 200));
  });

  test("a history that is over now and then is listed anew without growing pauses", async () => {
    let ahead = 0;
    const hasty = hastyTiming();
    const timing = { ...hasty, now: () => Date.now() + ahead };
    await following({ timing });
    for (let expiries = 1; expiries <= 4; expiries++) {
      await until(() => lists().length === expiries && server().faults.watches.size === 1);
      await Bun.sleep(20);
      ahead += 300_000;
      server().faults.expireWatches();
    }
    await until(() => lists().length === 5);
    expect(hasty.waits).toEqual([]);
  });

  test("says why it is behind, and since when nothing was heard", async () => {
    const { informer } = await following();
    const before = informer.lastContact ?? 0;
    await server().pause();
    await until(() => informer.failure?.includes(server().url) ?? false);
    const last = informer.lastContact;
    await Bun.sleep(50);
    expect(informer.lastContact).toBe(last as number);
    await server().resume();
    await until(() => informer.failure === undefined);
    expect(informer.lastContact).toBeGreaterThan(before);
  });

  test("what happens while the server is gone is told when it is back", async () => {
    const { put, calls, called, informer } = await following();
    await server().pause();
    await until(() => informer.failure !== undefined);
    await server().resume();
    await put("b");
    await called(2);
    expect(calls).toEqual(["+a", "+b"]);
  });

  test("a watch that says nothing is begun anew where it was, which is no failure and worth no line in the log", async () => {
    const { put, calls, called, informer, timing, lines } = await following({ inactivity: 300 });
    server().faults.silenceWatches();
    await put("b");
    await called(2);
    expect(calls).toEqual(["+a", "+b"]);
    expect(watches()).toHaveLength(2);
    expect(informer.failure).toBeUndefined();
    expect(timing.waits).toEqual([]);
    expect(lines).toEqual([]);
  });

  test("a server that is gone when a silent watch is begun anew is a failure", async () => {
    const { informer } = await following({ inactivity: 300 });
    server().faults.silenceWatches();
    server().faults.failNext(1_000, { when: ({ verb }) => verb === "watch" });
    await until(() => informer.failure !== undefined);
  });

  test("bookmarks keep a quiet watch alive", async () => {
    await following({ inactivity: 500 });
    await Bun.sleep(1100);
    expect(watches()).toHaveLength(1);
  });

  test("asks again after a first list that failed", async () => {
    server().faults.failNext(2, { when: ({ verb }) => verb === "list" });
    const { calls, called, timing, lines } = start(server().client, await server().namespace());
    await called(1);
    expect(calls).toEqual([""]);
    expect(timing.waits).toEqual([200, 400]);
    expect(lines.filter((line) => line.includes("cannot be listed"))).toHaveLength(2);
  });

  test("the pauses are cut at random, each by up to a half", async () => {
    const random = () => 0.5;
    const namespace = await server().namespace();
    server().faults.failNext(3, { when: ({ verb }) => verb === "list" });
    const waits: number[] = [];
    const timing = { now: Date.now, random, sleep: async (milliseconds: number) => void waits.push(milliseconds) };
    const { called } = start(server().client, namespace, { timing });
    await called(1);
    expect(waits).toEqual([150, 300, 600]);
  });

  test("a hundred changes across twenty breaks are each told once, in order", async () => {
    const { put, calls } = await following();
    for (let i = 0; i < 100; i++) {
      await put(`n${i}`);
      if (i % 5 === 0) server().faults.dropWatches();
    }
    await until(() => calls.length >= 101);
    expect(calls.slice(1)).toEqual(Array.from({ length: 100 }, (_, i) => `+n${i}`));
    expect(lists()).toHaveLength(1);
  });
});
