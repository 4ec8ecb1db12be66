/** `clusterlink deploy peer` against a real API server: everything is accepted as it is, and done once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceOf } from "../../src/operator/object-resource.ts";
import type { KubeObject } from "../../src/store/kubernetes/resource.ts";
import {
  customResource,
  DEPLOYMENTS,
  type Deployment,
  NAMESPACES,
  PODS,
  SERVICES,
} from "../../src/store/kubernetes/resource.ts";
import { clusterlink } from "../cli/clusterlink.ts";
import { onRealApiServer } from "../kubernetes/server.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "clusterlink-deploy-"));
  expect((await clusterlink(["create", "fabric", "--name", "shop", "--path", folder])).code).toBe(0);
  for (const name of ["berlin", "oslo"]) {
    expect(
      (await clusterlink(["create", "peer-cert", "--name", name, "--fabric", "shop", "--path", folder])).code,
    ).toBe(0);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deploy = (name: string, ...flags: string[]) =>
  clusterlink(["deploy", "peer", "--name", name, "--fabric", "shop", "--path", folder, ...flags]);

describe("deploy peer", () => {
  test("tells every fault at once, before it looks for a cluster", async () => {
    const flags = ["--replicas", "11", "--ingress", "Gate", "--ingress-port", "0", "--label", "x", "--image", "a b"];
    const { err, code } = await deploy("rome", ...flags, "--log-level", "loud", "--kubeconfig", "/nowhere");
    expect(code).toBe(2);
    for (const flag of ["--replicas", "--ingress", "--ingress-port", "--label", "--image", "--log-level"]) {
      expect(err).toContain(`error: ${flag}: `);
    }
    expect(err).toContain(join(folder, "shop/rome/cert.pem"));
  });

  test("does not take one peer's certificates for another's", async () => {
    const stolen = join(folder, "shop", "paris");
    await Bun.$`cp -r ${join(folder, "shop", "berlin")} ${stolen}`;
    const { err, code } = await deploy("paris", "--dry-run");
    expect(err).toContain("is the certificate of 'berlin', not of 'paris'");
    expect(code).toBe(2);
  });

  test("accepts ClusterLink's own folders, where the fabric's certificate stands beside the peer's folder only", async () => {
    rmSync(join(folder, "shop", "oslo", "ca.pem"));
    expect((await deploy("oslo", "--dry-run")).code).toBe(0);
  });

  test("accepts ClusterLink's own spellings, with a notice where they mean nothing", async () => {
    const flags = ["--dataplane", "go", "--dataplane-replicas", "3", "--controlplane-replicas", "2"];
    const { out, err, code } = await deploy("berlin", ...flags, "--dry-run");
    expect(code).toBe(0);
    expect(err).toContain("note: --dataplane go changes nothing");
    expect(err).toContain("note: --controlplane-replicas 2 changes nothing");
    expect(out).toContain("replicas: 3");
  });

  test("parts annotations as ClusterLink does: repeated, or by commas", async () => {
    const flags = ["--ingress-annotations", "a.example/x=1,b=2,3", "--ingress-annotations", "c=4"];
    const objects = Bun.YAML.parse((await deploy("berlin", ...flags, "--dry-run")).out) as KubeObject[];
    const service = objects.find(({ kind }) => kind === "Service");
    expect(service?.metadata.annotations).toEqual({ "a.example/x": "1", b: "2,3", c: "4" });
  });

  test("--dry-run shows everything but what is secret", async () => {
    const { out } = await deploy("berlin", "--dry-run");
    const key = await Bun.file(join(folder, "shop", "berlin", "key.pem")).text();
    expect(out).toContain("kind: Deployment");
    expect(out).not.toContain(Buffer.from(key).toString("base64").slice(40, 80));
    expect(out).not.toContain("PRIVATE KEY");
  });

  test("--start none writes one file that only its owner can read, and applies nothing", async () => {
    const { code } = await deploy("berlin", "--start", "none", "--kubeconfig", "/nowhere");
    expect(code).toBe(0);
    const path = join(folder, "shop", "berlin", "k8s.yaml");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const kinds = (Bun.YAML.parse(await Bun.file(path).text()) as KubeObject[]).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(["CustomResourceDefinition", "Namespace", "Secret", "Deployment"]));
    expect(kinds).not.toContain("Instance");
  });
});

onRealApiServer("deploy peer", (server) => {
  const applied = (name: string, ...flags: string[]) => deploy(name, "--kubeconfig", server().kubeconfig, ...flags);

  test("creates everything, changes nothing when it is run again, and only what other flags change", async () => {
    const flags = ["--namespace", "site-a", "--ingress", "NodePort", "--ingress-port", "30443"];
    const first = await applied("berlin", ...flags);
    expect(first.err).toBe("");
    expect(first.out).toContain("deployment.apps/clusterlink created");
    const second = await applied("berlin", ...flags);
    expect(
      second.out
        .trim()
        .split("\n")
        .filter((line) => !line.endsWith(" unchanged")),
    ).toEqual([]);
    const third = await applied("berlin", "--namespace", "site-a", "--ingress", "none", "--replicas", "3");
    const changed = third.out
      .trim()
      .split("\n")
      .filter((line) => !line.endsWith(" unchanged"));
    expect(changed).toEqual([
      "instance.clusterlink.net/cl-instance configured",
      "service/clusterlink configured",
      "deployment.apps/clusterlink configured",
    ]);
    const service = await server().client.get(SERVICES, { namespace: "site-a", name: "clusterlink" });
    expect(service?.spec?.type).toBe("ClusterIP");
    expect(service?.spec?.ports?.[0]?.nodePort).toBeUndefined();
  }, 30_000);

  test("puts right what others have changed", async () => {
    const flags = ["--namespace", "site-a"];
    await applied("berlin", ...flags);
    const place = { namespace: "site-a", name: "clusterlink" };
    await server().client.patch(DEPLOYMENTS, place, { spec: { replicas: 7 } }, { fieldManager: "someone" });
    expect((await applied("berlin", ...flags)).out).toContain("deployment.apps/clusterlink configured");
    expect((await server().client.get(DEPLOYMENTS, place))?.spec?.replicas).toBe(1);
  }, 30_000);

  test("does not make another peer of a gateway that is there", async () => {
    await applied("berlin", "--namespace", "site-a");
    const { err, code } = await applied("oslo", "--namespace", "site-a");
    expect(err).toContain("namespace 'site-a' has the gateway of peer 'berlin'");
    expect(code).toBe(1);
  }, 30_000);

  test("does not deploy a second gateway, nor move the first one's Instance, and says how to remove it", async () => {
    const { client } = server();
    const refused = async (name: string) => {
      const { out, err, code } = await applied(name, "--namespace", "site-f");
      expect(err).toContain("namespace 'site-a' has the gateway of peer 'berlin'");
      expect(err).toContain("clusterlink delete peer --name berlin --namespace site-a");
      expect({ out, code }).toEqual({ out: "", code: 1 });
    };
    await applied("berlin", "--namespace", "site-a");
    await refused("oslo");
    await refused("berlin");
    const gateway = { namespace: "site-a", name: "clusterlink" };
    expect((await client.get(DEPLOYMENTS, gateway))?.spec?.replicas).toBe(1);

    const instances = customResource("Instance");
    const place = { namespace: "clusterlink-operator", name: "cl-instance" };
    const instance = await client.get(instances, place);
    expect(instance).toMatchObject({ spec: { namespace: "site-a" } });
    await client.delete(instances, place);
    await refused("oslo");

    const { name, namespace } = place;
    await client.create(instances, { ...instance, metadata: { name, namespace } } as KubeObject);
    await client.delete(DEPLOYMENTS, gateway);
    await refused("oslo");

    await client.delete(instances, place);
    expect((await applied("oslo", "--namespace", "site-f")).code).toBe(0);
  }, 60_000);

  test("does not deploy beside a ClusterLink that runs, says how to stop it, and takes its place when it is stopped", async () => {
    const { client } = server();
    const makeFormer = async (namespace: string, name: string) => {
      await client.apply(NAMESPACES, { metadata: { name: namespace } });
      const labels = { app: name };
      const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
      const spec = { replicas: 1, selector: { matchLabels: labels }, template };
      await client.create(DEPLOYMENTS, { metadata: { namespace, name }, spec } as Deployment);
    };
    await makeFormer("site-e", "cl-controlplane");
    await makeFormer("site-e", "cl-dataplane");
    await makeFormer("clusterlink-operator", "cl-operator-controller-manager");
    const { err, code } = await applied("berlin", "--namespace", "site-e");
    expect(code).toBe(1);
    const operator = "deployment/cl-operator-controller-manager";
    expect(err).toContain(
      "ClusterLink runs in the cluster (deployments clusterlink-operator/cl-operator-controller-manager, site-e/cl-controlplane, site-e/cl-dataplane)",
    );
    const commands = [
      `kubectl -n clusterlink-operator scale ${operator} --replicas=0`,
      "kubectl -n site-e scale deployment/cl-controlplane deployment/cl-dataplane --replicas=0",
    ];
    expect(err.split("\n").flatMap((line) => (line.startsWith("  ") ? [line.trim()] : []))).toEqual(commands);
    expect(await client.get(SERVICES, { namespace: "site-e", name: "clusterlink" })).toBeUndefined();

    const stop = (namespace: string, name: string) =>
      client.patch(DEPLOYMENTS, { namespace, name }, { spec: { replicas: 0 } });
    await stop("clusterlink-operator", "cl-operator-controller-manager");
    for (const name of ["cl-controlplane", "cl-dataplane"]) await stop("site-e", name);
    const second = await applied("berlin", "--namespace", "site-e");
    expect(second.err).toContain("note: ClusterLink's deployments");
    expect(second.out).toContain("deployment.apps/clusterlink created");
    expect(second.code).toBe(0);
  }, 30_000);

  test("--start operator leaves the gateway to the Instance that it writes, which the API server accepts", async () => {
    await applied("berlin", "--namespace", "site-b", "--start", "operator", "--label", "region=eu");
    expect(await server().client.get(DEPLOYMENTS, { namespace: "site-b", name: "clusterlink" })).toBeUndefined();
    const path = join(folder, "shop", "berlin", "cl-instance.yaml");
    expect(existsSync(path)).toBe(true);
    const instance = Bun.YAML.parse(await Bun.file(path).text()) as KubeObject & { apiVersion: string; kind: string };
    const kept = await server().client.apply(resourceOf(instance), instance, { dryRun: true });
    expect(kept).toMatchObject({ spec: { namespace: "site-b", peerLabels: { region: "eu" } } });
  }, 30_000);

  test("its pods keep the rules that Kubernetes calls restricted", async () => {
    await applied("berlin", "--namespace", "site-c");
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    const { client } = server();
    for (const [namespace, name] of [
      ["site-c", "clusterlink"],
      ["clusterlink-operator", "clusterlink-operator"],
    ] as const) {
      await client.patch(NAMESPACES, { name: namespace }, { metadata: { labels } });
      const spec = (await client.get(DEPLOYMENTS, { namespace, name }))?.spec?.template.spec;
      const metadata = { namespace, name: "probe" };
      const accepted = client.create(PODS, { metadata, spec } as Parameters<typeof client.create>[1], { dryRun: true });
      expect(await accepted).toMatchObject({ metadata });
    }
  }, 30_000);

  test("says which object the API server refuses, and why", async () => {
    const { err, code } = await applied(
      "berlin",
      "--namespace",
      "site-d",
      "--ingress",
      "NodePort",
      "--ingress-port",
      "99",
    );
    expect(err).toContain("error: service/clusterlink: ");
    expect(err).toContain("provided port is not in the valid range");
    expect(code).toBe(1);
  }, 30_000);

  test("says what is wrong with a kubeconfig", async () => {
    const kubeconfig = join(folder, "broken");
    writeFileSync(kubeconfig, "nothing: here\n");
    const { err, code } = await deploy("berlin", "--kubeconfig", kubeconfig);
    expect(err).toContain(`error: ${kubeconfig} has no current context`);
    expect(code).toBe(2);
  });
});
