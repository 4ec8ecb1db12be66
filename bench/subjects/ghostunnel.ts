import { EXPORTING, IMPORTING, type Lab, type Site } from "../lab.ts";
import { formatAddress } from "../ports.ts";
import { findProgram, versionOf } from "../programs.ts";
import { startPair } from "./pair.ts";
import type { Route, Subject } from "./subject.ts";

/** @returns ghostunnel as client and as server, a pair of processes for each service, or why it cannot be measured. */
export function ghostunnel(): Subject | string {
  const executable = findProgram("ghostunnel");
  if (executable === undefined) return "ghostunnel is not installed (BENCH_GHOSTUNNEL may name its executable)";
  return {
    name: "ghostunnel",
    role: "peer",
    version: versionOf(executable, "--version"),
    start: (lab) =>
      startPair("ghostunnel", lab, (site, routes) => routes.map((route) => [executable, ...words(lab, site, route)])),
  };
}

function words({ certificates }: Lab, site: Site, { entry, between, backend }: Route): string[] {
  const { ca, cert, key } = certificates[site];
  const files = ["--cert", cert, "--key", key, "--cacert", ca];
  const path = (from: Route["entry"], to: Route["entry"]) => [
    "--listen",
    formatAddress(from),
    "--target",
    formatAddress(to),
  ];
  return site === IMPORTING
    ? ["client", ...path(entry, between), ...files, "--override-server-name", EXPORTING]
    : ["server", ...path(between, backend), ...files, "--allow-dns", IMPORTING];
}
