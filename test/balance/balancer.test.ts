import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Balancer } from "../../src/balance/balancer.ts";
import { explainOrder } from "../../src/balance/explain.ts";
import type { Standing } from "../../src/balance/order.ts";
import type { ImportSource, LbScheme } from "../../src/resources/import.ts";

const source = (peer: string): ImportSource => ({ peer, exportName: "orders", exportNamespace: "shop" });
const A = source("a");
const B = source("b");
const C = source("c");
const KEY = "shop/orders";

const reachable = () => "reachable" as const;
const standings =
  (down: string, missing = "") =>
  (one: ImportSource): Standing =>
    missing.includes(one.peer) ? "missing" : down.includes(one.peer) ? "unreachable" : "reachable";

const peers = (sources: ImportSource[]) => sources.map((one) => one.peer).join("");

/** The orders that so many connections get. */
function orders(
  count: number,
  scheme: LbScheme,
  standing = standings(""),
  balancer = new Balancer(() => 0.5),
): string[] {
  return Array.from({ length: count }, () => peers(balancer.order(KEY, [A, B, C], scheme, standing)));
}

describe("the order of sources", () => {
  const cases: [string, LbScheme, (one: ImportSource) => Standing, string[]][] = [
    ["static: as the Import has them, for every connection", "static", standings(""), ["abc", "abc"]],
    ["static: an unreachable peer last", "static", standings("a"), ["bca", "bca"]],
    ["static: a missing peer never", "static", standings("", "b"), ["ac"]],
    ["round-robin: each connection starts one further", "round-robin", standings(""), ["abc", "bca", "cab", "abc"]],
    [
      "round-robin: the reachable share evenly what an unreachable one leaves",
      "round-robin",
      standings("b"),
      ["acb", "cab", "acb"],
    ],
    ["round-robin: the unreachable rotate among themselves", "round-robin", standings("bc"), ["abc", "acb", "abc"]],
    ["round-robin: all unreachable are all tried", "round-robin", standings("abc"), ["abc", "bca"]],
    ["least-connections: rotates while all are equally busy", "least-connections", standings(""), ["abc", "bca"]],
    ["no source has a Peer: nothing to try", "random", standings("", "abc"), [""]],
  ];
  for (const [rule, scheme, standing, expected] of cases) {
    test(rule, () => expect(orders(expected.length, scheme, standing)).toEqual(expected));
  }

  test("random: starts anywhere, goes on round the list", () => {
    const firsts = [0, 0.34, 0.67, 0.999].map(
      (number) => orders(1, "random", standings(""), new Balancer(() => number))[0],
    );
    expect(new Set(firsts)).toEqual(new Set(["abc", "bca", "cab"]));
  });

  test("random: every source is first about as often", () => {
    const balancer = new Balancer();
    const counts = { a: 0, b: 0, c: 0 };
    for (const order of orders(3000, "random", standings(""), balancer)) counts[order[0] as "a" | "b" | "c"]++;
    // 1000 expected with a standard deviation of 26: eight of them away is no chance.
    for (const count of Object.values(counts)) expect(Math.abs(count - 1000)).toBeLessThan(210);
  });

  test("imports take turns apart from each other", () => {
    const balancer = new Balancer();
    balancer.order("x/one", [A, B], "round-robin", reachable);
    expect(peers(balancer.order("x/two", [A, B], "round-robin", reachable))).toBe("ab");
    expect(peers(balancer.order("x/one", [A, B], "round-robin", reachable))).toBe("ba");
  });

  test("a forgotten import starts again, the others go on", () => {
    const balancer = new Balancer();
    balancer.order("x/other", [A, B], "round-robin", reachable);
    balancer.started(KEY, A);
    balancer.order(KEY, [A, B], "round-robin", reachable);
    balancer.forget((key) => key === KEY);
    expect(peers(balancer.order("x/other", [A, B], "round-robin", reachable))).toBe("ba");
    expect(balancer.live(KEY, A)).toBe(0);
    expect(peers(balancer.order(KEY, [A, B], "round-robin", reachable))).toBe("ab");
    balancer.finished(KEY, A);
    expect(balancer.live(KEY, A)).toBe(0);
  });
});

describe("least-connections", () => {
  test("the least busy reachable source is first", () => {
    const balancer = new Balancer();
    for (const one of [A, A, B]) balancer.started(KEY, one);
    expect(peers(balancer.order(KEY, [A, B, C], "least-connections", standings("")))).toBe("cba");
    expect(peers(balancer.order(KEY, [A, B, C], "least-connections", standings("c")))).toBe("bac");
    balancer.finished(KEY, A);
    balancer.finished(KEY, A);
    expect(peers(balancer.order(KEY, [A, B], "least-connections", reachable))).toBe("ab");
  });

  test("two exports of one peer are counted apart", () => {
    const balancer = new Balancer();
    const other = { ...A, exportNamespace: "bank" };
    balancer.started(KEY, A);
    expect(balancer.order(KEY, [A, other], "least-connections", reachable)[0]).toBe(other);
  });

  test("counts never differ by more than one while connections only start, and end at none", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), (count) => {
        const balancer = new Balancer();
        const used: ImportSource[] = [];
        for (let i = 0; i < count; i++) {
          const first = balancer.order(KEY, [A, B, C], "least-connections", reachable)[0]!;
          balancer.started(KEY, first);
          used.push(first);
          const live = [A, B, C].map((one) => balancer.live(KEY, one));
          expect(Math.max(...live) - Math.min(...live)).toBeLessThanOrEqual(1);
        }
        for (const one of used) balancer.finished(KEY, one);
        expect([A, B, C].map((one) => balancer.live(KEY, one))).toEqual([0, 0, 0]);
      }),
    );
  });
});

test("any order holds each source with a Peer once, and no unreachable one before a reachable one", () => {
  const standing = fc.constantFrom<Standing>("reachable", "unreachable", "missing");
  const scheme = fc.constantFrom<LbScheme>("static", "random", "round-robin", "least-connections");
  fc.assert(
    fc.property(fc.array(standing, { maxLength: 8 }), scheme, fc.nat({ max: 20 }), (how, chosen, turns) => {
      const sources = how.map((_, i) => source(`peer-${i}`));
      const standingOf = (one: ImportSource) => how[sources.indexOf(one)]!;
      const balancer = new Balancer();
      for (let turn = 0; turn <= turns; turn++) {
        const order = balancer.order(KEY, sources, chosen, standingOf);
        expect(new Set(order)).toEqual(new Set(sources.filter((one) => standingOf(one) !== "missing")));
        const places = order.map(standingOf);
        expect(
          places.indexOf("unreachable") === -1 || places.lastIndexOf("reachable") < places.indexOf("unreachable"),
        ).toBe(true);
      }
    }),
  );
});

describe("the explanation of an order", () => {
  test("tells why each source stands where it does, the missing ones last", () => {
    const explained = explainOrder([A, B, C], "static", standings("b", "a"));
    expect(explained.map((one) => `${one.source.peer}: ${one.reason}`)).toEqual([
      "c: reachable; static: in the order of the Import",
      "b: tried last: the heartbeats to Peer 'b' fail",
      "a: never tried: there is no Peer 'a'; create one to use this source",
    ]);
  });

  test("counts connections where it is given them", () => {
    const explained = explainOrder([A, B], "least-connections", reachable, (one) => (one === A ? 3 : 0));
    expect(explained.map((one) => `${one.source.peer}: ${one.reason}`)).toEqual([
      "b: reachable; least-connections: 0 live",
      "a: reachable; least-connections: 3 live",
    ]);
  });
});
