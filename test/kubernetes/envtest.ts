/** A real kube-apiserver with its etcd and our CRDs as the API server of tests. */
import { closeSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { CRD_KINDS, customResourceDefinition } from "../../src/resources/crd.ts";
import {
  customResource,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  EVENTS,
  type KubeResource,
  LEASES,
  PODS,
  resourceName,
  SECRETS,
  SERVICES,
} from "../../src/store/kubernetes/resource.ts";
import { SERVER_NAME } from "./certificate.ts";
import { ControlPlane } from "./control-plane.ts";
import { clientFor, type Handled, kubeconfigText, makeNamespace, type OutageServer } from "./test-server.ts";

export const CRDS: KubeResource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

const CLEANED: KubeResource[] = [
  ...CRD_KINDS.map(customResource),
  SERVICES,
  ENDPOINT_SLICES,
  PODS,
  SECRETS,
  LEASES,
  EVENTS,
  DEPLOYMENTS,
];

/** What the server itself keeps: it is made again at once, or nothing works without it. */
const KEPT = new Set(["services default/kubernetes", "endpointslices.discovery.k8s.io default/kubernetes"]);

type Client = OutageServer["client"];

let shared: Promise<OutageServer> | undefined;

/** @returns the server that all tests of a run share; started when it is first asked for. */
export function realServer(): Promise<OutageServer> {
  shared ??= startRealServer();
  return shared;
}

/** @returns a server of one's own. */
export async function startRealServer(): Promise<OutageServer> {
  const plane = new ControlPlane();
  const token = () => crypto.randomUUID();
  const tokens = { admin: token(), alice: token(), bob: token(), carol: token() };
  const { admin, ...others } = tokens;
  const users = new Map([[admin, { name: "admin", groups: ["system:masters"] }]]);
  for (const [name, secret] of Object.entries(others)) users.set(secret, { name: `test:${name}`, groups: [] });
  const ca = await plane.start(users);
  const reached = { url: plane.url, ca, serverName: SERVER_NAME };
  const kubeconfig = plane.file("kubeconfig");
  writeFileSync(kubeconfig, kubeconfigText(reached, { token: admin }), { mode: 0o600 });
  const client = await clientFor(kubeconfig);
  await untilReady(client, plane);
  await installCrds(client);
  const log = plane.file("audit.log");
  let read = 0;
  return {
    ...reached,
    name: "a real API server",
    adminToken: admin,
    kubeconfig,
    client,
    user: (name) => ({ name: `test:${name}`, token: tokens[name] }),
    namespace: (prefix) => makeNamespace(client, prefix),
    async reset() {
      await reset(client);
      read = statSync(log).size;
    },
    handled: () => auditEvents(log, read),
    resources: () => discovered(client),
    pause: () => plane.killServer(),
    async resume() {
      plane.startServer();
      await untilReady(client, plane);
    },
    stop: () => plane.stop(),
  };
}

async function untilReady(client: Client, plane: ControlPlane): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const found = await client
      .request({ method: "GET", path: "/apis/apiextensions.k8s.io/v1" })
      .then(() => client.get(SERVICES, { namespace: "default", name: "kubernetes" }))
      .catch(() => undefined);
    if (found) return;
    if (Date.now() > until) throw new Error(`the API server did not start: ${plane.lastWords()}`);
    await Bun.sleep(100);
  }
}

async function installCrds(client: Client): Promise<void> {
  await Promise.all(
    CRD_KINDS.map(async (kind) => {
      await client.apply(CRDS, customResourceDefinition(kind));
      while (!(await client.page(customResource(kind), { limit: 1 }).catch(() => undefined))) await Bun.sleep(50);
    }),
  );
}

async function reset(client: Client): Promise<void> {
  await Promise.all(CLEANED.map((resource) => removeAll(client, resource)));
}

async function removeAll(client: Client, resource: KubeResource): Promise<void> {
  for (const { metadata } of await client.all(resource)) {
    const { namespace, name, finalizers } = metadata;
    if (KEPT.has(`${resourceName(resource)} ${namespace}/${name}`)) continue;
    if (finalizers?.length) await client.patch(resource, { namespace, name }, { metadata: { finalizers: null } });
    await client.delete(resource, { namespace, name }, { gracePeriodSeconds: 0 });
  }
}

interface AuditEvent {
  verb: string;
  user: { username: string };
  objectRef?: { apiGroup?: string; resource: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
}

/** The server writes an event before it has answered. */
function auditEvents(path: string, from: number): Handled[] {
  const bytes = Buffer.alloc(statSync(path).size - from);
  const file = openSync(path, "r");
  readSync(file, bytes, 0, bytes.length, from);
  closeSync(file);
  const lines = bytes.toString().split("\n");
  return lines.slice(0, -1).flatMap((line) => {
    const { verb, user, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    if (objectRef === undefined) return [];
    const { apiGroup = "", resource, subresource, namespace, name } = objectRef;
    const plural = subresource === undefined ? resource : `${resource}/${subresource}`;
    const forbidden = responseStatus?.code === 403;
    const handled = { verb, user: user.username, group: apiGroup, resource: plural, namespace, name, forbidden };
    // A server-side apply of an object that was not there takes the right to create it, too.
    return verb === "patch" && responseStatus?.code === 201 ? [handled, { ...handled, verb: "create" }] : [handled];
  });
}

interface Discovered {
  groupVersion: string;
  resources: { name: string; kind: string; namespaced: boolean; verbs: string[] }[];
}

async function discovered(client: Client): Promise<KubeResource[]> {
  const get = (path: string) => client.request({ method: "GET", path });
  const { groups } = (await get("/apis")) as { groups: { preferredVersion: { groupVersion: string } }[] };
  const paths = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const lists = (await Promise.all(paths.map(get))) as Discovered[];
  return lists.flatMap(({ groupVersion, resources }) => {
    const [version = "", group = ""] = groupVersion.split("/").reverse();
    const listed = resources.filter(({ verbs }) => verbs.includes("list"));
    return listed.map(({ name, kind, namespaced }) => ({ group, version, plural: name, kind, namespaced }));
  });
}
