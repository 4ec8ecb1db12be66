import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "./children.ts";
import type { Lab } from "./lab.ts";
import type { Address } from "./ports.ts";
import { until } from "./waiting.ts";

const HOLDER = join(import.meta.dir, "holder.ts");

/** A slow proxy needs its time for thousands of handshakes, in milliseconds. */
const OPEN_LIMIT = 120_000;

/**
 * Opens that many connections, each of which carries a byte to the echo service and back, and is idle then.
 * @returns the process that holds them until it is ended
 */
export async function hold({ children }: Lab, { host, port }: Address, count: number): Promise<Child> {
  const child = children.start("holder", [process.execPath, HOLDER, "hold", host, String(port), String(count)]);
  const held = () => {
    children.expectRunning(child);
    return readFileSync(child.log, "utf8").includes("held");
  };
  try {
    await until(`${count} connections are open`, held, OPEN_LIMIT);
    return child;
  } catch (error) {
    await children.end(child);
    throw error;
  }
}
