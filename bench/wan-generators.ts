/** Runs load generators at the near end of a wide-area link. */
import { join } from "node:path";
import type { Iperf3Run } from "./generator-output.ts";
import { iperf3 } from "./generators.ts";
import { IMPORTING, type Lab } from "./lab.ts";
import type { Address } from "./ports.ts";

const CLIENT = join(import.meta.dir, "wan-client.ts");

/** A round trip on the link of the figures takes 50 ms. */
export const ROUND_TRIP = "delay=25ms";
/** Each way. */
export const LOSS = "loss=1";

/** iperf3's server carries one test at a time, and over a lossy link it learns late that the last one is over. */
const TRIES = 5;
const PAUSE_MS = 1_000;
const STILL_BUSY = /busy running a test|reset by peer/;

/** As {@link iperf3}, from the importing site. */
export async function iperf3There(
  { children, places }: Lab,
  entry: Address,
  streams: number,
  seconds: number,
): Promise<Iperf3Run> {
  const run = (command: readonly string[]) => children.run(places[IMPORTING].within(command));
  for (let attempt = 1; ; attempt++) {
    try {
      return await iperf3({ run }, entry, { streams, seconds });
    } catch (error) {
      if (attempt === TRIES || !STILL_BUSY.test((error as Error).message)) throw error;
      await Bun.sleep(PAUSE_MS);
    }
  }
}

/** @returns the times that an application in the importing site measures, in milliseconds; see wan-client.ts. */
export async function timesThere(
  { children, places }: Lab,
  role: "first-byte" | "download" | "ping",
  { host, port }: Address,
  amount: number,
): Promise<number[]> {
  const command = [process.execPath, CLIENT, role, host, String(port), String(amount)];
  return JSON.parse(await children.run(places[IMPORTING].within(command))) as number[];
}
