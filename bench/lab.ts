/** What every subject finds on the machine: certificates, the services behind the proxies, a folder. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Children } from "./children.ts";
import { type Address, accepts, LOOPBACK } from "./ports.ts";

/** What the proxies carry. `http` answers requests, `iperf3` swallows, `redis` answers PING, `echo` sends back. */
export const SERVICES = ["http", "iperf3", "redis", "echo"] as const;
export type Service = (typeof SERVICES)[number];
export type Addresses = Readonly<Partial<Record<Service, Address>>>;

/** The names of the two sites, which their certificates carry. */
export const IMPORTING = "importing";
export const EXPORTING = "exporting";
export type Site = typeof IMPORTING | typeof EXPORTING;

/** Where the processes of a site run: on this machine's loopback interface, or in a network namespace. */
export interface Place {
  /** The address at which the other site reaches what listens there. Clients of its own use the loopback interface. */
  readonly host: string;
  /** @returns the command line that starts this one there. */
  within(command: readonly string[]): string[];
  /** @returns whether somebody accepts connections at an address, asked from there. */
  accepts(address: Address): Promise<boolean>;
}

/** Paths of PEM files. */
export interface Certificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one file. */
  readonly both: string;
}

export interface Lab {
  readonly children: Children;
  readonly certificates: Readonly<Record<Site, Certificate>>;
  readonly places: Readonly<Record<Site, Place>>;
  /** Where the services themselves listen. */
  readonly backends: Addresses;
  /** How many workers or threads each proxy gets: the number of cores. */
  readonly workers: number;
  /** Makes a folder that no other has. */
  folder(name: string): string;
}

/** Both sites on the loopback interface. */
const here: Place = { host: LOOPBACK, within: (command) => [...command], accepts };
export const LOOPBACK_PLACES: Lab["places"] = { [IMPORTING]: here, [EXPORTING]: here };

/** Issues both sites' certificates (ECDSA P-256, one CA) with our own executable. */
export async function createCertificates(children: Children, executable: string): Promise<Lab["certificates"]> {
  const path = children.folder;
  await children.run([executable, "create", "fabric", "--name", "fabric", "--path", path]);
  const issue = async (name: Site): Promise<Certificate> => {
    await children.run([executable, "create", "peer-cert", "--fabric", "fabric", "--name", name, "--path", path]);
    const file = (kind: string) => join(path, "fabric", name, kind);
    const both = file("both.pem");
    const parts = [readFileSync(file("cert.pem")), readFileSync(file("key.pem"))];
    writeFileSync(both, Buffer.concat(parts), { mode: 0o600 });
    return { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem"), both };
  };
  return { [IMPORTING]: await issue(IMPORTING), [EXPORTING]: await issue(EXPORTING) };
}

/** @returns a function that makes numbered folders below `root`. */
export function folders(root: string): Lab["folder"] {
  let count = 0;
  return (name) => {
    const folder = join(root, `${name}-${count++}`);
    mkdirSync(folder);
    return folder;
  };
}
