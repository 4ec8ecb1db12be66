/** `clusterlink operator`, twice on one host: one leads, and the other follows when that ends. */
import { expect, test } from "bun:test";
import { namespaceObject } from "../../src/deploy/gateway.ts";
import { OPERATOR_NAMESPACE } from "../../src/deploy/options.ts";
import { applyObject } from "../../src/operator/apply.ts";
import { LEASES } from "../../src/store/kubernetes/resource.ts";
import { cleanEnvironment, command } from "../cli/clusterlink.ts";
import { onRealApiServer } from "../kubernetes/server.ts";
import { until } from "./operator-account.ts";

onRealApiServer("operators on one host", (server) => {
  test("take turns: one leads, and when it is told to end, the other does", async () => {
    const { client, kubeconfig } = server();
    await applyObject(client, namespaceObject(OPERATOR_NAMESPACE));
    const start = () =>
      Bun.spawn(command("operator", "--kubeconfig", kubeconfig), {
        env: cleanEnvironment(),
        stdout: "ignore",
        stderr: "ignore",
      });
    const lease = { namespace: OPERATOR_NAMESPACE, name: "clusterlink-operator" };
    const spec = async () => (await client.get(LEASES, lease))?.spec;
    const first = start();
    const running = [first];
    try {
      const holder = await until("a leader", async () => (await spec())?.holderIdentity);
      running.push(start());
      const renewed = (await spec())?.renewTime;
      await Bun.sleep(3_000);
      const later = await spec();
      expect(later?.holderIdentity).toBe(holder);
      expect(later?.leaseTransitions).toBe(0);
      expect(later?.renewTime).not.toBe(renewed as string);
      first.kill("SIGTERM");
      expect(await first.exited).toBe(0);
      const next = await until("the next leader", async () => (await spec())?.holderIdentity);
      expect(next).not.toBe(holder);
    } finally {
      for (const each of running) each.kill("SIGKILL");
      await Promise.all(running.map((each) => each.exited));
    }
  }, 30_000);
});
