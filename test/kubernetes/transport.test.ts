import { expect, test } from "bun:test";
import { KubeClient } from "../../src/store/kubernetes/client.ts";
import type { Connection, Credentials } from "../../src/store/kubernetes/connection.ts";
import { KubeApiError } from "../../src/store/kubernetes/error.ts";
import { loadConnection } from "../../src/store/kubernetes/kubeconfig.ts";
import { readLines } from "../../src/store/kubernetes/lines.ts";
import { LEASES, NAMESPACES, SECRETS } from "../../src/store/kubernetes/resource.ts";
import { hastyTiming } from "./recorder.ts";
import { onTestApiServer, type TestServer } from "./server.ts";

async function clientOf(server: TestServer, timeout?: number) {
  const timing = hastyTiming();
  const connection = await loadConnection({ kubeconfig: server.kubeconfig, env: {} });
  const client = new KubeClient({ connection, timing, ...(timeout === undefined ? {} : { timeout }) });
  return { client, timing };
}

async function failureOf(promise: Promise<unknown>): Promise<KubeApiError> {
  const error = await promise.catch((reason: unknown) => reason);
  if (error instanceof KubeApiError) return error;
  throw new Error(`it did not fail as the API does: ${String(error)}`);
}

const DEFAULT = { name: "default" };

onTestApiServer("a request", (server) => {
  test("that is not answered in time fails and says so", async () => {
    const { client } = await clientOf(server(), 50);
    server().faults.delay(2_000);
    const failure = await failureOf(client.get(NAMESPACES, DEFAULT));
    expect(failure).toMatchObject({ code: "Unavailable", httpStatus: undefined });
    expect(failure.message).toContain("GET /api/v1/namespaces/default");
    expect(failure.message).toEndWith("no answer within 50 ms");
  });

  test("that opens a watch has the deadline until the answer begins, and the watch has none", async () => {
    const { client } = await clientOf(server(), 100);
    const { resourceVersion } = await client.page(SECRETS);
    const abort = new AbortController();
    const watch = client.watch(SECRETS, { resourceVersion, signal: abort.signal });
    const begun = Date.now();
    while (Date.now() - begun < 300) expect(await watch.next()).toMatchObject({ value: { type: "BOOKMARK" } });
    abort.abort();
    server().faults.delay(2_000);
    const late = client.watch(SECRETS, { resourceVersion, signal: new AbortController().signal });
    expect((await failureOf(late.next())).message).toEndWith("no answer within 100 ms");
  });

  test("that an overloaded server puts off is sent again after the time that it names", async () => {
    const { client, timing } = await clientOf(server());
    server().faults.failNext(2, { status: 429, retryAfter: 2 });
    server().faults.failNext(1, { status: 503, retryAfter: 1 });
    expect(await client.get(NAMESPACES, DEFAULT)).toBeDefined();
    expect(timing.waits).toEqual([2_000, 2_000, 1_000]);
  });

  test("is not sent again for ever", async () => {
    const { client, timing } = await clientOf(server());
    server().faults.failNext(100, { status: 429, retryAfter: 3_600 });
    expect((await failureOf(client.get(NAMESPACES, DEFAULT))).httpStatus).toBe(429);
    expect(timing.waits).toEqual(Array.from({ length: 5 }, () => 10_000));
  });

  test.each([500, 503])("that fails with %i is not sent again: it may have been done", async (status) => {
    const { client } = await clientOf(server());
    server().faults.failNext(1, { status });
    const failure = await failureOf(client.create(LEASES, { metadata: { namespace: "default", name: "a" } }));
    expect(failure).toMatchObject({ code: "Unavailable", httpStatus: status });
    expect(server().requests).toHaveLength(1);
  });

  test("that is refused for its credentials is sent once more with fresh ones", async () => {
    const known = await loadConnection({ kubeconfig: server().kubeconfig, env: {} });
    const valid = await known.credentials();
    let fresh = false;
    const connection: Connection = {
      server: known.server,
      namespace: undefined,
      credentials: async (): Promise<Credentials> => (fresh ? valid : { ...valid, headers: {} }),
      refused: () => {
        fresh = true;
      },
    };
    expect(await new KubeClient({ connection }).get(NAMESPACES, DEFAULT)).toBeDefined();
  });

  test("to a server that is gone says where it should be", async () => {
    const { client } = await clientOf(server());
    await server().pause();
    const failure = await failureOf(client.get(NAMESPACES, DEFAULT));
    expect(failure).toMatchObject({ code: "Unavailable", httpStatus: undefined });
    expect(failure.message).toContain(server().url);
  });
});

function streamOf(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
      controller.close();
    },
  });
}

const ASKED = { method: "GET", path: "/x" };

test.each([
  ["one in a piece", ["a\n"], ["a"]],
  ["several in a piece", ["a\nb\nc\n"], ["a", "b", "c"]],
  ["one in many pieces", ["a", "b", "c\nd", "\n"], ["abc", "d"]],
  ["an empty one is none", ["\n\na\n\n"], ["a"]],
  ["an unfinished one is none", ["a\nb"], ["a"]],
])("lines: %s", async (_, chunks, lines) => {
  expect(await Array.fromAsync(readLines(streamOf(...chunks), ASKED))).toEqual(lines);
});

test("a character that is cut into two pieces is whole again", async () => {
  const bytes = new TextEncoder().encode("ü€\n");
  const pieces = Array.from(bytes, (byte) => new Uint8Array([byte]));
  expect(await Array.fromAsync(readLines(streamOf(...pieces), ASKED))).toEqual(["ü€"]);
});

test("a line beyond all bounds ends the stream", async () => {
  const chunk = "x".repeat(1024 * 1024);
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(chunk)),
  });
  const failure = await failureOf(Array.fromAsync(readLines(endless, ASKED)));
  expect(failure.code).toBe("Unavailable");
  expect(failure.message).toContain("characters");
});
