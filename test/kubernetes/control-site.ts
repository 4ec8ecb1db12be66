/** A replica's control in this process, on an API server, with a relay's end of the channel that remembers all. */
import { Control } from "../../src/control/control.ts";
import type { ElectionTimes } from "../../src/control/kubernetes/election.ts";
import { KubernetesSite } from "../../src/control/kubernetes/site.ts";
import { Site } from "../../src/control/site.ts";
import type { KindName, ResourceOf } from "../../src/resources/kinds.ts";
import type { Condition } from "../../src/resources/meta.ts";
import { KubeClient } from "../../src/store/kubernetes/client.ts";
import { loadConnection } from "../../src/store/kubernetes/kubeconfig.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes-store.ts";
import {
  customResource,
  ENDPOINT_SLICES,
  type EndpointSlice,
  type KubeObject,
  NAMESPACES,
} from "../../src/store/kubernetes/resource.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { certificatesOf } from "../control/certificates.ts";
import { Follower } from "../control/follower.ts";
import { SYSTEM } from "../control/objects.ts";
import type { TestServer } from "./test-server.ts";

export const certificates = await certificatesOf("east");

/** Short enough for tests, long enough that a busy machine does not lose a Lease. */
export const TIMES: ElectionTimes = { duration: 3_000, renewal: 2_000, retry: 300 };

export interface ReplicaOptions {
  identity?: string;
  /** The gateway's own. Default: {@link SYSTEM}. */
  namespace?: string;
  watchNamespace?: string;
  privilegedPolicies?: boolean;
  identityMaxAge?: number;
  times?: Partial<ElectionTimes>;
  client?: KubeClient;
}

/** One write that a replica asked for, for example `PATCH /api/v1/…`. */
export interface Asked {
  method: string;
  path: string;
  /** The API server did it; otherwise it was refused, for example because another was faster, or is under way. */
  done: boolean;
}

/** One replica: its control, a relay that follows it, and everything that it asked the API server to write. */
export class Replica {
  readonly writes: Asked[] = [];
  readonly control: Control;
  readonly kind: KubernetesSite;
  readonly site: Site;
  readonly relay: Follower;
  #stopped = false;

  static async start(server: TestServer, options: ReplicaOptions = {}): Promise<Replica> {
    const client =
      options.client ??
      new KubeClient({ connection: await loadConnection({ kubeconfig: server.kubeconfig, env: {} }) });
    return new Replica(client, options);
  }

  private constructor(client: KubeClient, options: ReplicaOptions) {
    const { identity = "replica-a", namespace = SYSTEM, watchNamespace, privilegedPolicies = true } = options;
    const { identityMaxAge = 300_000 } = options;
    const counted = this.#counted(client);
    const log = createLogger({
      level: process.env["TEST_LOG"] === "1" ? "debug" : "fatal",
      format: "text",
      fields: { identity },
    });
    const scope = {
      namespace,
      privilegedPolicies,
      ...(watchNamespace === undefined ? {} : { watchNamespace }),
    };
    const store = new KubernetesStore({ client: counted, log, ...scope });
    this.kind = new KubernetesSite({
      client: counted,
      store,
      ...scope,
      importAddress: "::",
      reserved: new Map([[8443, "the gateway's peer port (--listen)"]]),
      identity,
      instance: identity,
      identityMaxAge,
      log,
      election: { ...TIMES, ...options.times },
    });
    this.control = new Control({
      store,
      site: this.kind,
      certificates,
      namespace,
      log,
      self: {
        instance: identity,
        labels: {},
        listen: { address: "::", port: 8443 },
        authzKey: "",
        deadlines: { handshake: 200, open: 200, dial: 200, grace: 200 },
      },
    });
    this.site = new Site(this.control, { version: "1", startedAt: 0, doors: undefined, processes: [] });
    this.relay = new Follower((channel) => this.control.attach(channel));
    this.control.start();
  }

  /** Everything that is written but the renewal of the Lease. */
  get changes(): string[] {
    return linesOf(this.writes);
  }

  /** Those of {@link changes} that the API server did. */
  get done(): string[] {
    return linesOf(this.writes.filter(({ done }) => done));
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.control.stop();
  }

