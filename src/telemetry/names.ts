/** Every metric of a gateway: its name, its help, its labels. docs/metrics.md explains them to users. */

export interface MetricDefinition<
  Type extends "counter" | "gauge" | "histogram" = MetricType,
  Label extends string = string,
> {
  name: string;
  help: string;
  type: Type;
  labels: readonly Label[];
  /** Upper bounds of a histogram's buckets, rising, without +Inf. */
  buckets?: readonly number[];
}

export type MetricType = "counter" | "gauge" | "histogram";

/**
 * How a connection ended: both halves were finished, one side reset it, the gateway cut it (policy, certificate, drain),
 * it was refused here or by the other site, or it failed on the way.
 */
export type ConnectionOutcome = "closed" | "reset" | "cut" | "refused" | "failed";

export const METRICS = {
  connections: counter("clusterlink_connections_total", "Connections that are over, by result.", [
    "side",
    "import",
    "export",
    "peer",
    "result",
  ]),
  activeConnections: gauge("clusterlink_connections_active", "Connections that are open now.", [
    "side",
    "import",
    "export",
    "peer",
  ]),
  bytes: counter(
    "clusterlink_bytes_total",
    "Bytes of applications, by direction: in is from clients to services, out is from services to clients.",
    ["side", "import", "export", "peer", "direction"],
  ),
  decisions: counter(
    "clusterlink_decisions_total",
    "Access decisions, by result and by the tier of the policy that made them.",
    ["side", "result", "tier"],
  ),
  openSeconds: histogram(
    "clusterlink_open_seconds",
    "Time from a connection's arrival until the exporting side has answered: at the client's side a round trip and the dial, at the server's side the dial.",
    ["side"],
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ),
  tunnels: gauge("clusterlink_tunnels", "Tunnels by their state.", ["peer", "role", "state"]),
  handshakes: counter(
    "clusterlink_tunnel_handshakes_total",
    "TLS handshakes on the peer port and with other sites, by result.",
    ["role", "result"],
  ),
  refusedAccepts: counter(
    "clusterlink_accepts_refused_total",
    "Connections terminated right after accept, to protect the gateway.",
    ["reason"],
  ),
  accessLogDropped: counter(
    "clusterlink_access_log_dropped_total",
    "Access log lines lost because the reader of standard output was too slow or gone.",
    [],
  ),
  heartbeats: counter("clusterlink_heartbeats_total", "Heartbeats to other sites, by result.", ["peer", "result"]),
  peerReachable: gauge("clusterlink_peer_reachable", "Whether a peer answers heartbeats: 1 or 0.", ["peer"]),
  snapshotLag: gauge("clusterlink_snapshot_lag", "How many changes a relay has not applied yet; 0 is up to date.", [
    "relay",
  ]),
  relayRestarts: counter("clusterlink_relay_restarts_total", "How often a relay process was replaced.", ["relay"]),
  certificateExpiry: gauge(
    "clusterlink_certificate_expiry_timestamp_seconds",
    "When a certificate in use ends, in seconds since the epoch.",
    ["role", "subject"],
  ),
  buildInfo: gauge("clusterlink_build_info", "Always 1; the label tells the version.", ["version"]),
  processCpu: counter("process_cpu_seconds_total", "Processor time that a process has used, in seconds.", ["role"]),
  processMemory: gauge("process_resident_memory_bytes", "Memory that a process holds, in bytes.", ["role"]),
  processOpenFds: gauge("process_open_fds", "File descriptors that a process has open.", ["role"]),
  processMaxFds: gauge("process_max_fds", "File descriptors that a process may have open.", ["role"]),
  processStart: gauge("process_start_time_seconds", "When a process started, in seconds since the epoch.", ["role"]),
} as const;

function counter<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
): MetricDefinition<"counter", Label> {
  return { name, help, type: "counter", labels };
}

function gauge<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
): MetricDefinition<"gauge", Label> {
  return { name, help, type: "gauge", labels };
}

function histogram<Label extends string>(
  name: string,
  help: string,
  labels: readonly Label[],
  buckets: readonly number[],
): MetricDefinition<"histogram", Label> {
  return { name, help, type: "histogram", labels, buckets };
}
