/**
 * A Kubernetes API server for tests, in this process, over HTTPS: faithful in what clients rely on (versions, watches,
 * bookmarks, conflicts, patches, pages, subresources, selectors, RBAC), and failing on demand.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CRD_KINDS, customResourceDefinition } from "../../src/resources/crd.ts";
import { type KubeResource, resourceName } from "../../src/store/kubernetes/resource.ts";
import type { User } from "./api-server/access.ts";
import { Faults } from "./api-server/faults.ts";
import { type Handler, handler, type Recorded } from "./api-server/handler.ts";
import { builtInResources } from "./api-server/resources.ts";
import { SERVER_NAME, serverCertificate } from "./certificate.ts";
import { clientFor, kubeconfigText, makeNamespace, type OutageServer } from "./test-server.ts";

export type { Recorded };

export interface ApiServer extends OutageServer {
  readonly faults: Faults;
  /** Every request since the start or the last reset, in order. */
  readonly requests: Recorded[];
  /** Stores an object at once. */
  seed(resource: KubeResource, object: object): void;
}

export interface ApiServerOptions {
  /** Milliseconds between bookmarks. Default: 200. */
  bookmarkInterval?: number;
}

/** Starts a server with our CRDs and the namespaces that every cluster has. */
export async function startApiServer({ bookmarkInterval = 200 }: ApiServerOptions = {}): Promise<ApiServer> {
  const { ca, cert, key } = await serverCertificate();
  const tokens = {
    admin: crypto.randomUUID(),
    alice: crypto.randomUUID(),
    bob: crypto.randomUUID(),
    carol: crypto.randomUUID(),
  };
  const users = new Map<string, User>([
    [tokens.admin, { name: "admin", groups: ["system:masters"] }],
    [tokens.alice, { name: "test:alice", groups: ["system:authenticated"] }],
    [tokens.bob, { name: "test:bob", groups: ["system:authenticated"] }],
    [tokens.carol, { name: "test:carol", groups: ["system:authenticated"] }],
  ]);
  const faults = new Faults();
  const requests: Recorded[] = [];
  const handle: Handler = handler({ users, faults, requests, resources: builtInResources(), bookmarkInterval });
  const listen = (port: number) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port,
      idleTimeout: 0,
      development: false,
      tls: { cert, key },
      fetch: (request) => handle.answer(request),
    });
  let running: ReturnType<typeof listen> | undefined = listen(0);
  const port = running.port ?? 0;
  const folder = mkdtempSync(join(tmpdir(), "clusterlink-api-server-"));
  const kubeconfig = join(folder, "kubeconfig");
  const reached = { url: `https://127.0.0.1:${port}`, ca, serverName: SERVER_NAME };
  writeFileSync(kubeconfig, kubeconfigText(reached, { token: tokens.admin }), { mode: 0o600 });
  const client = await clientFor(kubeconfig);
  const populate = () => {
    for (const name of ["default", "kube-system"]) handle.seed("namespaces", { metadata: { name } });
    for (const kind of CRD_KINDS) {
      const definition = JSON.parse(JSON.stringify(customResourceDefinition(kind)));
      handle.seed("customresourcedefinitions.apiextensions.k8s.io", definition);
    }
  };
  populate();
  const close = async () => {
    faults.dropWatches();
    await running?.stop(true);
    running = undefined;
  };
  const resume = async () => {
    running ??= listen(port);
  };
  return {
    ...reached,
    name: "the API server of the tests",
    adminToken: tokens.admin,
    kubeconfig,
    client,
    faults,
    requests,
    user: (name) => ({ name: `test:${name}`, token: tokens[name] }),
    namespace: (prefix) => makeNamespace(client, prefix),
    seed: (resource, object) => handle.seed(resourceName(resource), JSON.parse(JSON.stringify(object))),
    async reset() {
      await resume();
      faults.clear();
      handle.clear();
      requests.length = 0;
    },
    handled: () => requests,
    resources: async () => handle.resources(),
    pause: close,
    resume,
    async stop() {
      faults.clear();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
