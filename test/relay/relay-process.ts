/**
 * One site in a process of its own, so that its limits and its processor time are its own. It reads what it is to be as
 * JSON from the first line of its standard input, and answers each further line with a report.
 */
import { createInterface } from "node:readline";
import type { RelayReport } from "../../src/snapshot/messages.ts";
import type { CertificateEntry } from "../../src/snapshot/tables.ts";
import { Site, source } from "./fabric.ts";

export interface SiteRecipe {
  certificates: CertificateEntry;
  /** The ports of each peer's gateways; `echo` is imported from all of these peers. */
  peers?: Record<string, number[]>;
  /** The port of what is exported as `echo`. */
  echo?: number;
}

export interface Started {
  /** 0 where nothing is imported. */
  importPort: number;
  peerPort: number;
}

export interface ProcessReport extends RelayReport {
  descriptors: number;
}

const print = (value: Started | ProcessReport) => process.stdout.write(`${JSON.stringify(value)}\n`);

if (import.meta.main) {
  let site: Site | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    if (site === undefined) {
      const { certificates, peers = {}, echo }: SiteRecipe = JSON.parse(line);
      site = new Site(certificates).allow();
      if (echo !== undefined) site.addExport("echo", echo);
      for (const [name, ports] of Object.entries(peers)) site.addGateways(name, ports);
      const sources = Object.keys(peers).map((name) => source(name, "echo"));
      const importPort = sources.length === 0 ? 0 : site.addImport("echo", sources);
      await site.publish();
      print({ importPort, peerPort: site.port });
    } else print({ ...(await site.report()), descriptors: site.relay.descriptors.used });
  }
  process.exit(0);
}
