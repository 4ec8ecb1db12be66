/** A thousand of everything and ten thousand pods: how long until all is in place, and what it costs in memory. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import {
  customResource,
  ENDPOINT_SLICES,
  type KubeResource,
  PODS,
  type Pod,
  SERVICES,
  type Service,
} from "../../src/store/kubernetes/resource.ts";
import { ALLOW_ALL, importOf } from "../control/objects.ts";
import { childrenOf, GatewaySite } from "../process/gateway-process.ts";
import { create, eventually, gatewayEndpoints, told } from "./control-site.ts";
import { suite } from "./server.ts";
import type { TestServer } from "./test-server.ts";

const OBJECTS = 1_000;
const POD_COUNT = 10_000;

/** Lists of a thousand objects cost the API server something, and a machine may be busy with others: processor time counts. */
const SLOWLY = { limit: 120_000, interval: 500 };

/** What one gateway with this many objects may take. */
const LIMITS = { seconds: 30, megabytes: 250 };

/** The clock is judged only where fewer programs than this want to run before anything is begun, on average. */
const IDLE = 1;

const GATEWAYS = ["10.244.0.5", "10.244.0.6"];

/** Half of the Exports lead to a host, the other half to the Service of their name. */
const EXPORT = { host: "db.example", port: 5432 };

/** Clock ticks a second in /proc (USER_HZ). */
const TICKS = 100;

