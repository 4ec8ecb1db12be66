/**
 * What control publishes to the relays: five tables of plain values, keyed by name.
 *
 * Everything a relay needs to decide and to dial is in here, so that no other process is on the path of a
 * connection. All values are JSON; none holds a function, a class or a date object.
 */

import type { AccessPolicySpec } from "../resources/access-policy.ts";
import type { ImportSource, LbScheme } from "../resources/import.ts";
import type { ObjectKey } from "../resources/meta.ts";

export interface GatewayAddress {
  host: string;
  port: number;
}

/** One Import, with the port that it listens on. Key: `NAMESPACE/NAME`. */
export interface ImportEntry {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  /** The port to bind; absent while none could be allotted or the chosen one conflicts. */
  listen?: { address: string; port: number };
  sources: ImportSource[];
  lbScheme: LbScheme;
}

/** One Export, with the address to dial. Key: `NAMESPACE/NAME`. */
export interface ExportEntry {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  host: string;
  port: number;
}

/** One valid policy. Key: `privileged/NAME` or `regular/NAMESPACE/NAME`. */
export interface PolicyEntry {
  tier: "privileged" | "regular";
  /** The namespace of a regular policy. */
  namespace?: string;
  name: string;
  spec: AccessPolicySpec;
}

/** One peer. Key: its name, which is the first DNS SAN of its certificate. */
export interface PeerEntry {
  name: string;
  gateways: GatewayAddress[];
  /** By index of `gateways`: whether heartbeats reach it. */
  reachable: boolean[];
  /** As the peer reports them; absent until it has. */
  labels?: Record<string, string>;
}

/** Who an address belongs to. Key: a CIDR in canonical form (`10.0.0.7/32`, `fd00::/64`). */
export interface ClientEntry {
  namespace: string;
  serviceAccount?: string;
  labels: Record<string, string>;
  /** The same prefix is claimed twice: clients in it stay unidentified. */
  ambiguous?: true;
}

/** PEM texts in use. A relay keeps them in memory only. */
export interface CertificateEntry {
  ca: string;
  cert: string;
  key: string;
  /** The site's own name: the first DNS SAN of `cert`. */
  name: string;
  /** Milliseconds since the epoch. */
  notAfter: number;
}

/** What holds for the whole site. Single key: `self`. */
export interface SiteEntry {
  name: string;
  /** Changes with every start of the gateway; tells two gateways of one peer apart. */
  instance: string;
  labels: Record<string, string>;
  listen: { address: string; port: number };
  certificates: CertificateEntry;
  /** Path of the socket that takes what `--expose-api` lets in; absent when it is off. */
  exposedApi?: string;
  /** Base64 of the key that `/authz` tokens are signed with. */
  authzKey: string;
  /** Base64 of other keys whose tokens are good too, while the key is being replaced; absent when there is none. */
  acceptedAuthzKeys?: string[];
  /** False once the pod watch has been without success for `--identity-max-age`: `client.*` are unknown then. */
  clientsFresh: boolean;
  /**
   * How long a connection from an address that is not among the clients may wait for it to come to be, milliseconds;
   * absent where nothing would come.
   */
  identityWait?: number;
  /** How long a relay without a control that publishes may go on knowing clients, milliseconds; absent where they do not change. */
  identityMaxAge?: number;
  deadlines: Deadlines;
}

/** All in milliseconds. */
export interface Deadlines {
  handshake: number;
  open: number;
  dial: number;
  grace: number;
}

/** The tables by name; each maps a key to a value. */
export interface Tables {
  site: Record<"self", SiteEntry>;
  imports: Record<ObjectKey, ImportEntry>;
  exports: Record<ObjectKey, ExportEntry>;
  policies: Record<string, PolicyEntry>;
  peers: Record<string, PeerEntry>;
  clients: Record<string, ClientEntry>;
}

export type TableName = keyof Tables;

/** `epoch` is new with every control process; `n` rises by one with every delta. */
export interface Version {
  epoch: string;
  n: number;
}

/**
 * @returns the row of that key, if there is one. Names come from other sites and from whoever asks: one like `constructor`
 * must not find what every object inherits.
 */
export function rowOf<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
