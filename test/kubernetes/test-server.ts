/** What the tests of Kubernetes run against: an API server with our CRDs, in this process or a real one. */
import { KubeClient } from "../../src/store/kubernetes/client.ts";
import { loadConnection } from "../../src/store/kubernetes/kubeconfig.ts";
import { type KubeResource, NAMESPACES } from "../../src/store/kubernetes/resource.ts";

/** A request that the server has handled, whatever it answered. */
export interface Handled {
  /** Of the RBAC verbs. */
  verb: string;
  user: string;
  group: string;
  /** With its subresource: `pods/status`. */
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
  /** The user had no right to it. */
  forbidden: boolean;
}

export interface TestServer {
  readonly name: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** What its certificate says it is called. */
  readonly serverName: string;
  /** Of a member of `system:masters`. */
  readonly adminToken: string;
  /** Path of a kubeconfig of the administrator's. */
  readonly kubeconfig: string;
  /** Asks as the administrator. */
  readonly client: KubeClient;
  /**
   * A user that nothing is granted to by the server: alice is for the gateway's rights, bob for the gateway of one
   * namespace, carol for the operator's, because what one file grants outlives it. Its token, for {@link kubeconfigText}. The
   * name has `test:` in front.
   */
  user(name: "alice" | "bob" | "carol"): { name: string; token: string };
  /** Makes a namespace of its own. */
  namespace(prefix?: string): Promise<string>;
  /** Removes every object that a test may have made; namespaces stay. */
  reset(): Promise<void>;
  /** Everything that it was asked since the last reset, in order; of what the administrator asks at least the writes. */
  handled(): Handled[];
  /** Everything that it can list. */
  resources(): Promise<KubeResource[]>;
}

/** An API server that can go away and come back. */
export interface OutageServer extends TestServer {
  /** Is gone from now on, with every connection; {@link resume} brings it back on its port, with its objects. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** @returns a kubeconfig as JSON, which is YAML too. */
export function kubeconfigText(
  server: Pick<TestServer, "url" | "ca" | "serverName">,
  user: Record<string, unknown>,
): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [
      {
        name: "test",
        cluster: {
          server: server.url,
          "certificate-authority-data": Buffer.from(server.ca).toString("base64"),
          "tls-server-name": server.serverName,
        },
      },
    ],
    users: [{ name: "test", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "default" } }],
  });
}

/** @returns a client for a kubeconfig. */
export async function clientFor(kubeconfig: string): Promise<KubeClient> {
  return new KubeClient({ connection: await loadConnection({ kubeconfig, env: {} }) });
}

let namespaces = 0;

/** Makes a namespace with a name that no other test has. */
export async function makeNamespace(client: KubeClient, prefix = "test"): Promise<string> {
  const name = `${prefix}-${process.pid}-${++namespaces}`;
  await client.create(NAMESPACES, { metadata: { name } });
  return name;
}
