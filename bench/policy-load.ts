/** Policies, and connections that they decide. */
import { destinationAttributes, sourceAttributes } from "../src/policy/endpoints.ts";
import { PolicySet } from "../src/policy/policy-set.ts";
import type { PolicyEntry } from "../src/snapshot/tables.ts";
import { median } from "./stats.ts";

/** Connections that are decided again and again, spread over the whole list of policies. */
const SEEN = 64;
/** Connections of which every decision is the first; coprime with the counts. */
const NEW = 10_007;
/** Turns of each count. */
const SLICES = 5;

type Load = ReturnType<typeof workload>;
type Connections = ReturnType<Load["connections"]>;

/** As a relay gets them: parsed, so that every text lies where the parser put it. */
function parsed<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** @returns that many policies, each of which lets one application reach one service; some are privileged, some deny. */
export function policies(count: number): PolicyEntry[] {
  const select = (key: string, value: string) => [{ workloadSelector: { matchLabels: { [key]: value } } }];
  return Array.from({ length: count }, (_, i): PolicyEntry => {
    const from = select("client.clusterlink.net/labels.app", `app-${i}`);
    const to = select("export.clusterlink.net/name", `service-${i % 100}`);
    const tier = i % 10 === 0 ? { tier: "privileged" as const } : { tier: "regular" as const, namespace: "default" };
    const action = i % 20 === 0 ? "deny" : "allow";
    return { ...tier, name: `policy-${i}`, spec: { action, from, to } };
  });
}

/** @returns the set of that many policies, and connections that they decide. */
function workload(count: number) {
  const site = { name: "importing", labels: { region: "eu" } };
  /** `stride` is how far apart on the list neighbours are, so that no cache is filled in the order of the list. */
  const connections = (total: number, stride: number) => {
    const ends = Array.from({ length: total }, (_, i) => {
      const at = Math.floor((((i * stride) % total) * count) / total);
      const client = { namespace: "default", labels: { app: `app-${at}`, tier: "front" } };
      const exported = { name: `service-${(i % 2 === 0 ? at : at + 1) % 100}`, namespace: "default", labels: {} };
      return { client, exported };
    });
    return parsed(ends).map(({ client, exported }) => ({
      from: sourceAttributes(site, client),
      to: destinationAttributes({ name: "exporting", labels: {} }, exported),
    }));
  };
  return { set: new PolicySet(parsed(policies(count))), connections, seen: connections(SEEN, 1) };
}

function decideAll(set: PolicySet, connections: Connections): void {
  for (const { from, to } of connections) set.decide("default", from, to);
}

/** @returns decisions a second over connections that were decided before. */
function seenRate({ set, seen }: Load, milliseconds: number): number {
  let decisions = 0;
  const started = performance.now();
  let elapsed = 0;
  while (elapsed < milliseconds) {
    for (let i = 0; i < 100; i++) decideAll(set, seen);
    decisions += 100 * seen.length;
    elapsed = performance.now() - started;
  }
  return (decisions / elapsed) * 1000;
}

/** @returns decisions a second, each the first of its connection; making the connections is not counted. */
function newRate({ set, connections }: Load, milliseconds: number): number {
  let decisions = 0;
  let elapsed = 0;
  while (elapsed < milliseconds) {
    const fresh = connections(NEW, 7919);
    const started = performance.now();
    decideAll(set, fresh);
    elapsed += performance.now() - started;
    decisions += fresh.length;
  }
  return (decisions / elapsed) * 1000;
}

/**
 * Measures the counts of policies by turns, so that a slow spell of the machine falls on all of them.
 *
 * @param milliseconds - of each turn
 * @returns for each count, decisions a second on connections that were seen before and on new ones
 */
export function decisionRates(counts: readonly number[], milliseconds: number) {
  const loads = counts.map((count) => ({ count, load: workload(count), seen: [] as number[], fresh: [] as number[] }));
  for (const { load } of loads) {
    seenRate(load, 100);
    newRate(load, 20);
  }
  for (let slice = 0; slice < SLICES; slice++) {
    for (const { load, seen, fresh } of loads) {
      seen.push(seenRate(load, milliseconds));
      fresh.push(newRate(load, milliseconds / 5));
    }
  }
  return loads.map(({ count, seen, fresh }) => ({ count, seen: median(seen), fresh: median(fresh) }));
}
