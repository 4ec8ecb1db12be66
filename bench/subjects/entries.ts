import { type Addresses, SERVICES, type Service } from "../lab.ts";
import { processTree } from "../processes.ts";
import type { Subject } from "./subject.ts";

/** What `http=HOST:PORT,iperf3=PORT,pids=12+34` says. */
export interface Entries {
  readonly addresses: Addresses;
  /** The first process of each proxy; their descendants count too. */
  readonly pids: readonly number[];
}

/**
 * @param text - `SERVICE=HOST:PORT` or `SERVICE=PORT`, separated by commas; `pids=N+N` names processes
 * @throws {RangeError} that says what is wrong with it
 */
export function parseEntries(text: string): Entries {
  const addresses: Partial<Record<Service, { host: string; port: number }>> = {};
  const pids: number[] = [];
  for (const part of text.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", value = ""] = part.split("=").map((word) => word.trim());
    if (name === "pids") pids.push(...value.split("+").map((pid) => positive(pid, part)));
    else {
      const colon = value.lastIndexOf(":");
      const host = colon < 0 ? "127.0.0.1" : value.slice(0, colon).replace(/^\[|\]$/g, "");
      addresses[service(name, part)] = { host, port: positive(value.slice(colon + 1), part) };
    }
  }
  return { addresses, pids };
}

/** @throws {RangeError} on anything but `SERVICE=PORT`, separated by commas */
export function parsePorts(text: string): Partial<Record<Service, number>> {
  const entries = Object.entries(parseEntries(text).addresses);
  return Object.fromEntries(entries.map(([name, address]) => [name, address.port]));
}

/** @returns a peer that runs already, started by somebody else: it is measured and never stopped. */
export function runningPeer(name: string, { addresses, pids }: Entries): Subject {
  return {
    name,
    role: "peer",
    version: "as it runs",
    start: async () => ({ entries: addresses, processes: () => pids.flatMap(processTree), async stop() {} }),
  };
}

function service(name: string, part: string): Service {
  const found = SERVICES.find((known) => known === name);
  if (found === undefined) throw new RangeError(`"${part}": the services are ${SERVICES.join(", ")}`);
  return found;
}

function positive(text: string, part: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new RangeError(`"${part}": "${text}" is no number that can be`);
  return number;
}
