/** A program in a pod, as the API server runs it: over a WebSocket, straight or through the kubeconfig's proxy. */
import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { execInPod } from "../../src/cli/pod-exec.ts";
import type { Credentials } from "../../src/store/kubernetes/connection.ts";
import { issueFabric, issuePeer } from "../api/certificates.ts";

const fabric = await issueFabric({ name: "cluster" });
const { cert, key } = await issuePeer({ name: "api" }, fabric);
const place = { namespace: "clusterlink-system", pod: "gateway-0", container: "gateway" };
const TIMEOUT = 5_000;

/** Answers each exec with its words on both outputs, and the exit code that the last word names. */
const server = Bun.serve<string[]>({
  hostname: "127.0.0.1",
  port: 0,
  tls: { cert, key },
  fetch(request, self) {
    const { pathname, searchParams } = new URL(request.url);
    if (request.headers.get("authorization") !== "Bearer secret") return new Response(null, { status: 401 });
    if (pathname !== "/api/v1/namespaces/clusterlink-system/pods/gateway-0/exec")
      return new Response(null, { status: 404 });
    const headers = { "sec-websocket-protocol": "v4.channel.k8s.io" };
    return self.upgrade(request, { data: searchParams.getAll("command"), headers })
      ? undefined
      : new Response(null, { status: 400 });
  },
  websocket: {
    open(socket) {
      const say = (channel: number, text: string) =>
        socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
      const code = socket.data.at(-1);
      say(1, socket.data.join(" "));
      say(2, "on stderr");
      const causes = [{ reason: "ExitCode", message: code }];
      say(3, JSON.stringify(code === "0" ? { status: "Success" } : { status: "Failure", details: { causes } }));
      socket.close();
    },
    message: () => undefined,
  },
});

/** What the proxy was asked to connect to. */
const asked: string[] = [];
const proxy = createServer((client: Socket) => {
  client.once("data", (head) => {
    const target = /^CONNECT (\S+):(\d+) HTTP/.exec(String(head));
    if (target === null) return client.destroy();
    asked.push(`${target[1]}:${target[2]}`);
    const far = connect(Number(target[2]), target[1], () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      client.pipe(far).pipe(client);
    });
    far.on("error", () => client.destroy());
    client.on("error", () => far.destroy());
  });
}).listen(0, "127.0.0.1");
await once(proxy, "listening");
const proxyPort = (proxy.address() as { port: number }).port;

afterAll(async () => {
  await server.stop(true);
  proxy.close();
});

function connection(more: Partial<Credentials> = {}) {
  const tls = { rejectUnauthorized: true, ca: fabric.cert, serverName: "api" };
  const credentials: Credentials = { headers: { authorization: "Bearer secret" }, tls, ...more };
  return {
    server: `https://127.0.0.1:${server.port}`,
    namespace: undefined,
    credentials: async () => credentials,
    refused: () => undefined,
  };
}

describe("a program in a pod", () => {
  test("gives its outputs and its exit code", async () => {
    const run = (code: string) => execInPod(connection(), place, ["raw", "/status", code], TIMEOUT);
    expect(await run("0")).toEqual({ stdout: "raw /status 0", stderr: "on stderr", exitCode: 0 });
    expect((await run("3")).exitCode).toBe(3);
  });

  test("is reached through the proxy that the kubeconfig names", async () => {
    const through = connection({ proxy: `http://127.0.0.1:${proxyPort}` });
    expect((await execInPod(through, place, ["raw", "0"], TIMEOUT)).stdout).toBe("raw 0");
    expect(asked).toEqual([`127.0.0.1:${server.port}`]);
  });

  test("is not asked for where the API server does not prove who it is", async () => {
    const other = await issueFabric({ name: "other" });
    const tls = { rejectUnauthorized: true, ca: other.cert, serverName: "api" };
    await expect(execInPod(connection({ tls }), place, ["raw", "0"], TIMEOUT)).rejects.toThrow(
      "no program can be run in pod clusterlink-system/gateway-0",
    );
  });
});
