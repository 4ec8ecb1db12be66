/** What control and relays say to each other over a Channel. */
import type { MetricFamily } from "./metrics.ts";
import type { TableName, Tables, Version } from "./tables.ts";

/** A change of the tables: whole values set, keys removed. It applies to `base` and nothing else. */
export interface Delta {
  base: Version;
  version: Version;
  set: { [T in TableName]?: Partial<Tables[T]> };
  remove: { [T in TableName]?: string[] };
}

export type ToRelay =
  | { type: "snapshot"; version: Version; tables: Tables }
  | { type: "delta"; delta: Delta }
  /** Asks for a `report` at once; with `connections`, for each live connection, too. */
  | { type: "report"; id: number; connections: boolean }
  /** Stop being ready; stop accepting after `delay` ms; reset what is left `grace` ms later; then exit. */
  | { type: "drain"; delay: number; grace: number };

export type ToControl =
  | { type: "hello"; relay: number; pid: number }
  /** The delta did not fit: send a full snapshot. */
  | { type: "resync" }
  /** Which version is in use, and which listeners could not be bound. Sent after every applied change. */
  | { type: "applied"; version: Version; failedListeners: ListenerFailure[] }
  | { type: "report"; id: number; report: RelayReport };

export interface ListenerFailure {
  /** Key of the Import, or `peer` for the peer port. */
  key: string;
  port: number;
  /** For example EADDRINUSE or EACCES. */
  code: string;
  message: string;
}

/** The state of one relay; counters in `metrics` are cumulative since its start. */
export interface RelayReport {
  relay: number;
  pid: number;
  version: Version;
  metrics: MetricFamily[];
  tunnels: TunnelReport[];
  /** Empty unless they were asked for, and never more than 10,000. */
  connections: ConnectionReport[];
  /** How many connections are live. */
  connectionCount: number;
  /** Labels that peers sent in their HELLO, by peer name. */
  peerLabels: Record<string, Record<string, string>>;
}

export interface TunnelReport {
  peer: string;
  /** `HOST:PORT` for those we dialled, the remote address for those we accepted. */
  address: string;
  role: "opener" | "acceptor";
  state: "handshake" | "idle" | "busy" | "draining";
}

/** One live connection, for `/connections`. Times are milliseconds since the epoch. */
export interface ConnectionReport {
  id: string;
  side: "client" | "server";
  import?: string;
  export?: string;
  peer: string;
  client?: string;
  attributes: Record<string, string>;
  policy: string;
  since: number;
  bytesIn: number;
  bytesOut: number;
}
