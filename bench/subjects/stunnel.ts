import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXPORTING, IMPORTING, type Lab, type Site } from "../lab.ts";
import { formatAddress } from "../ports.ts";
import { findProgram, versionOf } from "../programs.ts";
import { startPair } from "./pair.ts";
import type { Route, Subject } from "./subject.ts";

/** @returns stunnel as client and as server, or why it cannot be measured. It has a thread for each connection. */
export function stunnel(): Subject | string {
  const executable = findProgram("stunnel");
  if (executable === undefined) return "stunnel is not installed";
  return {
    name: "stunnel",
    role: "peer",
    version: versionOf(executable, "-version"),
    start: (lab) =>
      startPair("stunnel", lab, (site, routes) => {
        const file = join(lab.folder("stunnel"), "stunnel.conf");
        writeFileSync(file, `${base(lab, site)}${routes.map(site === IMPORTING ? importing : exporting).join("")}`);
        return [[executable, file]];
      }),
  };
}

function base({ certificates }: Lab, site: Site): string {
  const { ca, cert, key } = certificates[site];
  return `foreground = yes
pid =
syslog = no
debug = warning
cert = ${cert}
key = ${key}
CAfile = ${ca}
verifyChain = yes
TIMEOUTidle = 3600
`;
}

const importing = ({ service, entry, between }: Route) => `
[${service}]
client = yes
accept = ${formatAddress(entry)}
connect = ${formatAddress(between)}
sni = ${EXPORTING}
checkHost = ${EXPORTING}
`;

const exporting = ({ service, between, backend }: Route) => `
[${service}]
accept = ${formatAddress(between)}
connect = ${formatAddress(backend)}
`;
