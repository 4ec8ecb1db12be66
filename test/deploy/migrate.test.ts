/**
 * docs/migrate.md is run as it stands: a site that ClusterLink left in a cluster becomes one of ours, under a gateway on
 * the other side that is written in Go and is told nothing, and becomes ClusterLink's again. There is no kubelet, so the
 * gateway's pod is a process of this machine, which gets what the Deployment mounts.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GATEWAY_SELECTOR } from "../../src/deploy/names.ts";
import {
  customResource,
  DEPLOYMENTS,
  type Deployment,
  type KubeObject,
  NAMESPACES,
  SECRETS,
  SERVICES,
  type Secret,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { cleanEnvironment, clusterlink, command } from "../cli/clusterlink.ts";
import { completed } from "../completed.ts";
import { freePort } from "../free-port.ts";
import { onRealApiServer } from "../kubernetes/server.ts";
import type { TestServer } from "../kubernetes/test-server.ts";
import { GatewaySite } from "../process/gateway-process.ts";
import { oldGateway } from "../relay/old-gateway.ts";
import { requires } from "../requires.ts";

const ROOT = join(import.meta.dir, "..", "..");
const GUIDE = readFileSync(join(ROOT, "docs", "migrate.md"), "utf8");
const SYSTEM = "clusterlink-system";
const OPERATOR = "clusterlink-operator";

/** The guide's commands, in the order of the guide, from the blocks with that word. */
function blocks(word: "migrate" | "with-secret" | "back-from-operator" | "back"): string[] {
  const found = [...GUIDE.matchAll(new RegExp(`^ *\`\`\`sh ${word}\\n([\\s\\S]*?)^ *\`\`\`$`, "gm"))];
  expect(found.length).toBeGreaterThan(0);
  return found.map(([, block = ""]) => block);
}

/** The ways into the cluster that the guide offers, each with its way back. */
const WAYS: [string, () => string[], () => string[]][] = [
  [
    "from the folder with the fabric",
    () =>
      blocks("migrate").map((block) => block.replace("FABRIC", "shop").replace("NAME", "east").replace(" --wait", "")),
    () => [...blocks("back-from-operator"), ...blocks("back")],
  ],
  [
    "with the Secrets that are there",
    () => [...blocks("migrate").filter((block) => !block.includes("deploy peer")), ...blocks("with-secret")],
    () => blocks("back"),
  ],
];

type Files = Record<"ca" | "cert" | "key", string>;

let folder: string;
let ours: Files;
let theirs: Files;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "clusterlink-migrate-"));
  symlinkSync(join(ROOT, "manifests"), join(folder, "manifests"));
  expect((await clusterlink(["create", "fabric", "--name", "shop", "--path", folder])).code).toBe(0);
  [ours, theirs] = await Promise.all([peerFiles("east"), peerFiles("old")]);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs commands of the guide as a user would: with kubectl and `clusterlink` on the path. */
async function run(commands: string, kubeconfig: string): Promise<string> {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "clusterlink"), `#!/bin/sh\nexec ${command().join(" ")} "$@"\n`);
  chmodSync(join(bin, "clusterlink"), 0o755);
  const { code, out, err } = await completed(["bash", "-euo", "pipefail", "-c", commands], {
    cwd: folder,
    env: {
      ...cleanEnvironment(),
      PATH: `${bin}:${process.env["KUBEBUILDER_ASSETS"]}:${process.env["PATH"]}`,
      KUBECONFIG: kubeconfig,
    },
  });
  if (code !== 0) throw new Error(`${err}\n${out}`);
  return out;
}

