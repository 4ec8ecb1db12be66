import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { shortAge } from "../../src/cli/age.ts";
import { ColumnPrinter, table } from "../../src/cli/columns.ts";
import { explanationLines } from "../../src/cli/explain-text.ts";
import { statusLines } from "../../src/cli/status-text.ts";
import { TablePrinter } from "../../src/cli/table.ts";
import { readDuration } from "../../src/cli/ttl.ts";

describe("an age is shown as", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const cases = [
    ["seconds below two minutes", 119 * second, "119s"],
    ["minutes and seconds below ten", 3 * minute + 5 * second, "3m5s"],
    ["minutes without a rest of zero", 3 * minute, "3m"],
    ["minutes below three hours", 90 * minute, "90m"],
    ["hours and minutes below eight", 3 * hour + 7 * minute, "3h7m"],
    ["hours below two days", 47 * hour, "47h"],
    ["days from then on", 49 * hour, "2d"],
    ["zero when the clocks disagree", -5 * second, "0s"],
  ] as const;
  test.each(cases)("%s", (_rule, age, text) => expect(shortAge(1_000_000_000_000, 1_000_000_000_000 + age)).toBe(text));
});

describe("a duration", () => {
  test.each([
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["30d", 2_592_000_000],
    ["1y", 31_536_000_000],
  ] as const)("'%s' is read", (text, milliseconds) => expect(readDuration("--ttl", text)).toBe(milliseconds));
  test.each(["", "0s", "5", "-1h", "1h x", "h", "1e3s"])("'%s' is refused with the option's name", (text) => {
    expect(() => readDuration("--ttl", text)).toThrow(`--ttl '${text}' is no duration`);
  });
});

test("every column starts at the same place on every line", () => {
  const cell = fc.stringMatching(/^[a-z]{1,9}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
      const lines = table(["a", "b", "c"], rows);
      const starts = lines.map((line) => [...line.matchAll(/\S+/g)].map((match) => match.index));
      expect(new Set(starts.map((one) => one.join())).size).toBe(1);
    }),
  );
});

test("a column of a watch never gets narrower", () => {
  const printer = new ColumnPrinter();
  printer.lines([["a-long-name", "x"]]);
  expect(printer.lines([["b", "y"]])).toEqual(["b             y"]);
});

describe("a server-side table", () => {
  const columnDefinitions = [
    { name: "Name", priority: 0 },
    { name: "Port", priority: 0 },
    { name: "Sources", priority: 1 },
  ];
  const rows = [{ cells: ["web", 80, "berlin"], object: { metadata: { namespace: "shop" } } }];
  test("leaves out the columns of lower priority", () => {
    const printer = new TablePrinter({ wide: false, namespace: false });
    expect(printer.lines({ columnDefinitions, rows })).toEqual(["NAME   PORT", "web    80"]);
  });
  test("shows them when wide, and namespaces when asked", () => {
    const printer = new TablePrinter({ wide: true, namespace: true });
    expect(printer.lines({ columnDefinitions, rows })).toEqual([
      "NAMESPACE   NAME   PORT   SOURCES",
      "shop        web    80     berlin",
    ]);
  });
  test("prints its header once", () => {
    const printer = new TablePrinter({ wide: false, namespace: false, prefix: "import.clusterlink.net/" });
    printer.lines({ columnDefinitions, rows });
    expect(printer.lines({ columnDefinitions: null, rows })).toEqual(["import.clusterlink.net/web   80"]);
  });
});

test("an explanation tells the verdict, each candidate in order, and marks the policy that decides", () => {
  const lines = explanationLines({
    allowed: true,
    decidedBy: "shop/allow-web",
    summary: "berlin would be tried first",
    from: { "peer.clusterlink.net/name": "oslo" },
    unknown: ["from client.clusterlink.net/*"],
    candidates: [
      {
        to: { "peer.clusterlink.net/name": "berlin" },
        source: { peer: "berlin", exportName: "web", exportNamespace: "shop" },
        reason: "reachable, next in turn",
        allowed: true,
        decidedBy: "shop/allow-web",
        considered: [
          { policy: "shop/no-cats", tier: "regular", action: "deny", from: "no-match", to: "match", decisive: false },
          { policy: "shop/allow-web", tier: "regular", action: "allow", from: "match", to: "match", decisive: true },
        ],
      },
    ],
  });
  expect(lines).toEqual([
    "ALLOWED: berlin would be tried first",
    "",
    "From      peer.clusterlink.net/name=oslo",
    "Unknown   from client.clusterlink.net/*",
    "",
    "Source berlin: shop/web - allowed by shop/allow-web",
    "   reachable, next in turn",
    "   To     peer.clusterlink.net/name=berlin",
    "   POLICY           TIER      ACTION   FROM       TO",
    "   shop/no-cats     regular   deny     no-match   match",
    "   shop/allow-web   regular   allow    match      match   <- decides",
    "",
    "Site berlin decides, too. Ask it there: clusterlink explain --peer oslo --export shop/web",
  ]);
});