  #counted(client: KubeClient): KubeClient {
    const { writes } = this;
    const pathOf = (
      resource: { plural: string },
      { namespace, name }: { namespace?: string | undefined; name: string },
    ) => `/${resource.plural}/${namespace === undefined ? "" : `${namespace}/`}${name}`;
    return new Proxy(client, {
      get(target, property) {
        const value = Reflect.get(target, property, target);
        if (typeof value !== "function") return value;
        if (
          property !== "create" &&
          property !== "patch" &&
          property !== "patchStatus" &&
          property !== "replace" &&
          property !== "delete"
        )
          return value.bind(target);
        return async (
          resource: { plural: string },
          named: KubeObject | { name: string; namespace?: string },
          ...more: unknown[]
        ) => {
          const path = pathOf(resource, "metadata" in named ? named.metadata : named);
          const asked = { method: property, path, done: false };
          writes.push(asked);
          const answer = await value.call(target, resource, named, ...more);
          asked.done = true;
          return answer;
        };
      },
    });
  }
}

function linesOf(writes: readonly Asked[]): string[] {
  return writes.filter(({ path }) => !path.includes("/leases")).map(({ method, path }) => `${method} ${path}`);
}

/** Creates an object of ours; `namespace` is the test's own unless it says otherwise. */
export async function create<K extends KindName>(
  server: TestServer,
  kind: K,
  namespace: string | undefined,
  name: string,
  spec: ResourceOf<K>["spec"],
  labels: Record<string, string> = {},
): Promise<void> {
  const metadata = { name, labels, ...(namespace === undefined ? {} : { namespace }) };
  await server.client.create(customResource(kind), { metadata, spec } as KubeObject);
}

/** @returns the object as the server has it. */
export async function read<K extends KindName>(
  server: TestServer,
  kind: K,
  namespace: string | undefined,
  name: string,
): Promise<ResourceOf<K> | undefined> {
  const found = await server.client.get(customResource(kind), { namespace, name });
  return found as unknown as ResourceOf<K> | undefined;
}

/** Waits for a condition of an object that says this: `TYPE STATUS REASON`. @returns its message. */
export async function told(
  server: TestServer,
  kind: KindName,
  namespace: string | undefined,
  name: string,
  wanted: string,
): Promise<string> {
  let seen: Condition[] = [];
  for (const limit = performance.now() + 15_000; performance.now() < limit; await Bun.sleep(10)) {
    const object = await read(server, kind, namespace, name);
    const status: { conditions?: Condition[] } | undefined = object?.status;
    seen = status?.conditions ?? [];
    const found = seen.find(({ type, status, reason }) => `${type} ${status} ${reason}` === wanted);
    if (found && found.observedGeneration === object?.metadata.generation) return found.message;
  }
  throw new Error(`${kind} ${namespace}/${name} never said ${wanted}, but ${JSON.stringify(seen)}`);
}

/** Waits until something is there, asking every `interval` ms; fails after `limit` ms. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { limit = 15_000, interval = 10 } = {},
): Promise<T> {
  for (const end = performance.now() + limit; performance.now() < end; await Bun.sleep(interval)) {
    const found = await ask();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`it never came to be: ${what}`);
}

/** The gateway's own EndpointSlice, as Kubernetes makes it of the gateway's Service. */
export async function gatewayEndpoints(server: TestServer, addresses: string[], name = "clusterlink-x"): Promise<void> {
  await systemNamespace(server);
  const slice: EndpointSlice = {
    metadata: { name, namespace: SYSTEM, labels: { "kubernetes.io/service-name": "clusterlink" } },
    addressType: addresses[0]?.includes(":") ? "IPv6" : "IPv4",
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
    })),
    ports: [{ name: "peer", port: 8443, protocol: "TCP" }],
  };
  await server.client.apply(ENDPOINT_SLICES, slice, { force: true, fieldManager: "endpointslice-controller" });
}

export async function systemNamespace(server: TestServer): Promise<void> {
  if (await server.client.get(NAMESPACES, { name: SYSTEM })) return;
  await server.client.create(NAMESPACES, { metadata: { name: SYSTEM } }).catch(() => undefined);
}
