/** Runs the well-known load generators. */
import { readFileSync } from "node:fs";
import type { Children } from "./children.ts";
import {
  type Iperf3Run,
  type RedisRun,
  readIperf3,
  readRedisBenchmark,
  readWrk,
  type WrkRun,
} from "./generator-output.ts";
import { type OfferedRun, readH2loadLog, spreadingPeriod, summarizeLog } from "./h2load-log.ts";
import { type Address, formatAddress } from "./ports.ts";
import { program } from "./programs.ts";

/** What wrk sends. */
export interface Load {
  readonly connections: number;
  readonly seconds: number;
  /** Makes each request a connection of its own. */
  readonly close?: boolean;
  readonly path?: string;
}

/** Sends requests over `connections` connections as fast as they are answered. */
export async function wrk(
  children: Children,
  entry: Address,
  { connections, seconds, close = false, path = "/" }: Load,
): Promise<WrkRun> {
  const threads = Math.min(2, connections);
  const load = [`--threads=${threads}`, `--connections=${connections}`, `--duration=${seconds}s`, "--latency"];
  const header = close ? ["--header", "Connection: close"] : [];
  return readWrk(await children.run([program("wrk"), ...load, ...header, `http://${formatAddress(entry)}${path}`]));
}

/** Sends bytes over `streams` connections, for `seconds` or until `bytes` have been sent. */
export async function iperf3(
  children: Pick<Children, "run">,
  entry: Address,
  { streams, ...until }: { streams: number } & ({ seconds: number } | { bytes: number }),
): Promise<Iperf3Run> {
  const length = "seconds" in until ? ["--time", String(until.seconds)] : ["--bytes", String(until.bytes)];
  const where = ["--client", entry.host, "--port", String(entry.port), "--connect-timeout", "5000"];
  return readIperf3(
    await children.run([program("iperf3"), ...where, "--parallel", String(streams), ...length, "--json"]),
  );
}

/** One client that sends PING, waits for the answer, and sends the next. */
export async function redisPing(children: Children, entry: Address, requests: number): Promise<RedisRun> {
  const where = ["-h", entry.host, "-p", String(entry.port)];
  const load = ["-c", "1", "-n", String(requests), "-t", "ping_mbulk", "--csv"];
  return readRedisBenchmark(await children.run([program("redis-benchmark"), ...where, ...load]));
}

/** Clients of a constant rate: so many that each has time for its request until its next is due. */
const CLIENTS = 256;
/** What is not measured once all clients have begun, and before the first is done, in milliseconds. */
const MARGIN = 200;

/**
 * Sends requests at a constant rate over {@link CLIENTS} connections, however long the answers take.
 * @param rate - requests a second, of all clients together
 * @param seconds - that are measured, while all clients send
 * @param log - a file that is not there yet
 * @throws {Error} when some are not answered
 */
export async function constantRate(
  children: Children,
  entry: Address,
  { rate, seconds, log }: { rate: number; seconds: number; log: string },
): Promise<OfferedRun> {
  const interval = (CLIENTS / rate) * 1000;
  const period = spreadingPeriod(CLIENTS, interval);
  const begun = CLIENTS * period + MARGIN;
  const each = Math.ceil((begun + seconds * 1000 + MARGIN) / interval);
  const clients = [`--clients=${CLIENTS}`, "--rate=1", `--rate-period=${period}ms`, `--rps=${rate / CLIENTS}`];
  const load = ["--h1", `--requests=${each * CLIENTS}`, `--log-file=${log}`];
  await children.run([program("h2load"), ...clients, ...load, `http://${formatAddress(entry)}/`]);
  return summarizeLog(readH2loadLog(readFileSync(log, "utf8")), { begun, seconds, interval });
}
