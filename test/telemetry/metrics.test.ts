import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { RelayMetricsMerger } from "../../src/telemetry/merge.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { METRICS, type MetricDefinition } from "../../src/telemetry/names.ts";
import { processFamilies, readUsage } from "../../src/telemetry/processes.ts";
import { parsePrometheus } from "./prometheus-text.ts";

const web = { side: "client", import: "default/web", export: "shop/web", peer: "oslo" };

/** What a scraper reads of one relay. */
async function scrape(metrics: Metrics): Promise<ReturnType<typeof parsePrometheus>> {
  const merger = new RelayMetricsMerger();
  merger.update({ relay: 0, pid: 1, metrics: metrics.families() });
  return parsePrometheus(await merger.text());
}

describe("handles", () => {
  test("of the same labels are the same, whatever the order of the labels", () => {
    const metrics = new Metrics();
    const counter = metrics.counter(METRICS.connections, { ...web, result: "closed" });
    counter.inc();
    counter.inc(4);
    expect(metrics.counter(METRICS.connections, { result: "closed", ...web })).toBe(counter);
    expect(metrics.families()).toEqual([
      {
        name: "clusterlink_connections_total",
        help: METRICS.connections.help,
        type: "counter",
        values: [{ labels: { ...web, result: "closed" }, value: 5 }],
      },
    ]);
  });

  test("of a gauge rise, fall and are set", () => {
    const gauge = new Metrics().gauge(METRICS.activeConnections, web);
    gauge.inc();
    gauge.inc(5);
    gauge.dec(2);
    expect(gauge.value).toBe(4);
    gauge.set(1);
    expect(gauge.value).toBe(1);
  });

  test("collectors run before every reading, and cleared series are gone until they are set again", () => {
    const metrics = new Metrics();
    const states = ["idle", "busy"];
    metrics.onCollect(() => {
      metrics.clear(METRICS.tunnels);
      for (const state of states) metrics.gauge(METRICS.tunnels, { peer: "oslo", role: "opener", state }).inc();
    });
    expect(metrics.families()[0]?.values).toHaveLength(2);
    states.length = 1;
    expect(metrics.families()[0]?.values).toEqual([
      { labels: { peer: "oslo", role: "opener", state: "idle" }, value: 1 },
    ]);
  });

  test("beyond the bound of label sets everything is counted together as 'other'", () => {
    const metrics = new Metrics(10);
    for (let i = 0; i < 1000; i++) metrics.counter(METRICS.heartbeats, { peer: `p${i}`, result: "success" }).inc();
    const values = metrics.families()[0]?.values ?? [];
    expect(values).toHaveLength(11);
    expect(values.at(-1)).toEqual({ labels: { peer: "other", result: "other" }, value: 990 });
  });
});

test("a histogram counts each observation into the buckets at or above it", () => {
  const bounds = METRICS.openSeconds.buckets ?? [];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(...bounds))),
      (observed) => {
        const metrics = new Metrics();
        const histogram = metrics.histogram(METRICS.openSeconds, { side: "client" });
        for (const value of observed) histogram.observe(value);
        const [family] = metrics.families();
        for (const { metricName, labels, value } of family?.values ?? []) {
          if (metricName?.endsWith("_sum"))
            expect(value).toBeCloseTo(
              observed.reduce((a, b) => a + b, 0),
              6,
            );
          else if (metricName?.endsWith("_count")) expect(value).toBe(observed.length);
          else
            expect(value).toBe(observed.filter((one) => labels["le"] === "+Inf" || one <= Number(labels["le"])).length);
        }
      },
    ),
  );
});

test("the text is what Prometheus reads, whatever a label contains", async () => {
  const metrics = new Metrics();
  metrics.counter(METRICS.heartbeats, { peer: 'a"b\\c\nd', result: "success" }).inc(3);
  metrics.histogram(METRICS.openSeconds, { side: "client" }).observe(0.003);
  const families = await scrape(metrics);
  expect([...(families.get("clusterlink_heartbeats_total")?.samples ?? [])]).toEqual([
    ['clusterlink_heartbeats_total{peer="a\\"b\\\\c\\nd",result="success"}', 3],
  ]);
  const samples = families.get("clusterlink_open_seconds")?.samples;
  expect(samples?.get('clusterlink_open_seconds_bucket{le="0.0025",side="client"}')).toBe(0);
  expect(samples?.get('clusterlink_open_seconds_bucket{le="0.005",side="client"}')).toBe(1);
  expect(samples?.get('clusterlink_open_seconds_count{side="client"}')).toBe(1);
});

