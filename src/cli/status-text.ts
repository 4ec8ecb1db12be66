/** `/status` for people. */
import { formatHostPort } from "../resources/address.ts";
import type { ListenerFailure } from "../snapshot/messages.ts";
import type { PeerStatusView, SiteStatus } from "../snapshot/status.ts";
import { shortAge } from "./age.ts";
import { table } from "./columns.ts";

/** @returns the status as lines: the site first, then its peers and certificates, then what is wrong. */
export function statusLines(status: SiteStatus, now: number): string[] {
  return [
    ...siteLines(status, now),
    ...section(peerLines(status.peers)),
    ...section(certificateLines(status)),
    ...section(problemLines(status)),
  ];
}

function siteLines(status: SiteStatus, now: number): string[] {
  const rows = [
    ["Site", `${status.name} (clusterlink ${status.version}, up ${shortAge(status.startedAt, now)})`],
    ["Ready", status.ready ? "yes" : `no: ${status.notReady.join("; ")}`],
    ["Labels", labelText(status.labels)],
    ["Relays", relayText(status)],
    ["Connections", String(status.connections)],
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return rows.map(([name = "", value = ""]) => `${name.padEnd(width)}   ${value}`);
}

function relayText({ relays }: SiteStatus): string {
  const current = relays.filter((relay) => relay.lag === 0).length;
  return `${relays.length} running, ${current} up to date`;
}

function peerLines(peers: PeerStatusView[]): string[] {
  if (peers.length === 0) return ["No peers: name the other sites with a Peer object"];
  const rows = peers.map((peer) => [
    peer.name,
    peer.reachable ? "yes" : "no",
    peer.gateways
      .map((gateway) => `${formatHostPort(gateway.host, gateway.port)}${gateway.reachable ? "" : " (unreachable)"}`)
      .join(", "),
    labelText(peer.labels ?? {}),
    peer.gateways.find((gateway) => gateway.lastError !== undefined && !gateway.reachable)?.lastError ?? "",
  ]);
  return table(["peer", "reachable", "gateways", "labels", "error"], rows);
}

function certificateLines({ certificates }: SiteStatus): string[] {
  const rows = certificates.map((one) => [one.role, one.subject, one.notAfter, String(Math.floor(one.daysLeft))]);
  return table(["certificate", "subject", "expires", "days left"], rows);
}

function problemLines({ problems, relays }: SiteStatus): string[] {
  const unbound = relays.flatMap((relay) => relay.failedListeners).map(listenerProblem);
  const all = [...new Set([...problems, ...unbound])];
  return all.length === 0 ? [] : ["Problems:", ...all.map((problem) => `  ${problem}`)];
}

function listenerProblem({ key, message }: ListenerFailure): string {
  return key === "peer"
    ? `peer port: ${message}; free it, or choose another --listen`
    : `Import ${key}: ${message}; free the port, or set another spec.targetPort`;
}

function section(lines: string[]): string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? "-" : pairs.join(",");
}
