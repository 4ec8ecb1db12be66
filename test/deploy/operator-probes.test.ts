/** What the kubelet hears of `clusterlink operator`, started with the arguments and asked by the probes of its Deployment. */
import { afterEach, describe, expect, test } from "bun:test";
import { operatorObjects } from "../../src/deploy/operator.ts";
import { OPERATOR_NAMESPACE } from "../../src/deploy/options.ts";
import { NAMESPACES } from "../../src/store/kubernetes/resource.ts";
import { cleanEnvironment, command } from "../cli/clusterlink.ts";
import { freePort } from "../free-port.ts";
import { onTestApiServer } from "../kubernetes/server.ts";
import { until } from "./operator-account.ts";

interface Probe {
  httpGet: { path: string; port: string; scheme?: string };
}

interface Container {
  args: string[];
  ports: { name: string; containerPort: number }[];
  livenessProbe: Probe;
  readinessProbe: Probe;
}

function operatorContainer(): Container {
  const deployment = operatorObjects({ image: "", logLevel: "info" }).find(({ kind }) => kind === "Deployment");
  if (deployment === undefined) throw new Error("the operator has no Deployment");
  const { template } = deployment["spec"] as { template: { spec: { containers: [Container] } } };
  return template.spec.containers[0];
}

const container = operatorContainer();

onTestApiServer("the operator's probes", (server) => {
  const running: Bun.Subprocess[] = [];
  afterEach(async () => {
    server().faults.clear();
    for (const each of running) each.kill("SIGKILL");
    await Promise.all(running.splice(0).map((each) => each.exited));
  });

  /** Starts an operator as its pod does; only the port is another, for pods have a network each. */
  async function start() {
    await server()
      .client.create(NAMESPACES, { metadata: { name: OPERATOR_NAMESPACE } })
      .catch(() => undefined);
    const inPod = container.ports.find(({ name }) => name === container.readinessProbe.httpGet.port)?.containerPort;
    const port = freePort();
    const args = container.args.map((arg) => arg.replace(`:${inPod}`, `:${port}`));
    expect(args).not.toEqual(container.args);
    const process = Bun.spawn(command(...args, "--kubeconfig", server().kubeconfig), {
      env: cleanEnvironment(),
      stdout: "ignore",
      stderr: "ignore",
    });
    running.push(process);
    const ask = async ({ httpGet }: Probe) => {
      const response = await fetch(`http://127.0.0.1:${port}${httpGet.path}`);
      return { status: response.status, body: (await response.text()).trim() };
    };
    const probe = (which: "livenessProbe" | "readinessProbe") => ask(container[which]).catch(() => undefined);
    await until("an answer", () => probe("livenessProbe"));
    return { process, port, probe };
  }

  const ready = async ({ probe }: Awaited<ReturnType<typeof start>>) => (await probe("readinessProbe"))?.status === 200;

  test("it is alive and ready when it leads and has read all, and when another one leads", async () => {
    const leader = await start();
    expect(await leader.probe("livenessProbe")).toEqual({ status: 200, body: "ok" });
    await until("a ready leader", () => ready(leader));
    const other = await start();
    await until("a ready follower", () => ready(other));
    leader.process.kill("SIGTERM");
    expect(await leader.process.exited).toBe(0);
  });

  describe("it is alive and not ready", () => {
    const cases: [rule: string, fails: string, reason: string][] = [
      ["while it cannot ask for its Lease", "leases", "Lease clusterlink-operator cannot be read or written"],
      [
        "while it leads and has not read what it acts upon",
        "instances",
        "the Instances, Deployments and Services have not all been read yet",
      ],
    ];
    test.each(cases)("%s, and ready after that", async (_, fails, reason) => {
      server().faults.failNext(1_000, { status: 403, when: ({ resource }) => resource === fails });
      const operator = await start();
      await until(reason, async () => (await operator.probe("readinessProbe"))?.body === reason);
      expect((await operator.probe("readinessProbe"))?.status).toBe(503);
      expect(await operator.probe("livenessProbe")).toEqual({ status: 200, body: "ok" });
      server().faults.clear();
      await until("readiness", () => ready(operator));
    });
  });

  test("they answer to nothing but the paths of the probes", async () => {
    const { port } = await start();
    const status = async (path: string, method = "GET") =>
      (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;
    expect(await status("/metrics")).toBe(404);
    expect(await status("/livez", "POST")).toBe(405);
  });

  test("an operator whose port is taken ends, and says so", async () => {
    const { port } = await start();
    const second = Bun.spawn(command("operator", "--kubeconfig", server().kubeconfig, "--probe-listen", `:${port}`), {
      env: cleanEnvironment(),
      stdout: "ignore",
      stderr: "pipe",
    });
    running.push(second);
    expect(await second.exited).toBe(1);
    expect(await new Response(second.stderr).text()).toContain(`--probe-listen [::]:${port} cannot be bound`);
  });
});