describe("several relays as one", () => {
  const NAME =
    'clusterlink_connections_total{export="shop/web",import="default/web",peer="oslo",result="closed",side="client"}';
  const ACTIVE = 'clusterlink_connections_active{export="shop/web",import="default/web",peer="oslo",side="client"}';

  function relay(ended: number, active: number): Metrics {
    const metrics = new Metrics();
    metrics.counter(METRICS.connections, { ...web, result: "closed" }).inc(ended);
    metrics.gauge(METRICS.activeConnections, web).set(active);
    metrics.histogram(METRICS.openSeconds, { side: "client" }).observe(ended);
    return metrics;
  }

  async function read(merger: RelayMetricsMerger) {
    const families = parsePrometheus(await merger.text());
    const all = new Map([...families.values()].flatMap(({ samples }) => [...samples]));
    return {
      total: all.get(NAME),
      active: all.get(ACTIVE),
      opened: all.get('clusterlink_open_seconds_count{side="client"}'),
      all,
    };
  }

  test("are added up", async () => {
    const merger = new RelayMetricsMerger();
    merger.update({ relay: 0, pid: 10, metrics: relay(3, 2).families() });
    merger.update({ relay: 1, pid: 11, metrics: relay(4, 5).families() });
    merger.update({ relay: 1, pid: 11, metrics: relay(6, 1).families() });
    expect(await read(merger)).toMatchObject({ total: 9, active: 3, opened: 2 });
  });

  test("keep the counts of a replaced one, and lose its gauges", async () => {
    const merger = new RelayMetricsMerger();
    merger.update({ relay: 0, pid: 10, metrics: relay(3, 2).families() });
    merger.update({ relay: 0, pid: 20, metrics: relay(1, 7).families() });
    merger.update({ relay: 0, pid: 30, metrics: relay(1, 1).families() });
    const { total, active, opened, all } = await read(merger);
    expect({ total, active, opened }).toEqual({ total: 5, active: 1, opened: 3 });
    expect(all.get('clusterlink_relay_restarts_total{relay="0"}')).toBe(2);
  });

  test("what is kept of relays that are gone is bounded, and loses no count", async () => {
    const merger = new RelayMetricsMerger();
    for (let generation = 0; generation < 4; generation++) {
      const metrics = new Metrics();
      for (let i = 0; i < 1500; i++) {
        metrics.counter(METRICS.heartbeats, { peer: `p${generation}-${i}`, result: "success" }).inc();
      }
      merger.update({ relay: 0, pid: generation, metrics: metrics.families() });
    }
    merger.follow({ relay: 0, pid: 99 });
    const { samples = new Map() } = parsePrometheus(await merger.text()).get(METRICS.heartbeats.name) ?? {};
    expect(samples.size).toBe(2001);
    expect([...samples.values()].reduce((sum, value) => sum + value, 0)).toBe(6000);
  });
  test("count a relay that died and came back once, not twice", async () => {
    const merger = new RelayMetricsMerger();
    merger.update({ relay: 0, pid: 10, metrics: relay(3, 2).families() });
    merger.follow({ relay: 0, pid: 20 });
    merger.follow({ relay: 0, pid: 20 });
    expect(await read(merger)).toMatchObject({ total: 3, active: undefined });
    merger.update({ relay: 0, pid: 20, metrics: relay(1, 1).families() });
    const { total, all } = await read(merger);
    expect([total, all.get('clusterlink_relay_restarts_total{relay="0"}')]).toEqual([4, 1]);
  });

  test("count every replacement, whether a report came between them or not", async () => {
    const merger = new RelayMetricsMerger();
    for (const pid of [10, 20, 20, 30]) merger.follow({ relay: 0, pid });
    const { all } = await read(merger);
    expect(all.get('clusterlink_relay_restarts_total{relay="0"}')).toBe(2);
  });

  test("of one that is not there just now keep the counts, without its gauges", async () => {
    const merger = new RelayMetricsMerger();
    merger.update({ relay: 0, pid: 10, metrics: relay(3, 2).families() });
    const families = parsePrometheus(await merger.text([], () => false));
    expect(families.get("clusterlink_connections_active")?.samples.size ?? 0).toBe(0);
    // It was only out of reach: what it counted is not counted twice.
    merger.update({ relay: 0, pid: 10, metrics: relay(4, 2).families() });
    expect(await read(merger)).toMatchObject({ total: 4, active: 2 });
  });

  test("never let a counter fall, in whatever order relays report and are replaced", async () => {
    const step = fc.record({ relay: fc.nat(2), replaced: fc.boolean(), ended: fc.nat(5) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const merger = new RelayMetricsMerger();
        const state = new Map<number, { pid: number; ended: number }>();
        let expected = 0;
        for (const { relay: index, replaced, ended } of steps) {
          const now = state.get(index) ?? { pid: 1, ended: 0 };
          if (replaced) Object.assign(now, { pid: now.pid + 1, ended: 0 });
          now.ended += ended;
          expected += ended;
          state.set(index, now);
          merger.update({ relay: index, pid: now.pid, metrics: relay(now.ended, 0).families() });
          expect((await read(merger)).total).toBe(expected);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("stand beside the metrics of control itself, which are added where the name is the same", async () => {
    const merger = new RelayMetricsMerger();
    merger.update({ relay: 0, pid: 10, metrics: relay(3, 2).families() });
    const control = new Metrics();
    control.gauge(METRICS.snapshotLag, { relay: "0" }).set(2);
    control.counter(METRICS.connections, { ...web, result: "closed" }).inc();
    const families = parsePrometheus(await merger.text(control.families()));
    expect(families.get("clusterlink_snapshot_lag")?.samples.get('clusterlink_snapshot_lag{relay="0"}')).toBe(2);
    expect(families.get("clusterlink_connections_total")?.samples.get(NAME)).toBe(4);
  });

  test("nothing reported yet is an empty text", async () => {
    expect((await new RelayMetricsMerger().text()).trim()).toBe("");
  });
});

describe("processes", () => {
  test("a running process is described in seconds and bytes", async () => {
    const usage = await readUsage(process.pid);
    const { cpuSeconds = 0, residentBytes = 0, openFds = 0, maxFds = 0, startTime = 0 } = usage ?? {};
    const cpu = process.cpuUsage();
    expect(Math.abs(cpuSeconds - (cpu.user + cpu.system) / 1e6)).toBeLessThan(0.5);
    expect(residentBytes).toBeWithin(process.memoryUsage().rss / 2, process.memoryUsage().rss * 2);
    expect(openFds).toBeWithin(3, maxFds);
    expect(Math.abs(Date.now() / 1000 - process.uptime() - startTime)).toBeLessThan(5);
  });

  test("one with spaces and parentheses in its name too", async () => {
    const child = Bun.spawn(["sh", "-c", "printf 'a) R (b 1 2' > /proc/$$/comm; read x"], { stdin: "pipe" });
    await Bun.sleep(100);
    const usage = await readUsage(child.pid);
    child.kill();
    expect(Math.abs(Date.now() / 1000 - (usage?.startTime ?? 0))).toBeLessThan(5);
  });

  test("one that is gone is left out, the others stay, each by its role", async () => {
    const child = Bun.spawn(["true"]);
    await child.exited;
    const families = await processFamilies([
      { role: "control", pid: process.pid },
      { role: "relay-0", pid: child.pid },
    ]);
    expect(families.map(({ name }) => name).sort()).toEqual([
      "process_cpu_seconds_total",
      "process_max_fds",
      "process_open_fds",
      "process_resident_memory_bytes",
      "process_start_time_seconds",
    ]);
    for (const { values } of families) expect(values.map(({ labels }) => labels)).toEqual([{ role: "control" }]);
  });
});

describe("the list of metrics", () => {
  const definitions: MetricDefinition[] = Object.values(METRICS);

  test("follows the conventions of Prometheus", () => {
    for (const { name, type, labels, buckets, help } of definitions) {
      expect(name).toMatch(/^(clusterlink|process)_[a-z_]+$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
      expect(buckets !== undefined).toBe(type === "histogram");
      expect([...(buckets ?? [])]).toEqual([...(buckets ?? [])].sort((a, b) => a - b));
      expect(help).toEndWith(".");
      for (const label of labels) expect(label).toMatch(/^[a-z]+$/);
    }
    expect(new Set(definitions.map(({ name }) => name)).size).toBe(definitions.length);
  });

  test("is exactly what docs/metrics.md tells, with the same types and labels", () => {
    const rows = readFileSync("docs/metrics.md", "utf8").matchAll(
      /^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|/gm,
    );
    const documented = [...rows].map(([, name, type, labels = ""]) => [
      name,
      type,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    ]);
    expect(documented.sort()).toEqual(definitions.map(({ name, type, labels }) => [name, type, [...labels]]).sort());
  });
});