/** @returns the PEM files of a peer, with the key as ClusterLink writes it: RSA-4096, PKCS#1. */
async function peerFiles(name: string): Promise<Files> {
  const flags = ["--fabric", "shop", "--name", name, "--path", folder, "--key-type", "rsa-4096"];
  expect((await clusterlink(["create", "peer-cert", ...flags])).code).toBe(0);
  const place = join(folder, "shop", name);
  const read = (file: string) => readFileSync(join(place, file), "utf8");
  const key = createPrivateKey(read("key.pem")).export({ type: "pkcs1", format: "pem" }).toString();
  writeFileSync(join(place, "key.pem"), key);
  const files = { ca: read("ca.pem"), cert: read("cert.pem"), key };
  // ClusterLink keeps the fabric's certificate beside the peers' folders only.
  rmSync(join(place, "ca.pem"));
  return files;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

const EVERYTHING = [{ workloadSelector: {} }];

interface Former {
  files: Files;
  namespace: string;
  /** What the site imports, at the port that ClusterLink has chosen. */
  target: number;
  /** Of the other side's gateway. */
  gateway: number;
  /** Of the service that the site exports. */
  service: number;
}

/** Makes what ClusterLink's `deploy peer` and operator leave in a cluster, and what its users and control plane add. */
async function leave({ client }: TestServer, former: Former): Promise<void> {
  const { files, namespace, target, gateway, service } = former;
  for (const name of [SYSTEM, OPERATOR]) await client.apply(NAMESPACES, { metadata: { name } });
  const secrets: [string, Record<string, string>][] = [
    ["cl-ca", { ca: files.ca }],
    ["cl-peer", { "cert.pem": files.cert, "key.pem": files.key }],
    ["cl-controlplane", { cert: files.cert, key: files.key }],
    ["cl-dataplane", { cert: files.cert, key: files.key }],
    ["jwk", { key: Buffer.alloc(32, 3).toString("latin1") }],
  ];
  for (const [name, entries] of secrets) {
    const data = Object.fromEntries(Object.entries(entries).map(([key, text]) => [key, base64(text)]));
    await client.create(SECRETS, { metadata: { namespace: SYSTEM, name }, type: "Opaque", data } as Secret);
  }
  const deployments = [
    [OPERATOR, "cl-operator-controller-manager"],
    [SYSTEM, "cl-controlplane"],
    [SYSTEM, "cl-dataplane"],
  ] as const;
  for (const [place, app] of deployments) {
    const template = { metadata: { labels: { app } }, spec: { containers: [{ name: app, image: `${app}:latest` }] } };
    const spec = { replicas: 1, selector: { matchLabels: { app } }, template };
    await client.create(DEPLOYMENTS, { metadata: { namespace: place, name: app }, spec } as Deployment);
  }
  const services: [string, object][] = [
    ["cl-controlplane", { selector: { app: "cl-controlplane" }, ports: [{ port: 443 }] }],
    ["cl-dataplane", { selector: { app: "cl-dataplane" }, ports: [{ port: 443 }] }],
    [
      "clusterlink",
      {
        type: "LoadBalancer",
        selector: { app: "cl-dataplane" },
        ports: [{ name: "https", port: 443, targetPort: 4443 }],
      },
    ],
  ];
  for (const [name, spec] of services) {
    await client.create(SERVICES, { metadata: { namespace: SYSTEM, name }, spec } as unknown as Service);
  }
  const objects: [Parameters<typeof customResource>[0], string, string, object][] = [
    ["Peer", SYSTEM, "old", { gateways: [{ host: "127.0.0.1", port: gateway }] }],
    ["Export", namespace, "echo", { host: "127.0.0.1", port: service }],
    [
      "Import",
      namespace,
      "web",
      {
        port: 80,
        targetPort: target,
        lbScheme: "round-robin",
        sources: [{ peer: "old", exportName: "web", exportNamespace: "default" }],
      },
    ],
    ["AccessPolicy", namespace, "allow-all", { action: "allow", from: EVERYTHING, to: EVERYTHING }],
  ];
  for (const [kind, place, name, spec] of objects) {
    await client.create(customResource(kind), { metadata: { namespace: place, name }, spec } as KubeObject);
  }
  const labels = {
    "app.kubernetes.io/managed-by": "clusterlink.net",
    "clusterlink.net/import-name": "web",
    "clusterlink.net/import-namespace": namespace,
  };
  const externalName = `import-web.${SYSTEM}.svc.cluster.local`;
  await client.create(SERVICES, {
    metadata: { namespace, name: "web", labels },
    spec: { type: "ExternalName", externalName },
  } as unknown as Service);
  await client.create(SERVICES, {
    metadata: { namespace: SYSTEM, name: "import-web", labels },
    spec: { selector: { app: "cl-dataplane" }, ports: [{ port: 80, targetPort: target }] },
  } as unknown as Service);
}

async function until(what: string, condition: () => Promise<unknown>): Promise<void> {
  const limit = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(50);
  }
}

const answer = (port: number) =>
  fetch(`http://127.0.0.1:${port}/`, { keepalive: false }).then(
    (response) => response.text(),
    () => "nothing",
  );

const go = requires("go");

