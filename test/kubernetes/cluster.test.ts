/**
 * The whole product on two real clusters, pods and all: deployed by the command line from the image, used by pods
 * through DNS and kube-proxy. The tests follow one another on the same clusters.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Clusters, type Ran, requiresClusters, type Site, until } from "./clusters.ts";

const requirement = requiresClusters();
const MINUTE = 60_000;

interface PodState {
  metadata: { name: string; deletionTimestamp?: string };
  status: { phase: string };
}

interface Named {
  metadata: { name: string };
}

interface Instance extends Named {
  status?: { conditions?: { message: string }[]; dataplane?: { conditions: { DeploymentReady: { status: string } } } };
}

// Two real clusters need root and the programs that start them.
describe.skipIf(requirement.skip)(`two real clusters ${requirement.reason}`, () => {
  let clusters: Clusters;
  /** The gateway pods of the client, each with its certificates before they were replaced. */
  const former = new Map<string, string>();

  beforeAll(async () => {
    clusters = new Clusters();
    await clusters.build();
    const up = await clusters.quickstart("up");
    if (up.code !== 0) throw new Error(up.output);
  }, 5 * MINUTE);

  afterAll(() => clusters?.down(), MINUTE);

  /** A request from a pod of the client's cluster. */
  const ask = (pod: string): Promise<Ran> =>
    clusters.kubectl(
      "client",
      "exec",
      pod,
      "--",
      "timeout",
      "5",
      "wget",
      "-q",
      "-O",
      "-",
      "http://web.default.svc:8080/",
    );

  const gateways = async (site: Site): Promise<string[]> => {
    const selector = "app.kubernetes.io/component=gateway";
    const { items } = await clusters.get<{ items: Named[] }>(site, "pods", "-n", "clusterlink-system", "-l", selector);
    return items.map((pod) => pod.metadata.name).sort();
  };

  const pod = async (name: string, overrides: object, ...flags: string[]) => {
    const spec = ["--overrides", JSON.stringify({ spec: overrides })];
    await clusters.kube(
      "client",
      "run",
      name,
      "--image",
      "busybox:local",
      ...spec,
      ...flags,
      "--command",
      "--",
      "sleep",
      "1000000",
    );
    await clusters.kube("client", "wait", `pod/${name}`, "--for", "condition=Ready", "--timeout", "30s");
  };

  test(
    "the quickstart refuses a pod before there is a policy, and answers it from the other cluster after",
    async () => {
      const { code, output } = await clusters.quickstart("demo");
      const [before = "", after = ""] = output.split("# Both sides allow it");
      expect(before).toContain("Connection reset by peer");
      expect(before).not.toMatch(/^hello/m);
      expect(after).toMatch(/^hello from the other cluster$/m);
      expect(code).toBe(0);
    },
    3 * MINUTE,
  );

  test(
    "a policy sees the labels and the service accounts of pods",
    async () => {
      await clusters.kube("client", "create", "serviceaccount", "clerk");
      await pod("desk", { serviceAccountName: "clerk" }, "--labels", "app=desk");
      expect((await ask("desk")).output).toContain("Connection reset by peer");
      await clusters.apply("client", policy("allow-clerk", { "client.clusterlink.net/service-account": "clerk" }));
      expect(
        (
          await until(
            () => ask("desk"),
            ({ code }) => code === 0,
          )
        ).stdout,
      ).toBe("hello from the other cluster\n");

      await clusters.kube("client", "label", "pod", "shop", "app=other", "--overwrite");
      expect(
        (
          await until(
            () => ask("shop"),
            ({ code }) => code !== 0,
          )
        ).output,
      ).toContain("Connection reset by peer");
      await clusters.kube("client", "label", "pod", "shop", "app=shop", "--overwrite");
      expect(
        (
          await until(
            () => ask("shop"),
            ({ code }) => code === 0,
          )
        ).code,
      ).toBe(0);
    },
    2 * MINUTE,
  );

  test(
    "a pod of the host's network is nobody that a policy knows",
    async () => {
      await pod("hosted", { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }, "--labels", "app=shop");
      expect((await ask("hosted")).output).toContain("Connection reset by peer");
    },
    MINUTE,
  );

  test(
    "an import is reached within seconds of kubectl apply, and its Service goes with it",
    async () => {
      const begun = performance.now();
      await clusters.apply("client", imported("shop-web", 80, "web"));
      const applied = performance.now();
      const request = ["wget", "-q", "-O", "-", "http://shop-web.default.svc/"];
      const exec = () => clusters.kubectl("client", "exec", "shop", "--", "timeout", "2", ...request);
      expect((await until(exec, ({ code }) => code === 0)).stdout).toBe("hello from the other cluster\n");
      const seconds = (time: number) => `${((time - begun) / 1_000).toFixed(1)} s`;
      console.log(
        `an Import: kubectl apply took ${seconds(applied)}; a pod had an answer through it, asked by kubectl exec,`,
        `${seconds(performance.now())} after apply was started`,
      );
      await clusters.kube("client", "delete", "import", "shop-web");
      const service = () => clusters.kubectl("client", "get", "service", "shop-web");
      expect((await until(service, ({ code }) => code !== 0)).output).toContain("NotFound");
    },
    MINUTE,
  );

  test(
    "status and explain ask a gateway pod through the API server",
    async () => {
      const status = await clusters.clusterlink("client", ["status", "-o", "json"]);
      expect(JSON.parse(status.stdout)).toMatchObject({ name: "client", ready: true });
      const shop = (await clusters.get<{ status: { podIP: string } }>("client", "pod", "shop")).status.podIP;
      const explained = await clusters.clusterlink("client", ["explain", "--client", shop, "--import", "default/web"]);
      expect(explained.output).toContain("allow-shop");
    },
    MINUTE,
  );

  test(
    "when the leading replica is killed, the other takes over and cuts none of its connections",
    async () => {
      const ticking = ["nc", "-ll", "-p", "9000", "-e", "sh", "-c", "while echo tick; do sleep 0.2; done"];
      const ticker = ["deployment", "ticker", "--image", "busybox:local", "--port", "9000"];
      await clusters.kube("server", "create", ...ticker, "--", ...ticking);
      await clusters.kube("server", "expose", "deployment", "ticker");
      await clusters.kube("server", "rollout", "status", "deployment", "ticker", "--timeout", "30s");
      await clusters.apply("server", exported("ticker", 9000), policy("allow-peer", { [PEER_NAME]: "client" }));
      await clusters.apply("client", imported("ticker", 9000, "ticker"));
      expect((await clusters.deploy("client", "--replicas", "2")).output).toContain("2 of 2 pods ready");

      const streams: Stream[] = [];
      try {
        const counts = await until(
          async () => {
            for (let index = 0; index < 4; index++) streams.push(new Stream(clusters));
            await until(async () => streams.every(({ ticks }) => ticks > 0), Boolean, 10_000);
            const names = await gateways("client");
            return Promise.all(names.map(async (name) => [name, await connections(name)] as const));
          },
          (each) => each.length === 2 && each.every(([, count]) => count > 0),
        );
        const leader = await leaderOf();
        const survivor = counts.find(([name]) => name !== leader);
        expect(counts.map(([name]) => name)).toContain(leader);
        expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(streams.length);

        const force = ["--grace-period", "0", "--force"];
        await clusters.kube("client", "delete", "pod", leader, "-n", "clusterlink-system", ...force);
        const next = await until(leaderOf, (name) => name !== leader && name !== "", 40_000);
        expect(next).not.toBe(leader);
        const before = streams.map(({ ticks }) => ticks);
        await Bun.sleep(2_000);
        const alive = streams.filter(({ ticks }, index) => ticks > (before[index] ?? 0));
        expect(alive.length).toBe(survivor?.[1] ?? 0);
        expect((await ask("shop")).stdout).toBe("hello from the other cluster\n");
      } finally {
        for (const stream of streams) stream.end();
      }
      await clusters.apply("client", imported("later", 8081, "web"));
      const wait = ["--for", "condition=ImportServiceValid", "--timeout", "20s"];
      expect(await clusters.kube("client", "wait", "import/later", ...wait)).toContain("condition met");
    },
    3 * MINUTE,
  );

  test(
    "when one of two replicas of the exporting site is deleted, no request fails, while it drains or after",
    async () => {
      // All tunnels of the importing site lead to the replica that was there first.
      const [first = ""] = await gateways("server");
      expect((await clusters.deploy("server", "--replicas", "2")).output).toContain("2 of 2 pods ready");
      const asked = (count: number, pause: number) => {
        const request = "timeout 5 wget -q -O - http://web.default.svc:8080/ || echo failed";
        const loop = `for i in $(seq ${count}); do ${request}; sleep ${pause}; done`;
        return clusters.kube("client", "exec", "shop", "--", "sh", "-c", loop);
      };
      const during = asked(100, 0.1);
      await clusters.kube("server", "delete", "pod", first, "-n", "clusterlink-system", "--wait=false");
      const gone = async () => !(await gateways("server")).includes(first);
      expect(await until(gone, Boolean, MINUTE)).toBe(true);
      const after = await asked(20, 0);
      // A short request may not fail at all; only a connection that outlasts the grace period is reset.
      const answers = [...(await during).split("\n"), ...after.split("\n")].filter(Boolean);
      expect(answers).toEqual(Array.from({ length: 120 }, () => "hello from the other cluster"));
    },
    2 * MINUTE,
  );

  test(
    "a certificate that is deployed anew restarts no pod",
    async () => {
      for (const name of await gateways("client")) former.set(name, await certificatesOf(name));
      await clusters.renewCertificate("client");
      const { output } = await clusters.deploy("client", "--replicas", "2");
      expect(output).toContain("secret/cl-peer configured");
      expect(output).toContain("deployment.apps/clusterlink unchanged");
    },
    2 * MINUTE,
  );

  test(
    "the operator is ready as its probes say, and none of them has ended it",
    async () => {
      const place = ["-n", "clusterlink-operator"];
      const wait = ["wait", "--for=condition=Available", "deployment/clusterlink-operator", "--timeout=30s"];
      expect(await clusters.kube("client", ...wait, ...place)).toContain("condition met");
      const [probe, restarts] = [
        "spec.containers[0].readinessProbe.httpGet.path",
        "status.containerStatuses[0].restartCount",
      ];
      const said = await clusters.kube(
        "client",
        "get",
        "pods",
        ...place,
        "-o",
        `jsonpath={.items[0].${probe}} {.items[0].${restarts}}`,
      );
      expect(said).toBe("/readyz 0");
    },
    MINUTE,
  );

  test(
    "the operator keeps what the Instance says, and refuses a second Instance",
    async () => {
      const spec = ["get", "deployment", "clusterlink", "-n", "clusterlink-system", "-o", "jsonpath={.spec.replicas}"];
      await clusters.kube(
        "client",
        "scale",
        "deployment",
        "clusterlink",
        "-n",
        "clusterlink-system",
        "--replicas",
        "5",
      );
      expect(
        await until(
          () => clusters.kube("client", ...spec),
          (replicas) => replicas === "2",
        ),
      ).toBe("2");
      const second = { namespace: "clusterlink-operator", name: "second" };
      await clusters.apply("client", { apiVersion: API_VERSION, kind: "Instance", metadata: second, spec: {} });
      const instance = () => clusters.get<Instance>("client", "instance", "second", "-n", second.namespace);
      const refused = await until(instance, ({ status }) => status?.conditions !== undefined);
      expect(refused.status?.conditions?.[0]?.message).toContain(
        "clusterlink-operator/cl-instance is deployed already",
      );
      await clusters.kube("client", "delete", "instance", "second", "-n", second.namespace);
      const first = () => clusters.get<Instance>("client", "instance", "cl-instance", "-n", second.namespace);
      const ready = (each: Instance) => each.status?.dataplane?.conditions.DeploymentReady.status === "True";
      expect(ready(await until(first, ready, 60_000))).toBe(true);
    },
    2 * MINUTE,
  );

  test(
    "the certificate that was deployed anew is in use, in the pods that were there",
    async () => {
      for (const [name, before] of former) {
        const now = () => certificatesOf(name);
        expect(await until(now, (certificates) => certificates !== before, 2 * MINUTE)).not.toBe(before);
      }
      expect(former.size).toBe(2);
      expect((await ask("shop")).stdout).toBe("hello from the other cluster\n");
    },
    3 * MINUTE,
  );

  test.each(["server", "client"] as const)(
    "the API server refused nothing that the gateway and the operator of '%s' asked for",
    async (site) => {
      // Pods that are on their way out may be gone before they are asked.
      const staying = ({ metadata, status }: PodState) =>
        metadata.deletionTimestamp === undefined && status.phase === "Running";
      let all = "";
      for (const namespace of ["clusterlink-system", "clusterlink-operator"]) {
        const { items } = await clusters.get<{ items: PodState[] }>(site, "pods", "-n", namespace);
        const pods = items.filter(staying);
        expect(pods.length).toBeGreaterThan(0);
        for (const { metadata } of pods) {
          all += await clusters.kube(site, "logs", metadata.name, "-n", namespace, "--tail", "-1");
        }
      }
      expect(all.length).toBeGreaterThan(0);
      expect(all.split("\n").filter((line) => /forbidden/i.test(line))).toEqual([]);
    },
    MINUTE,
  );

  test(
    "delete peer leaves nothing but what users made",
    async () => {
      await clusters.kube("client", "delete", "pod", "shop", "--grace-period", "0", "--force");
      const deleted = await clusters.clusterlink("client", ["delete", "peer", "--name", "client"]);
      expect(deleted.output).toContain("deployment.apps/clusterlink deleted");
      expect(deleted.code).toBe(0);
      const everything =
        "deployments,services,roles,rolebindings,poddisruptionbudgets,clusterroles,clusterrolebindings";
      const { items } = await clusters.get<{ items: Named[] }>(
        "client",
        everything,
        "-A",
        "-l",
        "app.kubernetes.io/part-of=clusterlink",
      );
      expect(items.map((item) => item.metadata.name)).toEqual([]);
      expect((await clusters.kubectl("client", "get", "service", "web")).output).toContain("NotFound");
      expect(await clusters.kube("client", "get", "imports", "-o", "name")).toContain("import.clusterlink.net/web");
      const [again] = (await clusters.clusterlink("client", ["delete", "peer", "--name", "client"])).output.split("\n");
      expect(again).toContain("nothing was there to delete");
    },
    2 * MINUTE,
  );

  /** The pod that holds the gateway's Lease. */
  async function leaderOf(): Promise<string> {
    const path = "jsonpath={.items[0].spec.holderIdentity}";
    const holder = await clusters.kube("client", "get", "leases", "-n", "clusterlink-system", "-o", path);
    return holder.split("_")[0] ?? "";
  }

  /** How many connections a gateway pod carries. */
  async function connections(name: string): Promise<number> {
    return (JSON.parse((await inPod(name, "connections")) || "[]") as unknown[]).length;
  }

  /** What a gateway pod says of its certificates. */
  async function certificatesOf(name: string): Promise<string> {
    const status = JSON.parse(await inPod(name, "status")) as { certificates: unknown };
    return JSON.stringify(status.certificates);
  }

  /** What a command says in a gateway pod, as JSON. */
  async function inPod(name: string, command: string): Promise<string> {
    const words = ["exec", name, "-n", "clusterlink-system", "--", "/usr/bin/clusterlink", command, "-o", "json"];
    return (await clusters.kubectl("client", ...words)).stdout;
  }
});

