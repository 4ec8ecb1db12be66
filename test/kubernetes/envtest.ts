/**
 * A real kube-apiserver with its etcd from the folder `KUBEBUILDER_ASSETS`, with our CRDs. One for all tests of a run;
 * it ends with the process, however that ends.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
import { freePort } from "../free-port.ts";
import { SERVER_NAME, serverCertificate } from "./certificate.ts";
import { clientFor, kubeconfigText, makeNamespace, type TestServer } from "./test-server.ts";

const CRDS: KubeResource = {
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

let shared: Promise<TestServer> | undefined;

/** @returns the server; started when it is first asked for. */
export function realServer(): Promise<TestServer> {
  shared ??= start();
  return shared;
}

async function start(): Promise<TestServer> {
  const assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-envtest-"));
  const tokens = {
    admin: crypto.randomUUID(),
    alice: crypto.randomUUID(),
    bob: crypto.randomUUID(),
    carol: crypto.randomUUID(),
  };
  const { ca, cert, key } = await serverCertificate();
  const files = {
    "ca.pem": ca,
    "cert.pem": cert,
    "key.pem": key,
    "tokens.csv": [
      `${tokens.admin},admin,1,"system:masters"`,
      `${tokens.alice},test:alice,2`,
      `${tokens.bob},test:bob,3`,
      `${tokens.carol},test:carol,4\n`,
    ].join("\n"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const [etcd, etcdPeer, secure] = [freePort(), freePort(), freePort()];
  runWhileWeLive(folder, "etcd", [
    join(assets, "etcd"),
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=http://127.0.0.1:${etcd}`,
    `--advertise-client-urls=http://127.0.0.1:${etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${etcdPeer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${etcdPeer}`,
    `--initial-cluster=default=http://127.0.0.1:${etcdPeer}`,
    "--unsafe-no-fsync",
  ]);
  const file = (name: string) => join(folder, name);
  runWhileWeLive(folder, "kube-apiserver", [
    join(assets, "kube-apiserver"),
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    `--cert-dir=${folder}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${secure}`,
    `--tls-cert-file=${file("cert.pem")}`,
    `--tls-private-key-file=${file("key.pem")}`,
    `--client-ca-file=${file("ca.pem")}`,
    `--token-auth-file=${file("tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--service-cluster-ip-range=10.0.0.0/16",
    "--service-account-issuer=https://kubernetes.test",
    `--service-account-key-file=${file("cert.pem")}`,
    `--service-account-signing-key-file=${file("key.pem")}`,
    "--disable-admission-plugins=ServiceAccount",
  ]);
  const reached = { url: `https://127.0.0.1:${secure}`, ca, serverName: SERVER_NAME };
  const kubeconfig = file("kubeconfig");
  writeFileSync(kubeconfig, kubeconfigText(reached, { token: tokens.admin }), { mode: 0o600 });
  const client = await clientFor(kubeconfig);
  await untilReady(client, folder);
  await installCrds(client);
  return {
    ...reached,
    name: "a real API server",
    adminToken: tokens.admin,
    kubeconfig,
    client,
    user: (name) => ({ name: `test:${name}`, token: tokens[name] }),
    namespace: (prefix) => makeNamespace(client, prefix),
    reset: () => reset(client),
  };
}

/**
 * Starts a program that ends when our end of its pipe closes, as it does when this process is gone; its folder goes
 * with it.
 */
function runWhileWeLive(folder: string, name: string, command: string[]): void {
  const log = join(folder, `${name}.log`);
  const script =
    '"$@" >"$0" 2>&1 </dev/null & pid=$!; cat >/dev/null; kill -KILL $pid; wait $pid; rm -rf "$(dirname "$0")"';
  const child = Bun.spawn(["sh", "-c", script, log, ...command], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  child.unref();
}

type Client = TestServer["client"];

async function untilReady(client: Client, folder: string): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const found = await client
      .request({ method: "GET", path: "/apis/apiextensions.k8s.io/v1" })
      .then(() => client.get(SERVICES, { namespace: "default", name: "kubernetes" }))
      .catch(() => undefined);
    if (found) return;
    if (Date.now() > until) {
      const said = readFileSync(join(folder, "kube-apiserver.log"), "utf8").trim().split("\n").slice(-3);
      throw new Error(`the API server did not start: ${said.join("; ")}`);
    }
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
  await Promise.all(
    CLEANED.map(async (resource) => {
      for (const { metadata } of await client.all(resource)) {
        const { namespace, name, finalizers } = metadata;
        if (KEPT.has(`${resourceName(resource)} ${namespace}/${name}`)) continue;
        if (finalizers?.length) await client.patch(resource, { namespace, name }, { metadata: { finalizers: null } });
        await client.delete(resource, { namespace, name }, { gracePeriodSeconds: 0 });
      }
    }),
  );
}
