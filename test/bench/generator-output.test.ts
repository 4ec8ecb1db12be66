import { describe, expect, test } from "bun:test";
import { readIperf3, readRedisBenchmark, readWrk } from "../../bench/generator-output.ts";

const WRK = `Running 1s test @ http://127.0.0.1:16402/
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.12ms    1.39ms  10.38ms   66.61%
    Req/Sec   624.90     86.38   757.00     70.00%
  Latency Distribution
     50%  112.00us
     75%    3.91ms
     90%    4.88ms
     99%    1.02s
  6220 requests in 1.00s, 2.80MB read
Requests/sec:    6211.50
Transfer/sec:      2.80MB
`;

describe("wrk", () => {
  test("its latencies are milliseconds, whatever unit it prints", () => {
    expect(readWrk(WRK)).toEqual({ requests: 6220, requestsPerSecond: 6211.5, p50: 0.112, p99: 1020 });
  });

  test("a few socket errors do not spoil a run", () => {
    expect(readWrk(`${WRK}  Socket errors: connect 0, read 3, write 0, timeout 2\n`).requestsPerSecond).toBe(6211.5);
  });

  test.each(["  Socket errors: connect 0, read 900, write 0, timeout 12\n", "  Non-2xx or 3xx responses: 6220\n"])(
    "a run with many errors has no rate:%p",
    (line) => {
      expect(() => readWrk(WRK + line)).toThrow(/errors in 6220 requests/);
    },
  );

  test("a text that is something else is shown", () => {
    expect(() => readWrk("unable to connect")).toThrow(/unable to connect/);
  });
});

describe("iperf3", () => {
  test("what counts is what the receiver got", () => {
    const end = {
      sum_sent: { bytes: 9, bits_per_second: 9e9 },
      sum_received: { bytes: 2_389_442_560, bits_per_second: 19_095_719_123.5 },
      streams: [
        { sender: { bits_per_second: 9e9 }, receiver: { bits_per_second: 1e9 } },
        { sender: { bits_per_second: 9e9 }, receiver: { bits_per_second: 2.5e9 } },
      ],
    };
    expect(readIperf3(JSON.stringify({ end }))).toEqual({
      bytes: 2_389_442_560,
      gigabitsPerSecond: 19.0957191235,
      streams: [1, 2.5],
    });
  });

  test.each([
    [{ intervals: [], end: {}, error: "unable to connect to server: Connection refused" }, "Connection refused"],
    [{ end: {} }, "no received bytes"],
  ])("a report without a result says why: %j", (report, reason) => {
    expect(() => readIperf3(JSON.stringify(report))).toThrow(reason);
  });
});

describe("redis-benchmark", () => {
  const header =
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"';

  test("columns are found by their names", () => {
    const text = `${header}\n"PING_MBULK","33333.34","0.026","0.016","0.023","0.055","0.063","2.687"\n`;
    expect(readRedisBenchmark(text)).toEqual({ requestsPerSecond: 33333.34, p50: 0.023, p99: 0.063 });
  });

  test.each(["", header, "Could not connect to Redis"])("a text without a result is shown: %p", (text) => {
    expect(() => readRedisBenchmark(text)).toThrow(/no rps/);
  });
});
