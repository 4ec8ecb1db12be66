import { join } from "node:path";
import { freePort } from "../../../test/free-port.ts";
import type { Child } from "../../children.ts";
import {
  ALLOW_ALL,
  exportingPeer,
  importOf,
  isReady,
  type Manifest,
  startGateway,
  writeManifests,
} from "../../gateway.ts";
import { IMPORTING, type Lab } from "../../lab.ts";
import { countListeners } from "../../listeners.ts";
import { LOOPBACK } from "../../ports.ts";
import { cpuSeconds, processTree, proportionalSetSize } from "../../processes.ts";
import type { Route, Subject } from "../../subjects/subject.ts";
import { until } from "../../waiting.ts";
import type { ProxyFigure, Setting, Values } from "../figure.ts";
import { type Curve, drawn, eachPoint, nameAt, pointsOf } from "./curve.ts";

const COUNTS = [10, 100, 1_000, 5_000];
const QUICK_COUNTS = [10, 100, 1_000];

/** An address of the loopback interface that nobody else listens on, and the first of the ports there. */
const HOST = "127.77.0.1";
const FIRST_PORT = 20_000;

/** Thousands of listeners take some seconds, in milliseconds. */
const LIMIT = 120_000;

const START: Curve = { title: "start until all listen", unit: "s", better: "lower" };
const CPU: Curve = { title: "CPU time of the start", unit: "s", better: "lower" };
const MEMORY: Curve = { title: "memory", unit: "MiB", better: "lower" };
const APPLY: Curve = { title: "clusterlink apply until all listen", unit: "s", better: "lower" };

/** Starts the importing side of a subject with that many imported services. */
type Start = (count: number) => readonly Child[];

function startOf({ lab, subject }: Setting): Start {
  const { commands, executable } = subject;
  if (commands) {
    return (count) => {
      return commands(IMPORTING, routes(count), lab).map((command) => {
        return lab.children.start(`${subject.name}-imports`, lab.places[IMPORTING].within(command));
      });
    };
  }
  if (executable === undefined) throw new Error("it cannot be told to import other services");
  return (count) => [gateway(lab, executable, imports(count)).child];
}

function routes(count: number): Route[] {
  const nowhere = { host: LOOPBACK, port: 1 };
  return Array.from({ length: count }, (_, i) => {
    return { service: `service-${i}`, entry: { host: HOST, port: FIRST_PORT + i }, between: nowhere, backend: nowhere };
  });
}

function imports(count: number): Manifest[] {
  return Array.from({ length: count }, (_, i) => importOf(`service-${i}`, FIRST_PORT + i));
}

function gateway(lab: Lab, executable: string, manifests: readonly Manifest[]) {
  const all = [ALLOW_ALL, exportingPeer(LOOPBACK, 1), ...manifests];
  const setting = { executable, site: IMPORTING, port: freePort(), importAddress: HOST, manifests: all } as const;
  return startGateway("imports", lab, setting);
}

/** Waits until that many ports are listened on. @returns the seconds since `started` */
async function untilListening(lab: Lab, children: readonly Child[], count: number, started: number): Promise<number> {
  const listening = () => {
    for (const child of children) lab.children.expectRunning(child);
    return countListeners(HOST) === count;
  };
  await until(`${count} imported services are listened for`, listening, LIMIT);
  return (performance.now() - started) / 1000;
}

async function started(start: Start, count: number, { lab, quick }: Setting): Promise<Values> {
  const begun = performance.now();
  const children = start(count);
  const processes = () => children.flatMap(({ process }) => processTree(process.pid));
  try {
    const seconds = await untilListening(lab, children, count, begun);
    const cpu = cpuSeconds(processes());
    await Bun.sleep(quick ? 500 : 2_000);
    return {
      [nameAt(START.title, count)]: seconds,
      [nameAt(CPU.title, count)]: cpu,
      [nameAt(MEMORY.title, count)]: proportionalSetSize(processes()) / 1024,
    };
  } finally {
    await Promise.all(children.map((child) => lab.children.end(child)));
    await until("nobody listens there any more", () => countListeners(HOST) === 0);
  }
}

async function applied(executable: string, count: number, { lab }: Setting): Promise<Values> {
  const empty = gateway(lab, executable, []);
  try {
    await until("the gateway is ready", () => {
      lab.children.expectRunning(empty.child);
      return isReady(empty);
    });
    const file = join(lab.folder("apply"), "imports.yaml");
    writeManifests(file, imports(count));
    const begun = performance.now();
    await lab.children.run([executable, "apply", "-f", file, "--server", `unix:${empty.socket}`]);
    return { [nameAt(APPLY.title, count)]: await untilListening(lab, [empty.child], count, begun) };
  } finally {
    await lab.children.end(empty.child);
  }
}

/** What imported services cost the side that listens for them; behind them is nothing. */
export const importsShape: ProxyFigure = {
  kind: "proxy",
  name: "shapes-imports",
  title: "a gateway that imports many services",
  axis: { title: "imported services", unit: "count" },
  metrics: pointsOf([START, CPU, MEMORY, APPLY], COUNTS),
  maxRounds: 1,
  service: "echo",
  programs: [],
  concerns: (subject: Subject) => drawn(subject) && (subject.commands ?? subject.executable) !== undefined,
  async measure(setting) {
    const { executable } = setting.subject;
    const start = startOf(setting);
    return eachPoint(setting.quick ? QUICK_COUNTS : COUNTS, async (count) => {
      const cost = await started(start, count, setting);
      return executable === undefined ? cost : { ...cost, ...(await applied(executable, count, setting)) };
    });
  },
};
