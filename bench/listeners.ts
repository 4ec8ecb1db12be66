/** Who listens, as the kernel tells (proc_net_tcp(5)); Linux and IPv4 only. */
import { readFileSync } from "node:fs";

/** State of a socket that listens. */
const LISTEN = "0A";

/** @returns how many ports of that address somebody listens on now. */
export function countListeners(host: string): number {
  return listeningPorts(readFileSync("/proc/net/tcp", "utf8"), host).size;
}

/**
 * @param table - as `/proc/net/tcp` has it, on a machine with the least significant byte first
 * @param host - an IPv4 address
 */
export function listeningPorts(table: string, host: string): Set<number> {
  const hexadecimal = (octet: string) => Number(octet).toString(16).padStart(2, "0").toUpperCase();
  const local = `: ${host.split(".").reverse().map(hexadecimal).join("")}:`;
  const ports = new Set<number>();
  for (const line of table.split("\n")) {
    const at = line.indexOf(local);
    if (at < 0) continue;
    const [port = "", , state] = line.slice(at + local.length).split(" ");
    if (state === LISTEN) ports.add(Number.parseInt(port, 16));
  }
  return ports;
}
