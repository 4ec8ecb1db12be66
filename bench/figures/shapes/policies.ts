import { freePort } from "../../../test/free-port.ts";
import { ALLOW_ALL, isReady, type Manifest, manifest, startGateway } from "../../gateway.ts";
import { IMPORTING } from "../../lab.ts";
import { policies } from "../../policy-load.ts";
import { LOOPBACK } from "../../ports.ts";
import { commandLine, cpuSeconds, processTree, proportionalSetSize } from "../../processes.ts";
import { until } from "../../waiting.ts";
import type { OwnFigure, OwnSetting, Values } from "../figure.ts";
import { type Curve, eachPoint, nameAt, pointsOf } from "./curve.ts";

const COUNTS = [10, 100, 1_000, 10_000];
const QUICK_COUNTS = [10, 100, 1_000];

/** Thousands of manifests take some seconds, in milliseconds. */
const START_LIMIT = 60_000;

const CONTROL: Curve = { title: "memory of control", unit: "MiB", better: "lower" };
const RELAY: Curve = { title: "memory of a relay", unit: "MiB", better: "lower" };
const START: Curve = { title: "start until ready", unit: "s", better: "lower" };
const CPU: Curve = { title: "CPU time of the start", unit: "s", better: "lower" };

async function gatewayWith(count: number, { lab, executable, quick }: OwnSetting): Promise<Values> {
  const setting = { executable, site: IMPORTING, port: freePort(), importAddress: LOOPBACK } as const;
  const manifests = [ALLOW_ALL, ...policies(count).map(asManifest)];
  const started = performance.now();
  const gateway = startGateway(`policies-${count}`, lab, { ...setting, manifests, flags: ["--relays", "1"] });
  const { child } = gateway;
  try {
    const ready = () => {
      lab.children.expectRunning(child);
      return isReady(gateway);
    };
    await until(`a gateway with ${count} policies is ready`, ready, START_LIMIT);
    const seconds = (performance.now() - started) / 1000;
    const cpu = cpuSeconds(processTree(child.process.pid));
    await Bun.sleep(quick ? 1_000 : 3_000);
    const mebibytes = (role: string) => {
      const those = processTree(child.process.pid).filter(({ pid }) => commandLine(pid).startsWith(role));
      return proportionalSetSize(those) / 1024;
    };
    return {
      [nameAt(CONTROL.title, count)]: mebibytes("clusterlink control"),
      [nameAt(RELAY.title, count)]: mebibytes("clusterlink relay"),
      [nameAt(START.title, count)]: seconds,
      [nameAt(CPU.title, count)]: cpu,
    };
  } finally {
    await lab.children.end(child);
  }
}

function asManifest(policy: ReturnType<typeof policies>[number]): Manifest {
  if (policy.tier === "regular") return manifest("AccessPolicy", policy.name, policy.spec);
  const { metadata: _, ...rest } = manifest("PrivilegedAccessPolicy", policy.name, policy.spec);
  return { ...rest, metadata: { name: policy.name } };
}

/** What policies cost a gateway that holds them: the time until it is ready, and the memory of its processes. */
export const policiesShape: OwnFigure = {
  kind: "own",
  name: "shapes-policies",
  title: "a gateway with many policies",
  axis: { title: "policies", unit: "count" },
  metrics: pointsOf([CONTROL, RELAY, START, CPU], COUNTS),
  maxRounds: 1,
  measure: (setting) => eachPoint(setting.quick ? QUICK_COUNTS : COUNTS, (count) => gatewayWith(count, setting)),
};