const API_VERSION = "clusterlink.net/v1alpha1";

const PEER_NAME = "peer.clusterlink.net/name";

function exported(name: string, port: number): object {
  return { apiVersion: API_VERSION, kind: "Export", metadata: { name, namespace: "default" }, spec: { port } };
}

function imported(name: string, port: number, exportName: string): object {
  const sources = [{ peer: "server", exportName, exportNamespace: "default" }];
  return { apiVersion: API_VERSION, kind: "Import", metadata: { name, namespace: "default" }, spec: { port, sources } };
}

function policy(name: string, matchLabels: Record<string, string>): object {
  const from = [{ workloadSelector: { matchLabels } }];
  const spec = { action: "allow", from, to: [{ workloadSelector: {} }] };
  return { apiVersion: API_VERSION, kind: "AccessPolicy", metadata: { name, namespace: "default" }, spec };
}

/** A long connection of a pod to the other cluster's ticker. */
class Stream {
  ticks = 0;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "ignore">;

  constructor(clusters: Clusters) {
    const script = "sleep 100000 | nc ticker.default.svc 9000";
    const command = clusters.kubectlCommand("client", "exec", "shop", "--", "sh", "-c", script);
    this.#child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    void this.#count();
  }

  async #count(): Promise<void> {
    for await (const bytes of this.#child.stdout) this.ticks += Buffer.from(bytes).toString().split("tick").length - 1;
  }

  end(): void {
    this.#child.kill();
  }
}