onRealApiServer("moving from ClusterLink to this gateway, and back", (running) => {
  // The gateway on the other side is built with Go.
  test.skipIf(go.skip).each(WAYS)(
    `%s: nothing changes at the other side, nor in the manifests, nor the address and the keys ${go.reason}`.trimEnd(),
    async (_name, forth, back) => {
      const server = running();
      const { client, kubeconfig } = server;
      const serve = (text: string) => Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(text) });
      const [here, there] = [serve("of east"), serve("of old")];
      const site = await GatewaySite.create("east");
      const ports = { old: freePort(), imported: freePort(), target: freePort() };
      const stop = await oldGateway({
        certificates: { ...theirs, name: "old", notAfter: 0 },
        port: ports.old,
        exports: { web: there.port as number },
        imports: { [ports.imported]: { peer: "east", port: site.port, export: "echo" } },
      });
      try {
        await leave(server, {
          files: ours,
          namespace: "default",
          target: ports.target,
          gateway: ports.old,
          service: here.port as number,
        });
        const gateway = { namespace: SYSTEM, name: "clusterlink" };
        const specs = async () => {
          const kinds = ["Peer", "Export", "Import", "AccessPolicy"] as const;
          const all = await Promise.all(kinds.map((kind) => client.all(customResource(kind))));
          return all.flat().map((object) => ("spec" in object ? object.spec : undefined));
        };
        const before = {
          service: (await client.get(SERVICES, gateway)) as Service,
          specs: await specs(),
          key: (await client.get(SECRETS, { namespace: SYSTEM, name: "jwk" }))?.data,
        };

        await run(forth().join("\n"), kubeconfig);
        const after = (await client.get(SERVICES, gateway)) as Service;
        expect(after.metadata.uid).toBe(before.service.metadata.uid as string);
        expect(after.spec?.clusterIP).toBe(before.service.spec?.clusterIP as string);
        expect(after.spec?.type).toBe("LoadBalancer");
        expect(after.spec?.ports).toMatchObject([
          { port: 443, targetPort: "peer", nodePort: before.service.spec?.ports?.[0]?.nodePort as number },
        ]);
        expect(after.spec?.selector).toEqual(GATEWAY_SELECTOR);

        // The pod: it mounts the Secret that is there now.
        const secret = await client.get(SECRETS, { namespace: SYSTEM, name: "cl-peer" });
        for (const [file, text] of Object.entries(secret?.data ?? {})) {
          writeFileSync(join(site.pki, file), Buffer.from(text, "base64"));
        }
        await site.startReady(["--kubernetes", "--kubeconfig", kubeconfig]);
        await until("an answer to the site", async () => (await answer(ports.target)) === "of old");
        await until("an answer to the other side", async () => (await answer(ports.imported)) === "of east");
        expect((await site.status())?.problems).toEqual([]);
        await until("the Import's Service", async () => {
          const service = await client.get(SERVICES, { namespace: "default", name: "web" });
          return service?.spec?.type === "ClusterIP" && service.spec.ports?.[0]?.targetPort === ports.target;
        });
        expect(await client.get(SERVICES, { namespace: SYSTEM, name: "import-web" })).toBeUndefined();
        expect(await specs()).toEqual(before.specs);
        expect((await client.get(SECRETS, { namespace: SYSTEM, name: "jwk" }))?.data).toEqual(
          before.key as Record<string, string>,
        );

        await site.stop();
        await run(back().join("\n"), kubeconfig);
        const last = (await client.get(SERVICES, gateway)) as Service;
        expect(last.spec).toEqual(before.service.spec as object);
        const replicas = async (namespace: string, name: string) =>
          (await client.get(DEPLOYMENTS, { namespace, name }))?.spec?.replicas;
        expect(await replicas(SYSTEM, "clusterlink")).toBe(0);
        expect(await replicas(OPERATOR, "clusterlink-operator")).not.toBe(1);
        expect(await replicas(SYSTEM, "cl-dataplane")).toBe(1);
        expect(await replicas(OPERATOR, "cl-operator-controller-manager")).toBe(1);
        expect(await specs()).toEqual(before.specs);
        const others = await client.get(SECRETS, { namespace: SYSTEM, name: "cl-controlplane" });
        expect(others?.data?.["key"]).toBe(base64(ours.key));
      } finally {
        await site.close();
        await stop();
        for (const one of [here, there]) await one.stop(true);
      }
    },
    120_000,
  );
});
