import { destinationAttributes, sourceAttributes } from "../../src/policy/endpoints.ts";
import { PolicySet } from "../../src/policy/policy-set.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";
import type { OwnFigure } from "./figure.ts";

const COUNTS = [10, 1_000, 10_000];

/** A set of policies, each of which lets one application reach one service, and connections that they decide. */
function workload(count: number) {
  const select = (key: string, value: string) => [{ workloadSelector: { matchLabels: { [key]: value } } }];
  const policies = Array.from({ length: count }, (_, i): PolicyEntry => {
    const from = select("client.clusterlink.net/labels.app", `app-${i}`);
    const to = select("export.clusterlink.net/name", `service-${i % 100}`);
    const tier = i % 10 === 0 ? { tier: "privileged" as const } : { tier: "regular" as const, namespace: "default" };
    const action = i % 20 === 0 ? "deny" : "allow";
    return { ...tier, name: `policy-${i}`, spec: { action, from, to } };
  });
  const site = { name: "importing", labels: { region: "eu" } };
  const connections = Array.from({ length: 64 }, (_, i) => {
    const at = Math.floor((i * count) / 64);
    const client = { namespace: "default", labels: { app: `app-${at}`, tier: "front" } };
    const exported = { name: `service-${(i % 2 === 0 ? at : at + 1) % 100}`, namespace: "default", labels: {} };
    return {
      from: sourceAttributes(site, client),
      to: destinationAttributes({ name: "exporting", labels: {} }, exported),
    };
  });
  return { set: new PolicySet(policies), connections };
}

function decisionsPerSecond({ set, connections }: ReturnType<typeof workload>, milliseconds: number): number {
  let decisions = 0;
  const started = performance.now();
  let elapsed = 0;
  while (elapsed < milliseconds) {
    for (let i = 0; i < 100; i++) for (const { from, to } of connections) set.decide("default", from, to);
    decisions += 100 * connections.length;
    elapsed = performance.now() - started;
  }
  return (decisions / elapsed) * 1000;
}

/** How many decisions a second the policy engine makes in one process, as the policies in force grow. */
export const policy: OwnFigure = {
  kind: "own",
  name: "policy",
  title: "policy decisions",
  metrics: COUNTS.map((count) => ({ name: `${count} policies`, unit: "1/s", better: "higher" })),
  async measure({ quick }) {
    const rates = COUNTS.map((count) => {
      const load = workload(count);
      decisionsPerSecond(load, 100);
      return [`${count} policies`, decisionsPerSecond(load, quick ? 200 : 500)];
    });
    return Object.fromEntries(rates);
  },
};
