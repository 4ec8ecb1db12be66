import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXPORTING, IMPORTING, type Lab } from "../lab.ts";
import { formatAddress } from "../ports.ts";
import { findProgram, versionOf } from "../programs.ts";
import { startPair } from "./pair.ts";
import type { Commands, Route, Subject } from "./subject.ts";

/** @returns HAProxy in TCP mode on both sides, or why it cannot be measured. */
export function haproxy(): Subject | string {
  const executable = findProgram("haproxy");
  if (executable === undefined) return "haproxy is not installed";
  const commands: Commands = (site, routes, lab) => {
    const file = join(lab.folder("haproxy"), "haproxy.cfg");
    writeFileSync(
      file,
      `${base(lab, routes.length)}${routes.map(site === IMPORTING ? importing(lab) : exporting(lab)).join("")}`,
    );
    return [[executable, "-db", "-f", file]];
  };
  const version = versionOf(executable, "-v");
  return { name: "haproxy", role: "peer", version, commands, start: (lab) => startPair("haproxy", lab, commands) };
}

/** It reserves two descriptors for each connection that it may have, besides one for each listener; 20,000 are enough. */
const CONNECTIONS = 9_000;

function base({ workers }: Lab, listeners: number): string {
  return `global
  nbthread ${workers}
  maxconn ${CONNECTIONS - listeners}

defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
`;
}

function importing({ certificates }: Lab) {
  const { ca, both } = certificates[IMPORTING];
  return ({ service, entry, between }: Route) => `
listen ${service}
  bind ${formatAddress(entry)}
  server far ${formatAddress(between)} ssl verify required ca-file ${ca} crt ${both} sni str(${EXPORTING}) verifyhost ${EXPORTING}
`;
}

function exporting({ certificates }: Lab) {
  const { ca, both } = certificates[EXPORTING];
  return ({ service, between, backend }: Route) => `
listen ${service}
  bind ${formatAddress(between)} ssl crt ${both} ca-file ${ca} verify required
  server service ${formatAddress(backend)}
`;
}
