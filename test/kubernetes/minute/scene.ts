/** What the minutes pass in: two replicas of a gateway in a cluster, a site of its own, and what the server wrote down. */
import { LEASES, PODS, type Pod } from "../../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, SYSTEM } from "../../control/objects.ts";
import { GatewaySite } from "../../process/gateway-process.ts";
import { create, gatewayEndpoints } from "../control-site.ts";
import { startEcho } from "../hashed-stream.ts";
import type { Handled, TestServer } from "../test-server.ts";

const API = "/apis/clusterlink.net/v1alpha1/namespaces/default";

/** Where the two replicas listen, since they share a machine. */
export const HOSTS = ["127.0.0.2", "127.0.0.3"] as const;

/** The addresses of their pods, which cannot be those. */
export const ENDPOINTS = ["10.244.0.5", "10.244.0.6"];

const READS = new Set(["get", "list", "watch"]);

/** Two replicas of a gateway in a cluster, a site of its own that exports an echo, and the way between all of them. */
export interface Scene {
  server: TestServer;
  namespace: string;
  replicas: GatewaySite[];
}

export async function scene(
  stack: AsyncDisposableStack,
  server: TestServer,
  kubeconfig = server.kubeconfig,
): Promise<Scene> {
  const namespace = await server.namespace();
  await gatewayEndpoints(server, ENDPOINTS);
  const echo = await startEcho();
  stack.defer(() => echo.stop());
  const start = async (name: string, flags: string[] = []) => {
    const site = await GatewaySite.create(name);
    stack.defer(() => site.close());
    await site.startReady(flags);
    return site;
  };
  const west = await start("west");
  const make = (plural: string, kind: string, name: string, spec: object) =>
    west.request("POST", `${API}/${plural}`, {
      apiVersion: "clusterlink.net/v1alpha1",
      kind,
      metadata: { name },
      spec,
    });
  await make("exports", "Export", "echo", { host: "127.0.0.1", port: echo.port });
  await make("accesspolicies", "AccessPolicy", "all", ALLOW_ALL);
  await create(server, "Peer", SYSTEM, "west", { gateways: [{ host: "127.0.0.1", port: west.port }] });
  const cluster = ["--kubernetes", "--kubeconfig", kubeconfig, "--import-address"];
  const replicas = await Promise.all(HOSTS.map((host) => start("east", [...cluster, host])));
  return { server, namespace, replicas };
}

/** An Import of the echo. */
export const importSpec = (targetPort?: number) => ({
  port: 7,
  sources: [{ peer: "west", exportName: "echo", exportNamespace: "default" }],
  lbScheme: "round-robin" as const,
  ...(targetPort === undefined ? {} : { targetPort }),
});

export async function makePod({ server, namespace }: Scene, name: string, ip: string, app: string): Promise<void> {
  const spec = { containers: [{ name: "c", image: "i" }] };
  await server.client.create(PODS, { metadata: { name, namespace, labels: { app } }, spec } as Pod);
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }] };
  await server.client.patchStatus(PODS, { namespace, name }, { status });
}

export const lease = async (server: TestServer) =>
  (await server.client.get(LEASES, { namespace: SYSTEM, name: "clusterlink-gateway" }))?.spec;

const shown = ({ verb, resource, namespace, name }: Handled) => `${verb} ${resource} ${namespace}/${name}`;
/** The one write that is always allowed. */
export const RENEWAL = `update leases ${SYSTEM}/clusterlink-gateway`;

/** What was written but the Lease, from the server's own record. */
export const writes = (server: TestServer, from = 0) =>
  server
    .handled()
    .slice(from)
    .filter(({ verb }) => !READS.has(verb))
    .map(shown);

/** Waits until nothing but the Lease has been written for three seconds. */
export async function quiet(server: TestServer): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const from = server.handled().length;
    await Bun.sleep(3_000);
    if (writes(server, from).every((write) => write === RENEWAL)) return;
  }
  throw new Error("it never became quiet");
}
