/** What following ten thousand pods costs, in a process of its own. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { PODS } from "../../src/store/kubernetes/resource.ts";
import { onTestApiServer } from "./server.ts";

const COUNT = 10_000;

/** As large as a pod is that a Deployment made. */
function pod(i: number) {
  const name = `shop-frontend-6d4cf56db6-${i.toString(36)}`;
  const ip = `10.${244 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
  const env = Array.from({ length: 20 }, (_, k) => ({ name: `VARIABLE_${k}`, value: `the value of ${k} in ${i}` }));
  const conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
    type,
    status: "True",
    lastTransitionTime: "2030-01-01T00:00:00Z",
  }));
  return {
    metadata: {
      namespace: "default",
      name,
      labels: { app: `app-${i % 100}`, "pod-template-hash": "6d4cf56db6", "app.kubernetes.io/part-of": "shop" },
      annotations: { "example.com/checksum": "0123456789abcdef".repeat(16) },
    },
    spec: {
      nodeName: `node-${i % 100}`,
      serviceAccountName: `account-${i % 10}`,
      containers: [{ name: "main", image: "registry.example/shop/frontend:v1", env }],
    },
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions },
  };
}

onTestApiServer("ten thousand pods", (server) => {
  test("take less than 60 MB of a process that follows them", async () => {
    for (let i = 0; i < COUNT; i++) server().seed(PODS, pod(i));
    const program = join(import.meta.dir, "follow-pods.ts");
    const child = Bun.spawn([process.execPath, program, server().kubeconfig, String(COUNT)], { stderr: "inherit" });
    const { megabytes, size } = JSON.parse(await new Response(child.stdout).text());
    expect(size).toBe(COUNT);
    expect(megabytes).toBeLessThan(60);
  }, 60_000);
});
