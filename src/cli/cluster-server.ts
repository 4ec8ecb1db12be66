/**
 * The control API of a gateway in a cluster, through the cluster's API server: resources are the API server's own, and
 * everything else is asked of a gateway pod, by its own executable.
 */
import { GATEWAY_SELECTOR } from "../deploy/names.ts";
import type { KubeClient } from "../store/kubernetes/client.ts";
import type { Connection } from "../store/kubernetes/connection.ts";
import { PODS, type Pod } from "../store/kubernetes/resource.ts";
import type { ClientRequest } from "./client-request.ts";
import { type ClusterOptions, clusterConnection } from "./cluster.ts";
import { CliError } from "./errors.ts";
import { execInPod } from "./pod-exec.ts";

/** How long an answer from a pod may take, in milliseconds. */
const POD_TIMEOUT = 30_000;

/** Where the image has the executable. */
const EXECUTABLE = "/usr/bin/clusterlink";

/** What `clusterlink raw` prints: an answer of the control API. */
export interface RawAnswer {
  status: number;
  body: string;
}

/** Sends a request. Throws CliErrors where there is no answer. */
export type ClusterSend = (url: URL, request: ClientRequest) => Promise<Response>;

/** @returns what sends requests to a cluster; it looks for the cluster at the first of them. */
export function clusterSender(options: ClusterOptions & { gatewayNamespace: string }): ClusterSend {
  let connection: Promise<Connection> | undefined;
  return async (url, request) => {
    connection ??= clusterConnection(options);
    const found = await connection;
    if (/^\/(apis?|version|openapi)(\/|$)/.test(url.pathname)) return askApiServer(found, url, request);
    return askPod(found, options.gatewayNamespace, url, request);
  };
}

async function askApiServer(connection: Connection, url: URL, request: ClientRequest): Promise<Response> {
  const { headers, tls, proxy } = await connection.credentials();
  return fetch(`${connection.server}${url.pathname}${url.search}`, {
    method: request.method ?? "GET",
    headers: {
      accept: request.accept ?? "application/json",
      ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
      ...headers,
    },
    redirect: "error",
    timeout: false,
    tls,
    ...(proxy === undefined ? {} : { proxy }),
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
}

async function askPod(connection: Connection, namespace: string, url: URL, request: ClientRequest): Promise<Response> {
  const { KubeClient } = await import("../store/kubernetes/client.ts");
  const pod = await readyPod(new KubeClient({ connection }), namespace);
  const data = request.body === undefined ? [] : ["--data", request.body];
  const command = [EXECUTABLE, "raw", "--method", request.method ?? "GET", ...data, `${url.pathname}${url.search}`];
  const place = { namespace, pod: pod.metadata.name, container: "gateway" };
  const { stdout, stderr, exitCode } = await execInPod(connection, place, command, POD_TIMEOUT);
  if (exitCode !== 0) throw new CliError("unreachable", `pod ${namespace}/${place.pod}: ${stderr.trim()}`);
  const { status, body } = JSON.parse(stdout) as RawAnswer;
  return new Response(body, { status });
}

/** A pod that is ready, else one that runs. */
async function readyPod(client: KubeClient, namespace: string): Promise<Pod> {
  const labelSelector = Object.entries(GATEWAY_SELECTOR)
    .map((pair) => pair.join("="))
    .join(",");
  const pods = await client.all(PODS, { namespace, labelSelector });
  const running = pods.filter((pod) => pod.status?.phase === "Running" && !pod.metadata.deletionTimestamp);
  const found = running.find(isReady) ?? running[0];
  if (found !== undefined) return found;
  throw new CliError(
    "unreachable",
    `no gateway runs in namespace '${namespace}' of the cluster: deploy it with 'clusterlink deploy peer', or name its namespace with --gateway-namespace`,
  );
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}