describe("what the importing site allows is asked of the exporting one, too,", () => {
  const candidate = {
    to: {},
    source: { peer: "berlin", exportName: "web", exportNamespace: "shop" },
    reason: "",
    allowed: true,
    decidedBy: "shop/a",
    considered: [],
  };
  const from = { "peer.clusterlink.net/name": "oslo" };
  const lastLine = (explanation: Partial<Parameters<typeof explanationLines>[0]>) =>
    explanationLines({
      allowed: true,
      decidedBy: "shop/a",
      summary: "",
      from,
      unknown: [],
      candidates: [candidate],
      ...explanation,
    }).at(-1);
  test("with the client as the policies see it", () => {
    const client = { "client.clusterlink.net/namespace": "shop", "client.clusterlink.net/labels.app": "it's" };
    expect(lastLine({ from: { ...from, ...client } })).toEndWith(
      "clusterlink explain --peer oslo --client 'namespace=shop,labels.app=it'\\''s' --export shop/web",
    );
  });
  test("of the source that is tried first of those that are allowed", () => {
    const other = { ...candidate, source: { peer: "paris", exportName: "web", exportNamespace: "shop" } };
    expect(lastLine({ candidates: [{ ...candidate, allowed: false }, other] })).toStartWith("Site paris decides, too.");
  });
  test("and what is refused is not", () => {
    expect(lastLine({ allowed: false, candidates: [{ ...candidate, allowed: false }] })).not.toContain("decides, too");
    expect(lastLine({ allowed: false, summary: "no source has a Peer" })).not.toContain("decides, too");
  });
  test("and the exporting site is not sent to another", () => {
    const { source: _, ...own } = candidate;
    expect(lastLine({ candidates: [own] })).not.toContain("decides, too");
  });
});

test("a status names unreachable peers with their last error, and every problem once", () => {
  const failure = { key: "shop/web", port: 80, code: "EACCES", message: "port 80 on :: cannot be bound: EACCES" };
  const peer = { key: "peer", port: 443, code: "EACCES", message: "port 443 on :: cannot be bound: EACCES" };
  const lines = statusLines(
    {
      name: "oslo",
      version: "1.2.3",
      startedAt: "2026-01-01T00:00:00Z",
      labels: {},
      ready: false,
      notReady: ["the peer port is not bound"],
      snapshot: { epoch: "e", n: 1 },
      relays: [
        { index: 0, pid: 10, lag: 0, failedListeners: [failure] },
        { index: 1, pid: 11, lag: 2, failedListeners: [failure, peer] },
      ],
      peers: [
        {
          name: "berlin",
          reachable: false,
          gateways: [{ host: "fd00::1", port: 8443, reachable: false, lastError: "timed out" }],
        },
      ],
      certificates: [{ role: "site", subject: "oslo", notAfter: "2027-01-01T00:00:00Z", daysLeft: 364.5 }],
      problems: ["a.yaml: no kind"],
      connections: 3,
    },
    Date.parse("2026-01-01T00:01:00Z"),
  );
  expect(lines).toEqual([
    "Site          oslo (clusterlink 1.2.3, up 60s)",
    "Ready         no: the peer port is not bound",
    "Labels        -",
    "Relays        2 running, 1 up to date",
    "Connections   3",
    "",
    "PEER     REACHABLE   GATEWAYS                       LABELS   ERROR",
    "berlin   no          [fd00::1]:8443 (unreachable)   -        timed out",
    "",
    "CERTIFICATE   SUBJECT   EXPIRES                DAYS LEFT",
    "site          oslo      2027-01-01T00:00:00Z   364",
    "",
    "Problems:",
    "  a.yaml: no kind",
    "  Import shop/web: port 80 on :: cannot be bound: EACCES; free the port, or set another spec.targetPort",
    "  peer port: port 443 on :: cannot be bound: EACCES; free it, or choose another --listen",
  ]);
});