suite(
  "a large cluster",
  (running) => {
    let server: TestServer;
    let namespace: string;
    let east: GatewaySite;
    beforeEach(async () => {
      server = running();
      namespace = await server.namespace();
      await gatewayEndpoints(server, GATEWAYS);
      east = await GatewaySite.create("east");
    });
    afterEach(() => east.close());

    test("is served within seconds, in little memory, and an edit of one object writes that object only", async () => {
      const [load = 0] = loadavg();
      const filled = performance.now();
      await fill();
      const begun = performance.now();
      const child = await east.startReady(["--kubernetes", "--kubeconfig", server.kubeconfig]);
      const ready = performance.now();
      await converged();
      const done = performance.now();
      const control = [...childrenOf(child.pid)].find(([line]) => line.startsWith("clusterlink control"))?.[1] ?? 0;
      const memory = memoryOf(control);
      const busy = processorTime(control);
      const judged = load < IDLE;
      console.log(
        `${server.name}: filled in ${seconds(begun - filled)}, ready in ${seconds(ready - begun)}, all in place in ${seconds(done - begun)};`,
        `control: ${memory.now} MB now, ${memory.most} MB at most, ${busy} s of a processor;`,
        `the load before was ${load.toFixed(1)}, so the clock ${judged ? "counts" : "does not count"}`,
      );
      if (judged) expect((done - begun) / 1_000).toBeLessThan(LIMITS.seconds);
      expect(busy).toBeLessThan(LIMITS.seconds);
      expect(memory.most).toBeLessThan(LIMITS.megabytes);
      const versions = await versionsOf();
      await server.client.patch(customResource("Import"), { namespace, name: "o-7" }, { spec: { port: 81 } });
      await told(server, "Import", namespace, "o-7", "ImportServiceValid True Ready");
      await Bun.sleep(500);
      const after = await versionsOf();
      expect([...after].filter(([name, version]) => versions.get(name) !== version).map(([name]) => name)).toEqual([
        "imports/o-7",
        "services/o-7",
      ]);
    }, 500_000);

    async function fill(): Promise<void> {
      const one = async (i: number): Promise<void> => {
        if (i < OBJECTS) await create(server, "Import", namespace, `o-${i}`, importOf(80));
        else if (i < 2 * OBJECTS) await makeExport(i - OBJECTS);
        else if (i < 3 * OBJECTS) await create(server, "AccessPolicy", namespace, `o-${i}`, policy(i));
        else await makePod(i - 3 * OBJECTS);
      };
      let next = 0;
      const work = async () => {
        while (next < 3 * OBJECTS + POD_COUNT) await one(next++);
      };
      await Promise.all(Array.from({ length: 32 }, work));
    }

    async function makeExport(i: number): Promise<void> {
      const { port } = EXPORT;
      await create(server, "Export", namespace, `e-${i}`, followsService(i) ? { port } : EXPORT);
      if (!followsService(i)) return;
      const spec = { selector: { app: `app-${i}` }, ports: [{ port }] };
      await server.client.create(SERVICES, { metadata: { name: `e-${i}`, namespace }, spec } as Service);
    }

    const policy = (i: number) => ({
      ...ALLOW_ALL,
      from: [{ workloadSelector: { matchLabels: { app: `app-${i}` } } }],
    });

    async function makePod(i: number): Promise<void> {
      const labels = { app: `app-${i % 500}`, "pod-template-hash": `${i % 500}abcdef`, tier: "front", team: "shop" };
      const container = { name: "main", image: "registry.example/shop/front:1.2.3", env: [{ name: "A", value: "b" }] };
      const ip = `10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
      const metadata = { name: `pod-${i}`, namespace, labels };
      await server.client.create(PODS, { metadata, spec: { containers: [container] } } as Pod);
      const status = { phase: "Running", podIP: ip, podIPs: [{ ip }] };
      await server.client.patchStatus(PODS, { namespace, name: `pod-${i}` }, { status });
    }

    async function converged(): Promise<void> {
      const condition = { Import: "ImportServiceValid", Export: "ExportValid", AccessPolicy: "PolicyValid" } as const;
      for (const [kind, type] of Object.entries(condition) as [keyof typeof condition, string][]) {
        await eventually(
          `every ${kind}`,
          async () => {
            const all = await server.client.all(customResource(kind), { namespace });
            const good = all.filter((object) =>
              statusOf(object).some((each) => each.type === type && each.status === "True"),
            );
            return good.length === OBJECTS;
          },
          SLOWLY,
        );
      }
      const last = `10.1.${((POD_COUNT - 1) >> 8) & 255}.${(POD_COUNT - 1) & 255}`;
      await eventually("the last pod", async () => {
        const answer = await east.request("GET", `/explain?import=${namespace}/o-0&client=${last}`);
        const { from } = (await answer.json()) as { from?: Record<string, string> };
        return from?.["client.clusterlink.net/namespace"] === namespace;
      });
      expect(await misled()).toEqual([]);
    }

    /** @returns the Imports and Exports that do not lead where they should, with where they lead. */
    async function misled(): Promise<string[]> {
      const [imports, exports, services, slices] = await Promise.all([
        server.client.all(customResource("Import"), { namespace }),
        server.client.all(customResource("Export"), { namespace }),
        server.client.all(SERVICES, { namespace }),
        server.client.all(ENDPOINT_SLICES, { namespace }),
      ]);
      const serviceOf = new Map(services.map((service) => [service.metadata.name, service]));
      const slicesOf = Map.groupBy(slices, ({ metadata }) => metadata.labels?.["kubernetes.io/service-name"]);
      const seen = new Set<number>();
      const leading = imports.map((object) => {
        const { name } = object.metadata;
        const { targetPort = 0 } = (object as { status?: { targetPort?: number } }).status ?? {};
        const own = !seen.has(targetPort);
        seen.add(targetPort);
        const { selector, ports = [] } = serviceOf.get(name)?.spec ?? {};
        const leads = {
          own,
          service: { selector, ports: ports.map((each) => [each.port, each.targetPort]) },
          endpoints: slicesOf.get(name)?.map((slice) => ({
            ports: slice.ports?.map(({ port }) => port),
            ready: slice.endpoints?.filter(({ conditions }) => conditions?.ready).flatMap(({ addresses }) => addresses),
          })),
        };
        const wanted = {
          own: true,
          service: { selector: undefined, ports: [[80, targetPort]] },
          endpoints: [{ ports: [targetPort], ready: GATEWAYS }],
        };
        return { name, leads, right: Bun.deepEquals(leads, wanted) };
      });
      const exporting = exports.map((object) => {
        const { name } = object.metadata;
        const host = followsService(Number(name.slice(2))) ? `${name}.${namespace}.svc` : EXPORT.host;
        const leads = statusOf(object).map(({ message }) => message);
        return { name, leads, right: leads.some((message) => message.includes(` ${host}:${EXPORT.port} `)) };
      });
      const wrong = [...leading, ...exporting].filter(({ right }) => !right);
      return wrong.map(({ name, leads }) => `${name}: ${JSON.stringify(leads)}`);
    }

    async function versionsOf(): Promise<Map<string, string>> {
      const kinds: KubeResource[] = [
        ...(["Import", "Export", "AccessPolicy"] as const).map(customResource),
        SERVICES,
        ENDPOINT_SLICES,
        { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true },
      ];
      const versions = new Map<string, string>();
      for (const resource of kinds) {
        for (const { metadata } of await server.client.all(resource, { namespace })) {
          versions.set(`${resource.plural}/${metadata.name}`, metadata.resourceVersion ?? "");
        }
      }
      return versions;
    }
  },
  { own: true },
);

const followsService = (i: number) => i % 2 === 0;

interface Told {
  type: string;
  status: string;
  message: string;
}

function statusOf(object: object): Told[] {
  const { status } = object as { status?: { conditions?: Told[] } };
  return status?.conditions ?? [];
}

function memoryOf(pid: number): { now: number; most: number } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string) =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024);
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
}

/** @returns how long a process has been running on a processor, seconds: unlike the clock's, no busy machine adds to it. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
