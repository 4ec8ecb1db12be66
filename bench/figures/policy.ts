import { destinationAttributes, sourceAttributes } from "../../src/policy/endpoints.ts";
import { PolicySet } from "../../src/policy/policy-set.ts";
import type { PolicyEntry } from "../../src/snapshot/tables.ts";
import { median } from "../stats.ts";
import type { OwnFigure } from "./figure.ts";

const COUNTS = [10, 1_000, 10_000];

/** Connections that are decided again and again, spread over the whole list of policies. */
const SEEN = 64;
/** Connections of which every decision is the first; coprime with the counts. */
const NEW = 10_007;
const SLICES = 5;

type Load = ReturnType<typeof workload>;
type Connections = ReturnType<Load["connections"]>;

/** As a relay gets them: parsed, so that every text lies where the parser put it. */
function parsed<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

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
  return { set: new PolicySet(parsed(policies)), connections, seen: connections(SEEN, 1) };
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
 * How many decisions a second the policy engine makes in one process, as the policies in force grow: on connections
 * that were decided before, whose policies are in the processor's caches, and on new ones, whose are not. Nothing of a
 * decision is kept for the next one.
 */
export const policy: OwnFigure = {
  kind: "own",
  name: "policy",
  title: "policy decisions",
  metrics: COUNTS.flatMap((count) => [
    { name: `${count} policies`, unit: "1/s", better: "higher" },
    { name: `${count} policies, new connections`, unit: "1/s", better: "higher" },
  ]),
  async measure({ quick }) {
    const milliseconds = quick ? 40 : 100;
    const loads = COUNTS.map((count) => ({
      count,
      load: workload(count),
      seen: [] as number[],
      fresh: [] as number[],
    }));
    for (const { load } of loads) {
      seenRate(load, 100);
      newRate(load, 20);
    }
    // By turns, so that a slow spell of the machine falls on all of them.
    for (let slice = 0; slice < SLICES; slice++) {
      for (const { load, seen, fresh } of loads) {
        seen.push(seenRate(load, milliseconds));
        fresh.push(newRate(load, milliseconds / 5));
      }
    }
    return Object.fromEntries(
      loads.flatMap(({ count, seen, fresh }) => [
        [`${count} policies`, median(seen)],
        [`${count} policies, new connections`, median(fresh)],
      ]),
    );
  },
};
