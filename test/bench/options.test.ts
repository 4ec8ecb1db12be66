import { describe, expect, spyOn, test } from "bun:test";
import { CommanderError } from "commander";
import { parseOptions, select } from "../../bench/options.ts";
import { parseEntries, parsePorts } from "../../bench/subjects/entries.ts";

describe("options", () => {
  test("without any, everything is measured in five rounds", () => {
    expect(parseOptions([])).toEqual({
      only: [],
      subjects: [],
      rounds: 5,
      idle: 30,
      quick: false,
      json: "dist/bench.json",
    });
  });

  test("--quick has three rounds unless --rounds says otherwise", () => {
    expect(parseOptions(["--quick"]).rounds).toBe(3);
    expect(parseOptions(["--quick", "--rounds", "7"]).rounds).toBe(7);
  });

  test("--quick waits five seconds for what comes after a rest unless --idle says otherwise", () => {
    expect(parseOptions(["--quick"]).idle).toBe(5);
    expect(parseOptions(["--quick", "--idle", "600"]).idle).toBe(600);
  });

  test("lists are separated by commas", () => {
    expect(parseOptions(["--only", "redis, cpu", "--subjects", "ours"])).toMatchObject({
      only: ["redis", "cpu"],
      subjects: ["ours"],
    });
  });

  test.each(["--rounds 0", "--rounds 2.5", "--rounds many", "--unknown", "extra"])("%p is refused", (line) => {
    const quiet = spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      expect(() => parseOptions(line.split(" "))).toThrow(CommanderError);
    } finally {
      quiet.mockRestore();
    }
  });
});

describe("selection", () => {
  const known = ["requests-1", "requests-32", "redis"].map((name) => ({ name }));
  const names = (wanted: string[]) => select("figure", known, wanted).map(({ name }) => name);

  test("no name selects all, in their order", () => {
    expect(names([])).toEqual(["requests-1", "requests-32", "redis"]);
    expect(names(["redis", "requests-1"])).toEqual(["requests-1", "redis"]);
  });

  test("a name without its number selects all of that kind", () => {
    expect(names(["requests"])).toEqual(["requests-1", "requests-32"]);
  });

  test.each(["request", "requests-3", "rediss"])("%p names nothing, and the error tells what there is", (name) => {
    expect(() => names([name])).toThrow(`no figure ${name}; there are requests-1, requests-32, redis`);
  });
});

describe("entries that run already", () => {
  test("a service is named with its address; the host may be left out", () => {
    expect(parseEntries("http=10.0.0.1:80, iperf3=5201,redis=[fd00::1]:6379,pids=12+34")).toEqual({
      addresses: {
        http: { host: "10.0.0.1", port: 80 },
        iperf3: { host: "127.0.0.1", port: 5201 },
        redis: { host: "fd00::1", port: 6379 },
      },
      pids: [12, 34],
    });
  });

  test("ports of services stand alone", () => {
    expect(parsePorts("http=8080,echo=7")).toEqual({ http: 8080, echo: 7 });
    expect(parsePorts("")).toEqual({});
  });

  test.each(["ftp=21", "http", "http=x", "http=0", "pids=1+x"])("%p is refused", (text) => {
    expect(() => parseEntries(text)).toThrow(RangeError);
  });
});
